//! Deadlines, retries and bounds around any key store. A [`Guard`] is a key store itself.
//!
//! ```text
//! call ──> a place is free? ──> attempt, in a task of its own ──> answer
//!           │ no                 ▲           │ unavailable, retries and time left
//!           ▼                    │           ▼
//!          queue (bounded) ──────┴── pause, 200 to 1000 ms, in the queue
//! ```
//!
//! It queues rather than refuses: clients that are refused while they start may not recover by themselves. All retries
//! towards a store happen here and nowhere else (specification: decisions 17 and 40).

mod attempts;
mod places;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kes_config::keystore::StoreCalls;
use kes_core::{KeyName, SecretBytes};
use tokio::sync::watch;
use tokio::time::Instant;

use self::attempts::{Patience, Running};
use self::places::Places;
use self::status::Status;
use crate::{Created, Deleted, KeyStore, Page, StoreError};

/// A key store whose calls end in time, are tried again where that helps, and are never more than it can bear.
///
/// - **Deadline.** Every operation ends within `deadline`, waiting for a place included; an attempt without an answer is
///   given up after `attempt_timeout`. Both are [`StoreError::Unavailable`].
/// - **Retries.** Only after [`StoreError::Unavailable`], and only if the pause before it leaves time.
/// - **Bounds.** At most `concurrency` calls are at the store. An attempt that was given up, and one whose caller has
///   gone, keeps its place until it has really ended. At most `queue` operations wait for a place; beyond that the answer
///   is [`StoreError::Overloaded`], and nothing was asked of the store. Those that wait for their next attempt count
///   too; if even for them there is no room, the failure of the last attempt is the answer.
/// - **Create.** If an attempt ended without an answer and a later one finds the name taken, the entry is read back: with
///   the same value it is [`Created::New`].
/// - **Delete.** If an attempt ended without an answer and a later one finds no entry, it is [`Deleted::Gone`]. Attempts
///   of one delete never overlap: a late one could remove a key that was created after the delete was answered. So an
///   attempt is given up only at the deadline.
/// - **Status** has `attempt_timeout`, is never queued and never tried again. Those who ask at once share one answer.
///
/// It needs a tokio runtime with time.
#[derive(Debug)]
pub struct Guard {
    store: Arc<dyn KeyStore>,
    calls: StoreCalls,
    places: Places,
    running: Running,
    status: Status,
    closed: watch::Sender<bool>,
}

impl Guard {
    /// Puts a guard around `store`.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, calls: StoreCalls) -> Self {
        let places = Places::new(calls.concurrency, calls.queue);
        let closed = watch::Sender::new(false);
        Self { store, calls, places, running: Running::new(), status: Status::default(), closed }
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
        let answer = self.run(deadline, Patience::Attempt, |store| {
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
            let answer = self.run(deadline, Patience::Attempt, |store| {
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
            let answer = self.run(self.deadline(), Patience::Operation, |store| {
                let name = name.clone();
                Box::pin(async move { store.delete(&name).await })
            });
            let answer = answer.await?;
            Ok(if answer.repeated { Deleted::Gone } else { answer.value })
        })
        .await
    }

    async fn list(&self, prefix: &str, start_at: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let answer = self.run(self.deadline(), Patience::Attempt, |store| {
            let (prefix, start_at) = (prefix.to_owned(), start_at.map(str::to_owned));
            Box::pin(async move { store.list(&prefix, start_at.as_deref(), limit).await })
        });
        Ok(self.until_closed(answer).await?.value)
    }

    async fn status(&self) -> Result<Duration, StoreError> {
        self.until_closed(self.status.ask(&self.store, &self.running, self.calls.attempt_timeout)).await
    }

    /// Ends waiting and running calls, which answer [`StoreError::Unavailable`], and closes the store.
    async fn close(&self) {
        self.closed.send_replace(true);
        self.running.end().await;
        self.store.close().await;
    }
}
