//! How calls to any key store are bounded: the settings directly under `keystore`.

use std::time::Duration;

use crate::report::Report;
use crate::section::Section;

/// How calls to any key store are bounded: the names directly under `keystore` (`config.md` §2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCalls {
    /// `deadline`: the longest that an operation takes, with its retries.
    pub deadline: Duration,
    /// `attempt_timeout`: the longest that one attempt to read takes. One to change something has all of `deadline`.
    pub attempt_timeout: Duration,
    /// `retries`: attempts after the first.
    pub retries: u32,
    /// `concurrency`: calls at the same time.
    pub concurrency: usize,
    /// `queue`: calls that wait for a place.
    pub queue: usize,
    /// `outage_wait`: how long a call waits for a store that is down to come back; zero: fail at once.
    pub outage_wait: Duration,
    /// `probe_interval`: how often the store's status is asked for while it is up.
    pub probe_interval: Duration,
    /// `breaker_failures`: failures in a row after which the store counts as down.
    pub breaker_failures: u32,
    /// `startup_grace`: how long the start waits for the store.
    pub startup_grace: Duration,
}

impl Default for StoreCalls {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(5),
            retries: 2,
            concurrency: 64,
            queue: 10_000,
            outage_wait: Duration::from_secs(5),
            probe_interval: Duration::from_secs(10),
            breaker_failures: 5,
            startup_grace: Duration::ZERO,
        }
    }
}

/// The settings of the `keystore` section.
pub(crate) fn check(keystore: &mut Section<'_>, report: &mut Report<'_>) -> StoreCalls {
    let default = StoreCalls::default();
    StoreCalls {
        deadline: keystore.positive_duration("deadline", report).unwrap_or(default.deadline),
        attempt_timeout: keystore.positive_duration("attempt_timeout", report).unwrap_or(default.attempt_timeout),
        retries: keystore.number("retries", 0, report).unwrap_or(default.retries),
        concurrency: keystore.number("concurrency", 1, report).unwrap_or(default.concurrency),
        queue: keystore.number("queue", 0, report).unwrap_or(default.queue),
        outage_wait: keystore.duration("outage_wait", report).unwrap_or(default.outage_wait),
        probe_interval: keystore.positive_duration("probe_interval", report).unwrap_or(default.probe_interval),
        breaker_failures: keystore.number("breaker_failures", 1, report).unwrap_or(default.breaker_failures),
        startup_grace: keystore.duration("startup_grace", report).unwrap_or(default.startup_grace),
    }
}
