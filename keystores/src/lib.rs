//! Where root keys live: the [`KeyStore`] contract, and one module per backend.
//!
//! A store maps names to values. It knows nothing of what a value means beyond what the file store needs to tell a
//! key from a foreign file. There is no update and no rename. Several server processes share one store and nothing
//! but the store coordinates them.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use kes_core::{KeyName, SecretBytes};

/// Most bytes that a store returns as one value; a longer entry is [`StoreError::Corrupt`].
pub const MAX_VALUE_BYTES: usize = 1024 * 1024;

/// What became of a create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Created {
    /// The entry is stored, durably.
    New,
    /// There was an entry of that name, which is unchanged.
    NameTaken,
}

/// What became of a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Deleted {
    /// The entry is gone, durably.
    Gone,
    /// There was none.
    Absent,
}

/// Some names of a store, sorted bytewise, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The names.
    pub names: Vec<KeyName>,
    /// The first name that is not in `names`, if there are more.
    pub next: Option<KeyName>,
}

/// The backend failed. Variants are reactions; texts are for the log, never for a client, and hold no secret.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, or does not answer in time. Another attempt may work.
    #[error("key store unavailable: {0}")]
    Unavailable(String),
    /// The store answered, and will not do it: no right, no quota, a wrong configuration. Trying again is no use.
    #[error("key store refused: {0}")]
    Denied(String),
    /// The entry is there and cannot be a value: empty, too large, not a regular file.
    #[error("key store entry is corrupt: {0}")]
    Corrupt(String),
}

/// A key store.
///
/// Every operation may be called from many tasks at once. A call that is dropped before it ends may or may not have
/// happened. A store makes one attempt; deadline, retries and bounds are put around it.
#[async_trait]
pub trait KeyStore: Send + Sync + fmt::Debug {
    /// What the store is, for people: `Filesystem: /var/lib/kes/keys`.
    fn label(&self) -> String;

    /// Whether the store can hold a key of this name. What it cannot address, a client must not name.
    fn can_address(&self, name: &KeyName) -> bool {
        let _ = name;
        true
    }

    /// Stores `value` under `name` if there is no entry of that name. Of several creates at once, from any number of
    /// processes, exactly one is [`Created::New`].
    async fn create(&self, name: &KeyName, value: &SecretBytes) -> Result<Created, StoreError>;

    /// The value of `name`, or `None` if there is no such entry. `None` is a positive answer: a store that cannot tell
    /// fails instead (decision 30).
    async fn get(&self, name: &KeyName) -> Result<Option<SecretBytes>, StoreError>;

    /// Removes the entry.
    async fn delete(&self, name: &KeyName) -> Result<Deleted, StoreError>;

    /// The names that begin with `prefix` and are not before `start_at`, `limit` of them at the most (at least 1).
    /// Strict and reserved names; foreign entries are left out.
    async fn list(&self, prefix: &str, start_at: Option<&str>, limit: usize) -> Result<Page, StoreError>;

    /// Whether the store can work, and how long it took to find out.
    async fn status(&self) -> Result<Duration, StoreError>;

    /// Ends background work. Calls after this may fail.
    async fn close(&self);
}
