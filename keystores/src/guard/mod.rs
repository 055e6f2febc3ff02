//! Deadlines, retries, bounds and a circuit breaker around any key store. A [`Guard`] is a key store itself.
//!
//! ```text
//! call ──> store up, a place free? ──> attempt, in a task of its own ──> answer
//!           │ no                        ▲           │ unavailable, retries and time left
//!           ▼                           │           ▼
//!          queue (bounded) ─────────────┴── pause, 200 to 1000 ms, in the queue
//! ```
//!
//! It queues rather than refuses: clients that are refused while they start may not recover by themselves. All retries
//! towards a store happen here and nowhere else (specification: decisions 17, 36 and 40).

mod attempts;
mod health;
mod observer;
mod places;
mod probe;
mod running;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kes_config::keystore::StoreCalls;
use kes_core::{KeyName, SecretBytes};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use self::health::{Health, Outage};
pub use self::observer::{Observer, Operation};

use self::health::Monitor;
use self::places::Places;
use self::probe::Prober;
use self::running::Running;
use crate::{Created, Deleted, KeyStore, Page, StoreError};

/// A key store whose calls end in time, are tried again where that helps, wait while it is down, and are never more
/// than it can bear.
///
/// - **Deadline.** Every operation ends within `deadline`, all waiting included; an attempt to read that has no answer is
///   given up after `attempt_timeout`. Both are [`StoreError::Unavailable`].
/// - **Retries.** Only after [`StoreError::Unavailable`] and [`StoreError::Busy`], and only if the pause before it leaves
///   time. The pause is no shorter than the store asked for.
/// - **Health.** A probe asks for the store's status every `probe_interval`, at once when calls begin to fail, and every
///   second until it succeeds. One probe that finds the store unavailable, or `breaker_failures` calls in a row, and the
///   store is [down](Health::Down). The first success of a call or probe ends that. A store that answers its probe with
///   a refusal is [failing](Health::Failing), and goes on being asked.
/// - **Outages.** While the store is down no call begins. An operation waits for it to come back, for `outage_wait` at
///   the most, and fails with [`StoreError::Unavailable`]; with an `outage_wait` of zero it fails at once. Calls that
///   were under way go on.
/// - **Bounds.** At most `concurrency` calls are at the store. An attempt that was given up, and one whose caller has
///   gone, keeps its place until it has really ended. At most `queue` operations wait, for a place or for the store to
///   come back, without a task of their own and first come, first served; beyond that the answer is
///   [`StoreError::Overloaded`], and nothing was asked of the store. Those that wait for their next attempt count too; if
///   even for them there is no room, the failure of the last attempt is the answer.
/// - **Create.** If an attempt failed and a later one finds the name taken, the entry is read back: with the same value it
///   is [`Created::New`].
/// - **Delete.** If an attempt failed and a later one finds no entry, it is [`Deleted::Gone`].
/// - **Changes never overlap themselves.** An attempt of a create that comes late could bring a key back that was deleted
///   after the create was answered, and one of a delete remove a key that was created since. So an attempt of either is
///   given up only at the deadline, and then the answer is [`StoreError::Unavailable`]: nobody knows.
/// - **Status** is what the last probe found, if that is recent, or that the store is down. Otherwise it waits for a probe,
///   for half a second at the most. It is never queued or tried again.
///
/// It has to be made on a tokio runtime with time, where it probes until it is closed or dropped.
#[derive(Debug)]
pub struct Guard {
    store: Arc<dyn KeyStore>,
    calls: StoreCalls,
    monitor: Arc<Monitor>,
    places: Places,
    running: Arc<Running>,
    prober: Arc<Prober>,
    /// The task that probes; ended by being dropped.
    probing: Mutex<JoinSet<()>>,
    closed: watch::Sender<bool>,
}

impl Guard {
    /// Puts a guard around `store`.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, calls: StoreCalls) -> Self {
        Self::watched(store, calls, None)
    }

    /// Puts a guard around `store` that tells `observer` of every call.
    #[must_use]
    pub fn observed(store: Arc<dyn KeyStore>, calls: StoreCalls, observer: Arc<dyn Observer>) -> Self {
        Self::watched(store, calls, Some(observer))
    }

    fn watched(store: Arc<dyn KeyStore>, calls: StoreCalls, observer: Option<Arc<dyn Observer>>) -> Self {
        let monitor = Arc::new(Monitor::new(calls.breaker_failures));
        let places = Places::new(calls.concurrency, calls.queue, monitor.watch());
        let running = Arc::new(Running::new(Arc::clone(&monitor), observer));
        let prober = Arc::new(Prober::new(Arc::clone(&store), Arc::clone(&running), Arc::clone(&monitor), &calls));
        let mut probing = JoinSet::new();
        probing.spawn(Arc::clone(&prober).keep_probing());
        let closed = watch::Sender::new(false);
        Self { store, calls, monitor, places, running, prober, probing: Mutex::new(probing), closed }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.calls.deadline
    }

    /// Runs `operation` unless the guard is closed, and only until then.
    async fn until_closed<T>(&self, operation: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(StoreError::Unavailable("it was closed".to_owned())),
            result = operation => result,
        }
    }

    /// What became of a create that found the name taken after an attempt without an answer.
    async fn read_back(&self, deadline: Instant, name: &KeyName, value: &SecretBytes) -> Result<Created, StoreError> {
        match self.get_until(deadline, name).await {
            Ok(Some(stored)) if stored.same_as(value) => Ok(Created::New),
            // What is there, or was there a moment ago, is not ours.
            Ok(_) | Err(StoreError::Corrupt(_)) => Ok(Created::NameTaken),
            // That no call could be made for want of room says nothing of the create, which was made.
            Err(StoreError::Overloaded) => Err(StoreError::Unavailable(format!(
                "a create of `{name}` had no answer, and there is no room in the queue to find out what became of it"
            ))),
            Err(error) => Err(error),
        }
    }

    async fn get_until(&self, deadline: Instant, name: &KeyName) -> Result<Option<SecretBytes>, StoreError> {
        let answer = self.run(Operation::Get, deadline, |store| {
            let name = name.clone();
            Box::pin(async move { store.get(&name).await })
        });
        Ok(answer.await?.value)
    }
}

#[async_trait]
impl KeyStore for Guard {
    fn label(&self) -> String {
        self.store.label()
    }

    fn can_address(&self, name: &KeyName) -> bool {
        self.store.can_address(name)
    }

    async fn create(&self, name: &KeyName, value: &SecretBytes) -> Result<Created, StoreError> {
        let deadline = self.deadline();
        let shared = Arc::new(SecretBytes::from(value.expose()));
        self.until_closed(async {
            let answer = self.run(Operation::Create, deadline, |store| {
                let (name, value) = (name.clone(), Arc::clone(&shared));
                Box::pin(async move { store.create(&name, &value).await })
            });
            let answer = answer.await?;
            match answer.value {
                Created::NameTaken if answer.repeated => self.read_back(deadline, name, value).await,
                created => Ok(created),
            }
        })
        .await
    }

    async fn get(&self, name: &KeyName) -> Result<Option<SecretBytes>, StoreError> {
        self.until_closed(self.get_until(self.deadline(), name)).await
    }

    async fn delete(&self, name: &KeyName) -> Result<Deleted, StoreError> {
        self.until_closed(async {
            let answer = self.run(Operation::Delete, self.deadline(), |store| {
                let name = name.clone();
                Box::pin(async move { store.delete(&name).await })
            });
            let answer = answer.await?;
            Ok(if answer.repeated { Deleted::Gone } else { answer.value })
        })
        .await
    }

    async fn list(&self, prefix: &str, start_at: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let answer = self.run(Operation::List, self.deadline(), |store| {
            let (prefix, start_at) = (prefix.to_owned(), start_at.map(str::to_owned));
            Box::pin(async move { store.list(&prefix, start_at.as_deref(), limit).await })
        });
        Ok(self.until_closed(answer).await?.value)
    }

    async fn unlisted(&self) -> Result<Vec<String>, StoreError> {
        let answer =
            self.run(Operation::List, self.deadline(), |store| Box::pin(async move { store.unlisted().await }));
        Ok(self.until_closed(answer).await?.value)
    }

    async fn status(&self) -> Result<Duration, StoreError> {
        self.until_closed(self.prober.status()).await
    }

    fn health(&self) -> Option<watch::Receiver<Health>> {
        Some(self.monitor.watch())
    }

    /// Ends waiting and running calls, which answer [`StoreError::Unavailable`], and the probes, and closes the store.
    async fn close(&self) {
        self.closed.send_replace(true);
        let mut probing = std::mem::take(&mut *self.probing.lock().unwrap_or_else(PoisonError::into_inner));
        probing.shutdown().await;
        self.running.end().await;
        self.store.close().await;
    }
}

/// What callers get to see of a failure: when to come back is the guard's own affair.
fn unavailable(error: StoreError) -> StoreError {
    match error {
        StoreError::Busy { reason, .. } => StoreError::Unavailable(reason),
        error => error,
    }
}
