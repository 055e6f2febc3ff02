//! Keys in a directory: one regular file per key, whose name is the key's and whose content is the value, nothing else
//! (specification: `keystores.md` §3).
//!
//! ```text
//! /var/lib/kes/keys/
//! ├── my-key                        a key
//! ├── my-key--v2-                   a record of the service beside it
//! ├── my.key                        read and deleted only if it holds a key: older releases made such names
//! └── .kes-4711-0123456789abcdef    being written; removed at a start when older than an hour
//! ```
//!
//! Several processes, also on several machines, may share the directory. Nothing is locked: a file gets its name in one
//! step, completely written, and only if nothing has that name. The directory is opened anew for every operation, and a
//! missing one is a failure, never an empty store.

mod directory;
mod files;
mod names;
mod publish;
mod start;
mod system;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kes_core::{KeyName, SecretBytes};

use self::files::Files;
use self::system::{Kernel, System};
use crate::{ConnectError, Created, Deleted, KeyStore, Page, Start, StoreError};

/// Whether bytes are a stored key. It tells keys of older releases from files that somebody else put there.
pub type IsStoredKey = fn(&[u8]) -> bool;

/// The file store. System calls run on tokio's blocking threads.
///
/// A call that hangs in the kernel (a network file system whose server is gone) cannot be ended; the bound of the
/// [`Guard`](crate::Guard) keeps such calls few.
#[derive(Debug)]
pub struct FileStore {
    files: Arc<Files>,
}

impl FileStore {
    /// Opens the directory, removes what interrupted writers left there, and finds out how a name can be created
    /// atomically.
    ///
    /// With [`Start::Process`] a missing directory is made, mode 0700, with a warning. A directory that others can
    /// access, or that cannot be written to at present, is warned of.
    ///
    /// # Errors
    /// [`ConnectError::Refused`] if `path` is not a directory or its file system cannot create a name atomically;
    /// [`ConnectError::Unavailable`] if it is missing or cannot be read.
    pub async fn open(path: PathBuf, start: Start, is_stored_key: IsStoredKey) -> Result<Self, ConnectError> {
        Self::open_with(path, start, is_stored_key, Arc::new(Kernel)).await
    }

    async fn open_with(
        path: PathBuf,
        start: Start,
        is_stored_key: IsStoredKey,
        system: Arc<dyn System>,
    ) -> Result<Self, ConnectError> {
        let files = blocking(move || Ok(start::open(path, start, is_stored_key, system))).await??;
        Ok(Self { files: Arc::new(files) })
    }

    /// Runs an operation where it may block.
    async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let files = Arc::clone(&self.files);
        blocking(move || operation(&files)).await
    }
}

/// Runs `work` on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(StoreError::Unavailable("the process is ending".to_owned())),
        },
    }
}

#[async_trait]
impl KeyStore for FileStore {
    fn label(&self) -> String {
        format!("Filesystem: {}", self.files.directory.path().display())
    }

    fn can_address(&self, name: &KeyName) -> bool {
        names::is_addressable(name)
    }

    async fn create(&self, name: &KeyName, value: &SecretBytes) -> Result<Created, StoreError> {
        let name = name.clone();
        let value = SecretBytes::from(value.expose());
        self.run(move |files| files.create(&name, &value)).await
    }

    async fn get(&self, name: &KeyName) -> Result<Option<SecretBytes>, StoreError> {
        let name = name.clone();
        self.run(move |files| files.get(&name)).await
    }

    async fn delete(&self, name: &KeyName) -> Result<Deleted, StoreError> {
        let name = name.clone();
        self.run(move |files| files.delete(&name)).await
    }

    async fn list(&self, prefix: &str, start_at: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let prefix = prefix.to_owned();
        let start_at = start_at.map(str::to_owned);
        self.run(move |files| files.list(&prefix, start_at.as_deref(), limit)).await
    }

    async fn unlisted(&self) -> Result<Vec<String>, StoreError> {
        self.run(Files::unlisted).await
    }

    async fn status(&self) -> Result<Duration, StoreError> {
        let begin = Instant::now();
        self.run(|files| files.directory.open().map(drop)).await?;
        Ok(begin.elapsed())
    }

    async fn close(&self) {}
}
