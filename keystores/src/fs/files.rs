//! The operations of the file store, as the blocking calls that they are.

use std::os::fd::AsFd;
use std::sync::{Arc, OnceLock};

use kes_core::{KeyName, SecretBytes};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::directory::{Directory, Opened};
use super::publish::{Failure, Way, publish};
use super::system::{System, file_type};
use super::{IsStoredKey, names};
use crate::{Created, Deleted, MAX_VALUE_BYTES, Page, StoreError, listing};

/// How an entry is opened: never through a symbolic link, and without waiting for the other end of a pipe.
const READ_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// A directory of keys.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) directory: Directory,
    pub(super) system: Arc<dyn System>,
    /// The first way of publishing to try: what worked before.
    pub(super) way: OnceLock<Way>,
    pub(super) is_stored_key: IsStoredKey,
}

impl Files {
    pub(super) fn create(&self, name: &KeyName, value: &SecretBytes) -> Result<Created, StoreError> {
        self.check_name(name)?;
        crate::check_value(name, value)?;
        let opened = self.directory.open()?;
        let created = match self.stat(&opened, name)? {
            // Nothing has to be written to know it, so it is known on a full or read-only disk too.
            Some(_) => Created::NameTaken,
            None => self.publish(&opened, name, value)?,
        };
        // In either case: who asks again after a failed sync gets an answer that lasts.
        self.directory.sync(&opened)?;
        Ok(created)
    }

    pub(super) fn get(&self, name: &KeyName) -> Result<Option<SecretBytes>, StoreError> {
        self.check_name(name)?;
        let opened = self.directory.open()?;
        let value = self.read(&opened, name)?;
        if value.is_none() {
            self.directory.confirm(&opened)?;
        }
        Ok(value)
    }

    pub(super) fn delete(&self, name: &KeyName) -> Result<Deleted, StoreError> {
        self.check_name(name)?;
        let opened = self.directory.open()?;
        if !self.is_deletable(&opened, name)? {
            self.directory.confirm(&opened)?;
            self.directory.sync(&opened)?;
            return Ok(Deleted::Absent);
        }
        let deleted = match self.system.unlink(opened.descriptor(), name.as_str()) {
            Ok(()) => Deleted::Gone,
            Err(Errno::NOENT) => {
                self.directory.confirm(&opened)?;
                Deleted::Absent
            }
            Err(error) => return Err(self.directory.failure(&format!("delete `{name}`"), error)),
        };
        self.directory.sync(&opened)?;
        Ok(deleted)
    }

    pub(super) fn list(&self, prefix: &str, start_at: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let opened = self.directory.open()?;
        let names = self.directory.listed(&opened)?;
        self.directory.confirm(&opened)?;
        Ok(listing::page(names.into_iter(), prefix, start_at, limit))
    }

    pub(super) fn unlisted(&self) -> Result<Vec<String>, StoreError> {
        let opened = self.directory.open()?;
        let names = self.directory.unlisted(&opened)?;
        self.directory.confirm(&opened)?;
        Ok(names)
    }

    fn publish(&self, opened: &Opened, name: &KeyName, value: &SecretBytes) -> Result<Created, StoreError> {
        let first = self.way.get().copied().unwrap_or(Way::Unnamed);
        match publish(&*self.system, opened.descriptor(), name.as_str(), value, first) {
            Ok((created, way)) => {
                // Losing the race to remember it does no harm: every way remains correct.
                let _ = self.way.set(way);
                Ok(created)
            }
            Err(Failure::Call(doing, error)) => Err(self.directory.failure(&format!("{doing} for `{name}`"), error)),
            Err(Failure::NoWay) => Err(StoreError::Denied(super::start::no_way(self.directory.path()))),
        }
    }

    /// The entry's content; `None` if there is no entry in this directory.
    fn read(&self, opened: &Opened, name: &KeyName) -> Result<Option<SecretBytes>, StoreError> {
        let file = match self.system.open(opened.descriptor(), name.as_str(), READ_FLAGS, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            // A symbolic link, a socket.
            Err(Errno::LOOP | Errno::NXIO) => return Err(self.not_regular(name)),
            Err(error) => return Err(self.directory.failure(&format!("open `{name}`"), error)),
        };
        let failure = |error| self.directory.failure(&format!("read `{name}`"), error);
        let stat = self.system.stat_open(file.as_fd()).map_err(failure)?;
        let mut value = SecretBytes::default();
        // The exact size, so that no larger buffer is copied from and left behind.
        value.resize(self.length(name, &stat)?);
        let mut filled = 0;
        while filled < value.len() {
            match self.system.read(file.as_fd(), &mut value.expose_mut()[filled..]).map_err(failure)? {
                // Files of ours never change. Another attempt sees what somebody has made of this one.
                0 => {
                    let path = self.directory.path().display();
                    return Err(StoreError::Unavailable(format!(
                        "`{name}` in `{path}` became shorter while it was read"
                    )));
                }
                count => filled += count,
            }
        }
        if names::needs_a_look_inside(name) && !(self.is_stored_key)(value.expose()) {
            return Err(self.corrupt(name, "has a name that no new key can have, and its content is no key"));
        }
        Ok(Some(value))
    }

    /// Whether there is an entry, and deleting it would delete a key. A strict name's file may hold anything: an
    /// operator must be able to free a name that a crash of an older release left empty.
    fn is_deletable(&self, opened: &Opened, name: &KeyName) -> Result<bool, StoreError> {
        let Some(stat) = self.stat(opened, name)? else { return Ok(false) };
        if file_type(&stat) != FileType::RegularFile {
            return Err(self.not_regular(name));
        }
        if names::needs_a_look_inside(name) {
            return Ok(self.read(opened, name)?.is_some());
        }
        Ok(true)
    }

    fn stat(&self, opened: &Opened, name: &KeyName) -> Result<Option<Stat>, StoreError> {
        match self.system.stat(opened.descriptor(), name.as_str()) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.directory.failure(&format!("examine `{name}`"), error)),
        }
    }

    /// The length of an entry that can be a value.
    fn length(&self, name: &KeyName, stat: &Stat) -> Result<usize, StoreError> {
        if file_type(stat) != FileType::RegularFile {
            return Err(self.not_regular(name));
        }
        match usize::try_from(stat.st_size) {
            Ok(0) => Err(self.corrupt(name, "is empty")),
            Ok(length) if length <= MAX_VALUE_BYTES => Ok(length),
            _ => Err(self.corrupt(name, &format!("is longer than {MAX_VALUE_BYTES} bytes"))),
        }
    }

    fn check_name(&self, name: &KeyName) -> Result<(), StoreError> {
        if names::is_addressable(name) {
            return Ok(());
        }
        Err(StoreError::Denied(format!("`{name}` cannot be the name of a file; it begins with `.` or contains a `\\`")))
    }

    fn not_regular(&self, name: &KeyName) -> StoreError {
        self.corrupt(name, "is not a regular file")
    }

    fn corrupt(&self, name: &KeyName, what: &str) -> StoreError {
        StoreError::Corrupt(format!("`{name}` in `{}` {what}", self.directory.path().display()))
    }
}
