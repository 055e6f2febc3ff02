//! A directory of keys, and servers over it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kes_config::keystore::{FileSystem, KeyStore as Configured, StoreCalls};
use kes_keystores::{Guard, KeyStore, Start, connect};
use tempfile::TempDir;

use crate::log;
use crate::support::{Build, TestServer};

/// A directory of keys that can go away.
pub struct Directory {
    parent: TempDir,
}

impl Directory {
    /// An empty one.
    pub fn new() -> Self {
        let directory = Self { parent: tempfile::tempdir().expect("a directory") };
        std::fs::create_dir(directory.path()).expect("a directory");
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(directory.path(), mode).expect("a mode");
        directory
    }

    pub fn path(&self) -> PathBuf {
        self.parent.path().join("keys")
    }

    /// The path of an entry.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Puts a file there.
    pub fn plant(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.file(name), content).expect("written");
    }

    /// The names of all files, those that begin with a dot included.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("a directory");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name().into_string();
        let mut names: Vec<String> = entries.map(|entry| name(entry).expect("text")).collect();
        names.sort_unstable();
        names
    }

    /// Takes it away, as a mount that is lost.
    pub fn take_away(&self) {
        std::fs::rename(self.path(), self.parent.path().join("away")).expect("renamed");
    }

    /// Brings it back.
    pub fn bring_back(&self) {
        std::fs::rename(self.parent.path().join("away"), self.path()).expect("renamed");
    }

    /// The store that a configuration with this directory connects. It does not try again, which would take a second
    /// for each failure, and soon sees that the directory is back.
    pub async fn store(&self) -> Arc<dyn KeyStore> {
        let settings = Configured::FileSystem(FileSystem { path: self.path() });
        let (outage_wait, probe_interval) = (Duration::from_millis(500), Duration::from_millis(100));
        let calls = StoreCalls { retries: 0, outage_wait, probe_interval, ..StoreCalls::default() };
        let store = connect(&settings, &calls, Start::Process).await.expect("a store");
        Arc::new(Guard::new(store, calls))
    }

    /// A server over it, with the log kept.
    pub async fn server(&self) -> TestServer {
        log::keep();
        TestServer::with(Build::default().store(self.store().await)).await
    }
}
