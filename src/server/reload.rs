//! Changing a server while it runs: one complete new state or none.
//!
//! Requests keep the state that they began with, so an old key store is closed when the last of them has ended, by a
//! task that [`Server::run`](super::Server::run) owns.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use kes_config::Log;
use kes_core::{KeyName, SystemClock};
use kes_keystores::KeyStore;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::Settings;
use super::log::LogError;
use super::state::{Shared, State};
use crate::keys::{KeyError, Keys};

/// Changes a server while it runs. Clones change the same one.
#[derive(Clone, Debug)]
pub struct Handle(pub(super) Arc<Shared>);

/// Why a server goes on as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// A predefined key is not there and cannot be made.
    #[error("cannot create the predefined key `{name}`: {error}")]
    PredefinedKey {
        /// The key.
        name: KeyName,
        /// Why.
        error: KeyError,
    },
    /// A log cannot be written to.
    #[error(transparent)]
    Log(LogError),
}

impl Handle {
    /// Goes on with other settings, and with `log` for both logs: for open connections with their next request, and TLS
    /// with the next connection. Counters and streams go on, and what only a start can change (`listener`, `grace`) stays.
    ///
    /// Without a `store` the present one stays, and every cached key is due, to be fetched again with its next use. With
    /// one the cache starts empty, and the present store is closed when nobody uses it any more.
    ///
    /// # Errors
    /// See [`ReloadError`]. Nothing has changed then, but that some of the predefined keys may exist; `store` was closed.
    pub async fn reload(
        &self,
        settings: Settings,
        log: Log,
        store: Option<Arc<dyn KeyStore>>,
    ) -> Result<(), ReloadError> {
        let shared = &self.0;
        let _alone = shared.changing.lock().await;
        let old = shared.state.load_full();
        let keys = match &store {
            None => Arc::clone(&old.keys),
            Some(store) => {
                let keys = Keys::new(Arc::clone(store), settings.cache, Arc::new(SystemClock));
                Arc::new(keys.counting(shared.metrics.cache()))
            }
        };
        let made = keys.ensure(&settings.access.server(), &settings.keys).await;
        let made = made.map_err(|(name, error)| ReloadError::PredefinedKey { name, error });
        if let Err(error) = made.and_then(|()| shared.logs.change(log).map_err(ReloadError::Log)) {
            if let Some(store) = store {
                store.close().await;
            }
            return Err(error);
        }
        match store {
            None => keys.cache().configure(settings.cache),
            Some(_) => old.keys.cache().hand_over(keys.cache()),
        }
        // Of another cache these are the predefined keys: what happened to them until now, it was not told.
        keys.cache().make_all_due();
        let places = old.places.resized(settings.requests);
        shared.replace(State::new(settings, keys, places));
        Ok(())
    }
}

/// A key store that no new request comes to.
pub struct Retired {
    store: Arc<dyn KeyStore>,
    unused: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Retired {
    /// What is left behind of `keys`.
    pub fn new(keys: &Keys) -> Self {
        Self { store: Arc::clone(keys.store()), unused: Box::pin(keys.cache().unused()) }
    }

    /// Closes the store when nobody uses it any more, or the server ends.
    async fn close(self, mut ended: watch::Receiver<bool>) {
        tokio::select! {
            () = self.unused => {}
            _ = ended.wait_for(|ended| *ended) => {}
        }
        self.store.close().await;
    }
}

impl fmt::Debug for Retired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retired").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Closes all stores that retire, until `ended`, and then waits for the last of them.
pub async fn close_retired(mut retired: mpsc::UnboundedReceiver<Retired>, ended: watch::Receiver<bool>) {
    let mut ending = ended.clone();
    let mut leaving = JoinSet::new();
    loop {
        tokio::select! {
            Some(retired) = retired.recv() => drop(leaving.spawn(retired.close(ended.clone()))),
            Some(_) = leaving.join_next() => {}
            _ = ending.wait_for(|ended| *ended) => break,
        }
    }
    retired.close();
    while let Some(retired) = retired.recv().await {
        leaving.spawn(retired.close(ended.clone()));
    }
    while leaving.join_next().await.is_some() {}
}
