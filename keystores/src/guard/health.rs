//! Whether the store answers, as all calls and probes together have shown.
//!
//! ```text
//!          first failure                 failures in a row, or a failed probe
//!   Up ───────────────────> Failing ─────────────────────────────────────────> Down
//!    ^                         │                                                 │
//!    └─────────────────────────┴──────────── first success of anything ──────────┘
//! ```

use std::fmt;
use std::mem;
use std::sync::{Mutex, PoisonError};

use kes_core::{Clock, SystemClock, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use super::unavailable;
use crate::StoreError;

/// Whether a key store answers.
#[derive(Clone, Debug)]
pub enum Health {
    /// The last answer was a success, or there was none yet.
    Up,
    /// Something failed since the last success. Calls still go to the store.
    Failing(Outage),
    /// The store cannot be reached. Calls wait until a probe, or a call that was under way, succeeds.
    Down(Outage),
}

impl Health {
    /// What has failed since the last success, if anything has.
    #[must_use]
    pub fn outage(&self) -> Option<&Outage> {
        match self {
            Self::Up => None,
            Self::Failing(outage) | Self::Down(outage) => Some(outage),
        }
    }

    /// Whether calls are held back.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(self, Self::Down(_))
    }
}

/// What has failed since the last success.
#[derive(Clone, Debug)]
pub struct Outage {
    since: Instant,
    /// The same moment, for people.
    began: Timestamp,
    /// Calls in a row that could not reach the store.
    failures: u32,
    error: StoreError,
}

impl Outage {
    fn begin(since: Instant, error: StoreError) -> Self {
        let (now, _) = SystemClock.now().to_unix();
        let seconds = i64::try_from(since.elapsed().as_secs()).unwrap_or(i64::MAX);
        // A clock beyond the year 9999 is no reason to stop serving.
        let began = Timestamp::from_unix(now.saturating_sub(seconds), 0).unwrap_or(Timestamp::ZERO);
        Self { since, began, failures: 0, error }
    }

    /// When the first call or probe began that failed, or the last answer before its failure, if that came later. A store
    /// that hangs was lost when it was asked, and not when it was given up.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The last failure. [`StoreError::Unavailable`] if the store could not be reached; any other: it answers its probe,
    /// and will not work.
    #[must_use]
    pub fn error(&self) -> &StoreError {
        &self.error
    }

    /// What an operation answers that was held back in vain. The text stays the same as long as the cause does.
    pub(super) fn refusal(&self) -> StoreError {
        StoreError::Unavailable(self.to_string())
    }
}

/// `no success since 2025-01-02T03:04:05Z: no answer within 5000 ms`
impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { began, error, .. } = self;
        match error {
            StoreError::Unavailable(reason) => write!(f, "no success since {began}: {reason}"),
            error => write!(f, "no success since {began}: {error}"),
        }
    }
}

/// Hears of every call and probe, and tells whoever watches when the state changes.
#[derive(Debug)]
pub(super) struct Monitor {
    health: watch::Sender<Health>,
    /// When the store last gave an answer, be it a refusal.
    answered: Mutex<Instant>,
    /// Failures in a row after which the store is down.
    limit: u32,
}

impl Monitor {
    /// A store of which nothing is known counts as up. It is down after `limit` calls in a row that failed.
    pub(super) fn new(limit: u32) -> Self {
        Self { health: watch::Sender::new(Health::Up), answered: Mutex::new(Instant::now()), limit }
    }

    /// The state, and every change from one to another. That the last error changed is no such change.
    pub(super) fn watch(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// A call that had begun at that moment was answered, or given up.
    pub(super) fn called(&self, began: Instant, result: Result<(), &StoreError>) {
        self.note_answer(result);
        match result {
            // A store that finds one entry corrupt has looked for it.
            Ok(()) | Err(StoreError::Corrupt(_)) => self.succeeded(),
            // It answers, so the row ends; but it may refuse everything, so this is no success.
            Err(StoreError::Denied(_) | StoreError::Overloaded) => {
                self.change(|health| {
                    if let Health::Failing(outage) | Health::Down(outage) = health {
                        outage.failures = 0;
                    }
                });
            }
            Err(error @ (StoreError::Unavailable(_) | StoreError::Busy { .. })) => {
                self.failed(began, error, |outage, down| {
                    outage.failures = outage.failures.saturating_add(1);
                    down || outage.failures >= self.limit
                })
            }
        }
    }

    /// As [`called`](Self::called), of a probe. A store that answers it with a refusal is failing, but goes on being asked: it
    /// may refuse to tell its status and do all else.
    pub(super) fn probed(&self, began: Instant, result: Result<(), &StoreError>) {
        self.note_answer(result);
        match result {
            Ok(()) => self.succeeded(),
            Err(error) => self.failed(began, error, |outage, _| {
                outage.failures = 0;
                matches!(outage.error, StoreError::Unavailable(_))
            }),
        }
    }

    fn note_answer(&self, result: Result<(), &StoreError>) {
        if !matches!(result, Err(StoreError::Unavailable(_) | StoreError::Busy { .. })) {
            *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    fn succeeded(&self) {
        // The usual case needs no exclusive access.
        if !matches!(*self.health.borrow(), Health::Up) {
            self.change(|health| *health = Health::Up);
        }
    }

    /// Notes a failure; `is_down` says what that makes of the store, which was down before or not.
    fn failed(&self, began: Instant, error: &StoreError, is_down: impl FnOnce(&mut Outage, bool) -> bool) {
        let error = unavailable(error.clone());
        let since = began.max(*self.answered.lock().unwrap_or_else(PoisonError::into_inner));
        self.change(|health| {
            let (mut outage, was_down) = match mem::replace(health, Health::Up) {
                Health::Up => (Outage::begin(since, error.clone()), false),
                Health::Failing(outage) => (outage, false),
                Health::Down(outage) => (outage, true),
            };
            outage.error = error;
            *health = if is_down(&mut outage, was_down) { Health::Down(outage) } else { Health::Failing(outage) };
        });
    }

    fn change(&self, change: impl FnOnce(&mut Health)) {
        let mut before = None;
        let changed = self.health.send_if_modified(|health| {
            let old = health.clone();
            change(health);
            let changed = mem::discriminant(&old) != mem::discriminant(health);
            before = Some(old);
            changed
        });
        if let Some(before) = before.filter(|_| changed) {
            log(&before, &self.health.borrow());
        }
    }
}

/// One line for each outage, and one for its end; failures are told by whoever suffered them. Its text names no moment, so
/// that one cause has one text.
fn log(before: &Health, now: &Health) {
    match (before, now) {
        (_, Health::Down(outage)) => tracing::warn!("{}; calls wait until it is back", outage.error()),
        (Health::Down(outage), _) => {
            tracing::info!("key store answers again after {} s", outage.since().elapsed().as_secs());
        }
        _ => {}
    }
}
