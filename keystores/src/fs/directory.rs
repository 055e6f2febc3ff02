//! The store's directory, opened anew for every operation, and the check that it is the right one.
//!
//! A missing mount must never look like an empty store (decision 30): clients would be told that their keys do not
//! exist, and might create them anew.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::names;
use super::system::{System, file_type, text};
use crate::{StoreError, listing};

/// Where the files are.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// The device of the directory when it was last known to be the store's.
    device: AtomicU64,
    system: Arc<dyn System>,
}

/// The directory during one operation.
#[derive(Debug)]
pub(super) struct Opened {
    descriptor: OwnedFd,
    device: u64,
    inode: u64,
}

impl Opened {
    /// The open directory.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Directory {
    /// The directory as it is now, on the device where it is now.
    pub(super) fn find(path: PathBuf, system: Arc<dyn System>) -> Result<Self, Errno> {
        let descriptor = system.open_directory(&path)?;
        let device = system.stat_open(descriptor.as_fd())?.st_dev;
        Ok(Self { path, device: AtomicU64::new(device), system })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the directory, and makes sure that it is the store's.
    pub(super) fn open(&self) -> Result<Opened, StoreError> {
        let opened = self.open_as_it_is().map_err(|error| self.failure("open the directory", error))?;
        // Another device without a single key is the place where a mount belongs. With keys it is the store, mounted
        // anew; from then on its old place is the suspicious one.
        if opened.device != self.device.load(Ordering::Relaxed) {
            if !self.holds_a_key(&opened)? {
                return Err(StoreError::Unavailable(format!(
                    "`{}` is on another device than before and holds no key; is its file system mounted?",
                    self.path.display()
                )));
            }
            self.device.store(opened.device, Ordering::Relaxed);
        }
        Ok(opened)
    }

    /// After an entry was not found: fails unless the directory is still there and still the one that was searched.
    pub(super) fn confirm(&self, searched: &Opened) -> Result<(), StoreError> {
        let now = self.open()?;
        if (now.device, now.inode) == (searched.device, searched.inode) {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!("`{}` was replaced while it was searched", self.path.display())))
    }

    /// Makes the directory's names durable.
    ///
    /// Some network and user-space file systems have no such call for directories and say so (EINVAL); what they
    /// have already written is as durable as they make it.
    pub(super) fn sync(&self, opened: &Opened) -> Result<(), StoreError> {
        match self.system.sync_directory(opened.descriptor()) {
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(error) => Err(self.failure("sync the directory", error)),
        }
    }

    /// All entries that listings show: regular files with strict or reserved names.
    pub(super) fn listed(&self, opened: &Opened) -> Result<Vec<kes_core::KeyName>, StoreError> {
        let mut names = Vec::new();
        for (name, kind) in self.entries(opened)? {
            let Some(name) = listing::listed(&name) else { continue };
            if self.is_regular(opened, name.as_str(), kind)? {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// All entries that listings do not show, but what writers have in hand, sorted.
    pub(super) fn unlisted(&self, opened: &Opened) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for (name, kind) in self.entries(opened)? {
            let listed = listing::listed(&name).is_some() && self.is_regular(opened, &name, kind)?;
            if !listed && !names::is_temporary(&name) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// All entries.
    pub(super) fn entries(&self, opened: &Opened) -> Result<Vec<(String, FileType)>, StoreError> {
        self.system.entries(opened.descriptor()).map_err(|error| self.failure("list the directory", error))
    }

    /// A failed system call as the store's answer.
    pub(super) fn failure(&self, doing: &str, error: Errno) -> StoreError {
        let message = format!("cannot {doing}, `{}`: {}", self.path.display(), text(error));
        match error {
            Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::NOSPC | Errno::DQUOT => StoreError::Denied(message),
            _ => StoreError::Unavailable(message),
        }
    }

    fn open_as_it_is(&self) -> Result<Opened, Errno> {
        let descriptor = self.system.open_directory(&self.path)?;
        let stat = self.system.stat_open(descriptor.as_fd())?;
        Ok(Opened { descriptor, device: stat.st_dev, inode: stat.st_ino })
    }

    fn holds_a_key(&self, opened: &Opened) -> Result<bool, StoreError> {
        for (name, kind) in self.entries(opened)? {
            if listing::listed(&name).is_some() && self.is_regular(opened, &name, kind)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether an entry of a listing is a regular file. Not every file system says so in the listing.
    fn is_regular(&self, opened: &Opened, name: &str, kind: FileType) -> Result<bool, StoreError> {
        if kind != FileType::Unknown {
            return Ok(kind == FileType::RegularFile);
        }
        match self.system.stat(opened.descriptor(), name) {
            Ok(stat) => Ok(file_type(&stat) == FileType::RegularFile),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.failure(&format!("examine `{name}`"), error)),
        }
    }
}
