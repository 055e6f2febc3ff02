//! The probe: the store's status, asked beside all other calls by one task for everybody who wants to know.
//!
//! It is what finds out that a store went down while nobody used it, and that it came back while nobody may.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kes_config::keystore::StoreCalls;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::health::{Health, Monitor};
use super::observer::Operation;
use super::running::Running;
use super::unavailable;
use crate::{KeyStore, StoreError};

/// How often a store is probed that fails or is down, if not more often anyway (specification: `config.md` §2.1).
const INTERVAL_WHILE_DOWN: Duration = Duration::from_secs(1);

/// The least time between two probes, however often the store fails or whatever is configured.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);

/// How long an answer is good enough for readiness checks, so that these cost no calls (specification:
/// `keystores.md` §1.12).
const FRESH: Duration = Duration::from_secs(5);

/// The longest that somebody who asks for the status waits for a probe: supervisors give readiness checks one second.
const PATIENCE: Duration = Duration::from_millis(500);

/// Probes that may hang at once. A second one sees a store that came back when the first is lost for good; without end
/// they would pile up.
const MOST_HANGING: usize = 3;

type Answer = Result<Duration, StoreError>;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Prober {
    store: Arc<dyn KeyStore>,
    running: Arc<Running>,
    monitor: Arc<Monitor>,
    /// How long a probe may take.
    limit: Duration,
    /// From the end of a probe to the next one, while the store is up.
    interval: Duration,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    last: Option<Last>,
    /// The probe that began last.
    current: Option<watch::Receiver<Option<Answer>>>,
    /// One for each probe that has not really ended.
    unended: Arc<()>,
}

/// The last probe that was answered or given up.
#[derive(Clone, Debug)]
struct Last {
    ended: Instant,
    answer: Answer,
    /// Whether something had failed when it began.
    alarmed: bool,
    /// How long the store asked to be left alone.
    retry_after: Duration,
}

impl Prober {
    pub(super) fn new(
        store: Arc<dyn KeyStore>,
        running: Arc<Running>,
        monitor: Arc<Monitor>,
        calls: &StoreCalls,
    ) -> Self {
        let interval = calls.probe_interval.max(LEAST_INTERVAL);
        Self { store, running, monitor, limit: calls.attempt_timeout, interval, known: Arc::default() }
    }

    /// Probes for ever: every interval while the store is up, as soon as it begins to fail, and every second from then
    /// on.
    pub(super) async fn keep_probing(self: Arc<Self>) {
        let mut health = self.monitor.watch();
        loop {
            let due = self.due(&health.borrow_and_update());
            tokio::select! {
                () = sleep_until(due) => {
                    // What came of it is told to the monitor.
                    let _ = self.probe().await;
                }
                Ok(()) = health.changed() => {}
            }
        }
    }

    fn due(&self, health: &Health) -> Instant {
        let known = self.known();
        let Some(last) = &known.last else { return Instant::now() };
        let interval = match health.outage() {
            None => self.interval,
            // Calls fail, and the last probe was before that. Where calls fail again and again between probes that do not,
            // the store is not probed more often than one that is down.
            Some(_) if last.answer.is_ok() && !last.alarmed => LEAST_INTERVAL,
            Some(_) => self.interval.min(INTERVAL_WHILE_DOWN),
        };
        last.ended + interval.max(last.retry_after.min(self.interval))
    }

    /// The status without waiting where something recent is known, and else within [`PATIENCE`].
    pub(super) async fn status(&self) -> Answer {
        let last = self.known().last.clone();
        if let Some(answer) = recent(&self.monitor.watch().borrow(), last.as_ref()) {
            return answer;
        }
        if let Ok(answer) = timeout(PATIENCE, self.probe()).await {
            return answer;
        }
        // A slow probe says nothing until it is given up, so what was known before stands.
        match (self.monitor.watch().borrow().outage(), last) {
            (Some(outage), _) => Err(outage.error().clone()),
            (None, Some(last)) => last.answer,
            (None, None) => Err(StoreError::Unavailable(format!("no status within {} ms", PATIENCE.as_millis()))),
        }
    }

    /// What the probe that is under way answers, or another one.
    async fn probe(&self) -> Answer {
        let mut answer = self.join();
        match answer.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().expect("waited for"),
            Err(_) => Err(StoreError::Unavailable("the probe ended without an answer".to_owned())),
        }
    }

    fn join(&self) -> watch::Receiver<Option<Answer>> {
        let mut known = self.known();
        if let Some(current) = &known.current
            && current.has_changed().is_ok()
            && current.borrow().is_none()
        {
            return current.clone();
        }
        let (sender, answer) = watch::channel(None);
        known.current = Some(answer.clone());
        let hanging = Arc::clone(&known.unended);
        drop(known);
        self.begin(hanging, sender);
        answer
    }

    /// Begins a probe, unless too many hang already, which is an answer too.
    fn begin(&self, hanging: Arc<()>, sender: watch::Sender<Option<Answer>>) {
        let book = Arc::clone(&self.known);
        let alarmed = self.monitor.watch().borrow().outage().is_some();
        let tell = move |answer: Answer| {
            let retry_after = match &answer {
                Err(StoreError::Busy { retry_after, .. }) => *retry_after,
                _ => Duration::ZERO,
            };
            let answer = answer.map_err(unavailable);
            let last = Last { ended: Instant::now(), answer: answer.clone(), alarmed, retry_after };
            lock(&book).last = Some(last);
            sender.send_replace(Some(answer));
        };
        // Neither the one that is kept here nor the new one hangs.
        if Arc::strong_count(&hanging) - 2 >= MOST_HANGING {
            let error = StoreError::Unavailable(format!("{MOST_HANGING} probes wait for an answer"));
            self.monitor.probed(Instant::now(), Err(&error));
            return tell(Err(error));
        }
        let store = Arc::clone(&self.store);
        let call = async move {
            let _hanging = hanging;
            store.status().await
        };
        self.running.begin(Operation::Status, Box::pin(call), Instant::now() + self.limit, None, tell);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }
}

/// Nothing that holds the lock can leave it half changed, so a poisoned one is as good as any.
fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What can be answered without asking: that the store is down, and what the last probe found, unless calls have found
/// something else since.
fn recent(health: &Health, last: Option<&Last>) -> Option<Answer> {
    let fresh = last.filter(|last| last.ended.elapsed() < FRESH);
    match health {
        Health::Down(outage) => Some(Err(outage.error().clone())),
        Health::Up => fresh.filter(|last| last.answer.is_ok()).map(|last| last.answer.clone()),
        Health::Failing(_) => fresh.filter(|last| last.answer.is_err()).map(|last| last.answer.clone()),
    }
}
