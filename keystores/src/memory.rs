//! Keys in volatile memory, for `kes server --dev` and for tests. They end with the process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kes_core::{KeyName, SecretBytes};

use crate::{Created, Deleted, KeyStore, Page, StoreError, listing};

/// What [`KeyStore::status`] reports: the least that the API shows, since no measurement would be of use.
const LATENCY: Duration = Duration::from_millis(1);

/// A store that forgets. Values are copied in and out, and wiped when they are deleted or the store is dropped.
///
/// Unlike the reference's it refuses values that no other store takes (empty ones, and more than [`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES)),
/// so that what works in a test works elsewhere.
#[derive(Default)]
pub struct MemoryStore {
    entries: Mutex<BTreeMap<KeyName, SecretBytes>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The entries. Every change to them is a single call, so what a panic left behind is whole.
    fn entries(&self) -> MutexGuard<'_, BTreeMap<KeyName, SecretBytes>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStore({} entries)", self.entries().len())
    }
}

#[async_trait]
impl KeyStore for MemoryStore {
    fn label(&self) -> String {
        "In Memory".to_owned()
    }

    async fn create(&self, name: &KeyName, value: &SecretBytes) -> Result<Created, StoreError> {
        crate::check_value(name, value)?;
        let mut entries = self.entries();
        if entries.contains_key(name) {
            return Ok(Created::NameTaken);
        }
        entries.insert(name.clone(), SecretBytes::from(value.expose()));
        Ok(Created::New)
    }

    async fn get(&self, name: &KeyName) -> Result<Option<SecretBytes>, StoreError> {
        Ok(self.entries().get(name).map(|value| SecretBytes::from(value.expose())))
    }

    async fn delete(&self, name: &KeyName) -> Result<Deleted, StoreError> {
        Ok(if self.entries().remove(name).is_some() { Deleted::Gone } else { Deleted::Absent })
    }

    async fn list(&self, prefix: &str, start_at: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let entries = self.entries();
        Ok(listing::page(entries.keys().filter_map(|name| listing::listed(name.as_str())), prefix, start_at, limit))
    }

    async fn unlisted(&self) -> Result<Vec<String>, StoreError> {
        let entries = self.entries();
        let hidden = entries.keys().filter(|name| listing::listed(name.as_str()).is_none());
        Ok(hidden.map(|name| name.as_str().to_owned()).collect())
    }

    async fn status(&self) -> Result<Duration, StoreError> {
        Ok(LATENCY)
    }

    async fn close(&self) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conformance::{Backend, name};

    /// One store that every instance is, as nothing outlives it.
    struct Memory(Arc<MemoryStore>);

    #[async_trait]
    impl Backend for Memory {
        async fn open(&self) -> Arc<dyn KeyStore> {
            self.0.clone()
        }

        async fn plant(&self, text: &str, value: &[u8]) {
            assert_eq!(self.0.create(&name(text), &SecretBytes::from(value)).await.expect("create"), Created::New);
        }

        async fn inspect(&self, text: &str) -> Option<Vec<u8>> {
            let value = self.0.get(&name(text)).await.expect("get");
            value.map(|value| value.expose().to_vec())
        }

        async fn plant_foreign(&self) -> Vec<String> {
            self.plant("not.a.key", b"x").await;
            Vec::new()
        }
    }

    crate::conformance_suite!(conformance, Memory(Arc::default()));
    crate::conformance_suite!(conformance_through_the_guard, crate::conformance::Guarded(Memory(Arc::default())));

    #[tokio::test]
    async fn the_status_is_a_millisecond() {
        assert_eq!(MemoryStore::new().status().await.expect("status"), Duration::from_millis(1));
    }
}
