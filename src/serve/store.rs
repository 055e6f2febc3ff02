//! Which key store a server has, and how it comes by it: always behind a guard.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use kes_config::keystore::{KeyStore as Settings, StoreCalls};
use kes_keystores::connect::{ConnectError, Start, connect};
use kes_keystores::{Guard, KeyStore, MemoryStore};
use tokio::time::{Instant, timeout};

use super::Failure;
use super::notify::Notifier;
use crate::server::Metrics;

/// How long to wait before a store that cannot be reached is tried again at start.
const CONNECT_PAUSE: Duration = Duration::from_secs(1);

/// What a start may take beside waiting for the store, as the service manager is told: predefined keys, one call each.
const START_TIME: Duration = Duration::from_secs(60);

/// Where keys are to be kept.
#[derive(Debug, PartialEq)]
pub(super) enum StorePlan {
    /// In memory, for a development server.
    Memory,
    /// Where the configuration says, and how it is called.
    Connect(Box<Settings>, StoreCalls),
}

impl StorePlan {
    /// The store of a server that starts. Waits for one that cannot be reached as long as the configuration says.
    pub(super) async fn connect(&self, metrics: &Metrics, notifier: &Notifier) -> Result<Arc<dyn KeyStore>, Failure> {
        let (settings, calls) = match self {
            Self::Memory => return Ok(guarded(Arc::new(MemoryStore::new()), &StoreCalls::default(), metrics)),
            Self::Connect(settings, calls) => (settings, calls),
        };
        let deadline = Instant::now() + calls.startup_grace;
        notifier.starting("connecting to the key store", calls.startup_grace.saturating_add(START_TIME)).await;
        loop {
            match connect(settings, calls, Start::Process).await {
                Ok(store) => return Ok(guarded(store, calls, metrics)),
                Err(ConnectError::Unavailable(reason)) if Instant::now() + CONNECT_PAUSE < deadline => {
                    tracing::warn!("{reason}; trying again");
                    tokio::time::sleep(CONNECT_PAUSE).await;
                }
                Err(ConnectError::Refused(reason)) => return Err(Failure::configuration(reason)),
                Err(error) => return Err(Failure::other(format!("cannot connect to the key store: {error}"))),
            }
        }
    }

    /// Another store for a server that runs: one that has shown that it works.
    pub(super) async fn connect_another(&self, metrics: &Metrics) -> Result<Arc<dyn KeyStore>, String> {
        let failed = |reason: &dyn Display| format!("cannot connect to the key store: {reason}");
        let Self::Connect(settings, calls) = self else {
            return Err(failed(&"a configuration names one; only a development server keeps keys in memory"));
        };
        let late = |limit: Duration| format!("no answer within {} ms", limit.as_millis());
        let connecting = timeout(calls.deadline, connect(settings, calls, Start::Reload)).await;
        let store = connecting.map_err(|_| failed(&late(calls.deadline)))?.map_err(|error| failed(&error))?;
        let reason = match timeout(calls.attempt_timeout, store.status()).await {
            Ok(Ok(_)) => return Ok(guarded(store, calls, metrics)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => late(calls.attempt_timeout),
        };
        store.close().await;
        Err(failed(&reason))
    }
}

fn guarded(store: Arc<dyn KeyStore>, calls: &StoreCalls, metrics: &Metrics) -> Arc<dyn KeyStore> {
    Arc::new(Guard::observed(store, calls.clone(), metrics.store_observer()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_in_memory_is_looked_after_as_any_other() {
        let store = StorePlan::Memory.connect(&Metrics::default(), &Notifier::default()).await;
        let Ok(store) = store else { panic!("nothing can fail") };
        assert!(store.health().is_some());
    }
}
