//! The key store of a configuration: whether it can be reached and used from here, by whoever runs this.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kes_config::keystore::{KeyStore as Settings, StoreCalls};
use kes_core::KeyName;
use kes_keystores::{ConnectError, KeyStore, Start, StoreError, connect};
use tokio::time::timeout;

use super::finding::{Finding, State};
use super::probe;
use super::warnings::Warnings;

/// What the names of probes begin with, those that were left behind too.
const PROBE_PREFIX: &str = "kes-doctor--p";

/// Most left-over probes that are named.
const MAX_NAMED: usize = 10;

/// What to do about a store that cannot be had.
const UNREACHABLE: &str = "see that it runs, is mounted and can be reached from this machine";
const REFUSED: &str =
    "correct `keystore` in the configuration, or the rights of whom the server runs as (and run this as)";

/// Connects as a server that is running would, so that nothing is made, and looks what can be done with the store.
pub(super) async fn findings(settings: &Settings, calls: &StoreCalls, limit: Duration, probe: bool) -> Vec<Finding> {
    let warnings = Warnings::listen();
    let connected = timeout(limit, connect(settings, calls, Start::Reload)).await;
    let mut findings: Vec<Finding> =
        warnings.take().iter().map(|text| Finding::of_text("keystore", State::Warning, text, REFUSED)).collect();
    let store = match connected {
        Ok(Ok(store)) => store,
        Ok(Err(error @ ConnectError::Unavailable(_))) => {
            findings.push(Finding::of_text("keystore", State::Problem, &error.to_string(), UNREACHABLE));
            return findings;
        }
        Ok(Err(error @ ConnectError::Refused(_))) => {
            findings.push(Finding::of_text("keystore", State::Problem, &error.to_string(), REFUSED));
            return findings;
        }
        Err(_) => {
            findings.push(Finding::problem("keystore", late(limit), UNREACHABLE));
            return findings;
        }
    };
    findings.extend(look(&store, limit).await);
    if probe {
        match probe_name() {
            Some(name) => findings.extend(probe::findings(&store, calls, limit, &name).await),
            None => findings.push(Finding::problem("probe", "this machine's clock is impossible", "set it")),
        }
    }
    // Nothing is kept that could be lost.
    let _ = timeout(limit, store.close()).await;
    findings
}

/// What can be found out without changing anything or reading a key.
async fn look(store: &Arc<dyn KeyStore>, limit: Duration) -> Vec<Finding> {
    let mut findings = Vec::new();
    match timed(limit, store.status()).await {
        Ok(latency) => {
            let message = format!("{}, answers within {} ms", store.label(), latency.as_millis().max(1));
            findings.push(Finding::ok("keystore", message));
        }
        Err(error) => findings.push(failed("keystore", &store.label(), &error)),
    }
    match timed(limit, store.list(PROBE_PREFIX, None, MAX_NAMED)).await {
        Ok(page) if page.names.is_empty() => findings.push(Finding::ok("list", "keys can be listed")),
        Ok(page) => {
            let names: Vec<&str> = page.names.iter().map(KeyName::as_str).collect();
            let message = format!("keys can be listed; earlier probes left {}", names.join(", "));
            findings.push(Finding::warning("list", message, "delete these in the key store, unless a probe runs now"));
        }
        Err(error) => findings.push(failed("list", "keys cannot be listed", &error)),
    }
    // A name that nothing has: whether it may be asked for shows as well, and no key is read.
    if let Some(name) = probe_name() {
        findings.push(match timed(limit, store.get(&name)).await {
            Ok(_) => Finding::ok("read", "keys can be asked for"),
            Err(error) => failed("read", "keys cannot be read", &error),
        });
    }
    findings
}

/// `kes-doctor--p<unix nanoseconds>-`, which no client can name (decision 33).
fn probe_name() -> Option<KeyName> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    KeyName::stored(&format!("{PROBE_PREFIX}{}-", since.as_nanos())).ok()
}

async fn timed<T>(limit: Duration, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(limit, call).await.unwrap_or_else(|_| Err(StoreError::Unavailable(late(limit))))
}

fn late(limit: Duration) -> String {
    format!("no answer within {limit:?}")
}

/// What to say of a call that failed.
pub(super) fn failed(check: &'static str, what: &str, error: &StoreError) -> Finding {
    let hint = match error {
        StoreError::Unavailable(_) | StoreError::Busy { .. } | StoreError::Overloaded => UNREACHABLE,
        StoreError::Denied(_) | StoreError::Corrupt(_) => REFUSED,
    };
    Finding::of_text(check, State::Problem, &format!("{what}: {error}"), hint)
}
