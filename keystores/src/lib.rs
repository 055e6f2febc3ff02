//! Where root keys live: the [`KeyStore`] contract, and one module per backend.
//!
//! A store maps names to values. It knows nothing of what a value means beyond what the file store needs to tell a
//! key from a foreign file. There is no update and no rename. Several server processes share one store and nothing
//! but the store coordinates them.
//!
//! | what | where |
//! | --- | --- |
//! | the store that the configuration names | [`connect()`] |
//! | a directory of files | [`fs`] |
//! | HashiCorp Vault and OpenBao (feature `vault`) | `vault` |
//! | volatile memory | [`memory`] |
//! | deadlines, retries, bounds and a circuit breaker around any store | [`guard`] |
//! | copying all keys of one store to another | [`migration`] |
//! | the contract as tests; faults on demand (feature `conformance`) | `conformance`, `fault` |

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use kes_core::{KeyName, SecretBytes};
use tokio::sync::watch;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod connect;
#[cfg(any(test, feature = "conformance"))]
pub mod fault;
pub mod fs;
pub mod guard;
mod listing;
pub mod memory;
pub mod migration;
#[cfg(feature = "vault")]
pub mod vault;

pub use connect::{ConnectError, Start, connect};
pub use fs::FileStore;
pub use guard::{Guard, Health, Observer, Operation};
pub use memory::MemoryStore;
pub use migration::Migration;
#[cfg(feature = "vault")]
pub use vault::VaultStore;

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
///
/// After [`Unavailable`](Self::Unavailable) and [`Busy`](Self::Busy) a create or delete may have been done, or be done yet.
/// After the others it was not.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, or does not answer in time. Another attempt may work.
    #[error("key store unavailable: {0}")]
    Unavailable(String),
    /// The store asks not to be asked again before some time has passed (429, or any `Retry-After`). The [`Guard`] heeds
    /// that, and answers [`Unavailable`](Self::Unavailable) in its place.
    #[error("key store unavailable: {reason}")]
    Busy {
        /// What it answered.
        reason: String,
        /// The time, from now on.
        retry_after: Duration,
    },
    /// The store answered, and will not do it: no right, no room, a wrong configuration. Trying again is no use.
    #[error("key store refused: {0}")]
    Denied(String),
    /// The entry is there and cannot be a value: empty, too large, not a regular file.
    #[error("key store entry is corrupt: {0}")]
    Corrupt(String),
    /// Nothing was asked of the store, because as many calls wait for it already as `keystore.queue` allows. Comes from
    /// the [`Guard`] alone. A client may try again in a second (503 with `Retry-After`).
    #[error("too many calls wait for the key store already; `keystore.queue` limits them")]
    Overloaded,
}

/// A key store.
///
/// # What every store promises
/// - **Names** are all of [`KeyName::stored`] for which [`can_address`](Self::can_address) holds, the service's reserved
///   records included. Names that differ in a byte name different entries. A name that cannot be addressed is
///   [`StoreError::Denied`].
/// - **Values** come back as the bytes that were given, 1 to [`MAX_VALUE_BYTES`] of them; a backend may end earlier, but not
///   below 16 KiB. What is kept in the backend is what earlier releases kept there, so that an operator can go back.
/// - **Atomic create.** An entry exists completely or not at all, to every process, at every moment, also if this
///   process is killed. Of several creates of a name exactly one is [`Created::New`], and every later `get` has its value.
/// - **Absence is an answer.** "No such entry" is only said if the backend was asked and is the right one; a store that
///   cannot tell fails instead. So does one whose directory, mount, vault or project is missing.
/// - **One attempt.** A store neither retries nor queues, apart from logging in anew; deadline, retries and bounds are
///   put around it by the [`Guard`]. A call has its own end: it does not run for ever once nobody waits for it.
/// - **Concurrency.** Every operation may be called from many tasks and processes at once.
/// - **Cancellation.** A call that is dropped before it ends may or may not have happened, or happen yet.
/// - **Secrets.** No value, token or password is in an error, a log line or [`Debug`](fmt::Debug) output.
#[async_trait]
pub trait KeyStore: Send + Sync + fmt::Debug {
    /// What the store is, for people: `Filesystem: /var/lib/kes/keys`.
    fn label(&self) -> String;

    /// Whether the store can hold a key of this name. What it cannot address, a client must not name. Strict and
    /// reserved names always can be, but on backends with a narrower alphabet.
    fn can_address(&self, name: &KeyName) -> bool {
        let _ = name;
        true
    }

    /// Stores `value` under `name` if there is no entry of that name. Of several creates at once, from any number of
    /// processes, exactly one is [`Created::New`].
    ///
    /// # Errors
    /// After [`StoreError::Unavailable`] the entry may exist; it is never removed again, because somebody may already
    /// use it.
    async fn create(&self, name: &KeyName, value: &SecretBytes) -> Result<Created, StoreError>;

    /// The value of `name`, or `None` if there is no such entry. `None` is a positive answer: a store that cannot tell
    /// fails instead.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an entry that is empty, longer than [`MAX_VALUE_BYTES`], or no entry of ours.
    async fn get(&self, name: &KeyName) -> Result<Option<SecretBytes>, StoreError>;

    /// Removes the entry. A store whose backend does not tell whether there was one finds out first.
    ///
    /// # Errors
    /// After [`StoreError::Unavailable`] the entry may be gone, or go yet.
    async fn delete(&self, name: &KeyName) -> Result<Deleted, StoreError>;

    /// The names that begin with `prefix` and are not before `start_at`, `limit` of them at the most (at least 1).
    /// Strict and reserved names; foreign entries are left out. Names that are created or deleted meanwhile may be in it
    /// or not; all others are, across pages too.
    ///
    /// # Errors
    /// An incomplete answer is an error, never a short page.
    async fn list(&self, prefix: &str, start_at: Option<&str>, limit: usize) -> Result<Page, StoreError>;

    /// What is in the same place and in no listing, sorted: keys whose names only older releases allowed, and what is
    /// no key at all. For [`migration`], which tells what it leaves behind. A store that cannot tell has nothing to say.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    async fn unlisted(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    /// Whether the store can work, and how long it took to find out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be reached, another if it answers and will not work.
    async fn status(&self) -> Result<Duration, StoreError>;

    /// Whether the store answers, for those who want to know of every change; `None` where nobody looks after it. The
    /// [`Guard`] does, and stores themselves do not.
    fn health(&self) -> Option<watch::Receiver<Health>> {
        None
    }

    /// Ends background work. Calls after this may fail.
    async fn close(&self);
}

/// Refuses to store what no store could return again.
pub(crate) fn check_value(name: &KeyName, value: &SecretBytes) -> Result<(), StoreError> {
    if (1..=MAX_VALUE_BYTES).contains(&value.len()) {
        return Ok(());
    }
    let length = value.len();
    Err(StoreError::Denied(format!(
        "the value of `{name}` has {length} bytes, where 1 to {MAX_VALUE_BYTES} can be stored"
    )))
}
