//! Where root keys live: one settings type per backend, exactly one of them chosen.

use std::path::PathBuf;
use std::time::Duration;

/// The chosen key store.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyStore {
    /// Files in a directory.
    FileSystem(FileSystem),
}

/// `keystore.fs`
#[derive(Debug, Clone)]
pub struct FileSystem {
    /// The directory; created if missing when the process starts.
    pub path: PathBuf,
}

/// How calls to any key store are bounded: the names directly under `keystore` (`config.md` §2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCalls {
    /// `deadline`: the longest that an operation takes, with its retries.
    pub deadline: Duration,
    /// `attempt_timeout`: the longest that one attempt takes.
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
