//! The file store against real directories, with system calls that fail or kill the process where a test says so.

mod crashes;
mod directories;
mod entries;
mod failures;
mod races;
mod scripted;
mod starts;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kes_core::SecretBytes;
use tempfile::TempDir;

use self::scripted::{Call, Scripted, file_system};
use super::*;
use crate::conformance::{Backend, GENERATION_2, name};

/// What [`connect`](crate::connect()) passes too.
fn is_stored_key(value: &[u8]) -> bool {
    kes_core::key::stored::decode(value).is_ok()
}

/// An empty directory for a store, gone with the value.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    /// The store's directory. It is one below the temporary one, so that a test can take it away and put it back.
    fn path(&self) -> PathBuf {
        self.0.path().join("keys")
    }

    fn entry(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn store(&self) -> FileStore {
        self.store_with(Kernel).await
    }

    async fn store_with(&self, system: impl System + 'static) -> FileStore {
        FileStore::open_with(self.path(), Start::Process, is_stored_key, Arc::new(system)).await.expect("a store")
    }

    /// A store on a file system that has this way of making files, and the calls to it.
    async fn recorded_store(&self, way: usize) -> (FileStore, Arc<Mutex<Vec<Call>>>) {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (log, base) = (Arc::clone(&calls), file_system(way));
        let system = Scripted::new(move |call| {
            log.lock().expect("no panic").push(call);
            base(call)
        });
        (self.store_with(system).await, calls)
    }

    /// Every name in the directory, sorted.
    fn names(&self) -> Vec<String> {
        names_in(&self.path())
    }
}

fn names_in(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).expect("the directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort_unstable();
    names
}

fn value(text: &str) -> SecretBytes {
    SecretBytes::from(text.as_bytes())
}

async fn create(store: &FileStore, text: &str, content: &str) -> Result<Created, StoreError> {
    store.create(&name(text), &value(content)).await
}

async fn read(store: &FileStore, text: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(store.get(&name(text)).await?.map(|value| value.expose().to_vec()))
}

#[async_trait]
impl Backend for Place {
    async fn open(&self) -> Arc<dyn KeyStore> {
        Arc::new(self.store().await)
    }

    async fn plant(&self, name: &str, value: &[u8]) {
        fs::write(self.entry(name), value).expect("plant");
    }

    async fn inspect(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.entry(name)).ok()
    }

    async fn plant_foreign(&self) -> Vec<String> {
        let foreign = ["README.md", "folder", "link", "dangling", ".hidden", "lost+found", "empty.txt"];
        fs::write(self.entry("README.md"), "# keys\n").expect("a file");
        fs::write(self.entry("empty.txt"), "").expect("a file");
        fs::write(self.entry(".hidden"), GENERATION_2).expect("a file");
        fs::create_dir(self.entry("folder")).expect("a directory");
        fs::create_dir(self.entry("lost+found")).expect("a directory");
        symlink(self.entry("mine"), self.entry("link")).expect("a link");
        symlink("/nowhere", self.entry("dangling")).expect("a link");
        fs::write(self.path().join(OsStr::from_bytes(b"\xff")), "x").expect("a file");
        foreign.map(str::to_owned).to_vec()
    }
}

crate::conformance_suite!(conformance, Place::new());
crate::conformance_suite!(conformance_through_the_guard, crate::conformance::Guarded(Place::new()));
