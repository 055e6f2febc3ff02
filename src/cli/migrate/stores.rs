//! The two key stores, out of the configurations of their servers.

use std::path::Path;
use std::sync::Arc;

use kes_config::keystore::{KeyStore as Settings, StoreCalls};
use kes_config::{Loaded, ProcessEnvironment};
use kes_keystores::connect::{connect, is_same};
use kes_keystores::{Guard, KeyStore, Start};
use tokio::time::timeout;

use crate::cli::failure::Failure;

/// The settings of both stores.
pub(super) struct Stores {
    from: (Settings, StoreCalls),
    to: (Settings, StoreCalls),
}

impl Stores {
    /// Reads and checks both configurations. Nothing is connected.
    pub(super) fn load(from: &Path, to: &Path) -> Result<Self, Failure> {
        let stores = Self { from: load(from)?, to: load(to)? };
        if is_same(&stores.from.0, &stores.to.0) {
            return Err(Failure::error("source and target are the same key store"));
        }
        Ok(stores)
    }

    /// No more than `most`, and no more than either store is to be called at once.
    pub(super) fn concurrency(&self, most: usize) -> usize {
        most.min(self.from.1.concurrency).min(self.to.1.concurrency)
    }

    /// Connects both, each behind a guard. Nothing is made at a source that is missing, nor anything in a dry run.
    pub(super) async fn connect(&self, dry_run: bool) -> Result<(Arc<dyn KeyStore>, Arc<dyn KeyStore>), Failure> {
        let to_start = if dry_run { Start::Reload } else { Start::Process };
        let from = open("source", &self.from, Start::Reload).await?;
        Ok((from, open("target", &self.to, to_start).await?))
    }
}

fn load(file: &Path) -> Result<(Settings, StoreCalls), Failure> {
    let Loaded { config, .. } =
        kes_config::load(file, &ProcessEnvironment).map_err(|problems| Failure::error(problems.to_string()))?;
    Ok((config.keystore, config.store_calls))
}

async fn open(
    place: &str,
    (settings, calls): &(Settings, StoreCalls),
    start: Start,
) -> Result<Arc<dyn KeyStore>, Failure> {
    let failed = |reason: String| Failure::error(format!("cannot connect to the {place}: {reason}"));
    match timeout(calls.deadline, connect(settings, calls, start)).await {
        Ok(Ok(store)) => Ok(Arc::new(Guard::new(store, calls.clone()))),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("no answer within {} ms", calls.deadline.as_millis()))),
    }
}
