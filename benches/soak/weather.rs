//! Whether the key store is being failed, and so which answers are to be expected.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a failure can still be felt when the store is well again: a fetch that others have joined lasts as long as
/// `keystore.deadline` of the site's configuration, and a probe comes every second.
const AFTERMATH: Duration = Duration::from_secs(6);

/// Shared by who makes failures and who meets them.
pub struct Weather(Mutex<State>);

struct State {
    failing: bool,
    /// When the last failure ended.
    fair_since: Option<Instant>,
}

impl Weather {
    /// Nothing has failed yet.
    pub fn fair() -> Self {
        Self(Mutex::new(State { failing: false, fair_since: None }))
    }

    /// To be said before the store fails.
    pub fn breaks(&self) {
        self.state().failing = true;
    }

    /// To be said when the store is as it was.
    pub fn clears(&self) {
        *self.state() = State { failing: false, fair_since: Some(Instant::now()) };
    }

    /// Whether the store is being failed now.
    pub fn is_failing(&self) -> bool {
        self.state().failing
    }

    /// Whether no failure could be felt from `since` until now.
    pub fn was_fair(&self, since: Instant) -> bool {
        let state = self.state();
        !state.failing && state.fair_since.is_none_or(|fair| fair + AFTERMATH <= since)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
