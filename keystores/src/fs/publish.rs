//! How a file gets its name: completely written, durable, and only if nothing has that name.
//!
//! | way | the content is written to | and gets its name by |
//! | --- | --- | --- |
//! | [`Way::Unnamed`] | a file without a name (`O_TMPFILE`) | `linkat` |
//! | [`Way::Linked`] | a temporary file | `linkat`; then the temporary name goes |
//! | [`Way::Renamed`] | a temporary file | `renameat2` with `RENAME_NOREPLACE` |
//!
//! Each way ends where a file system does not have it and the next one begins. All three fail if the name is taken. A
//! plain rename, which would replace another server's key, and `O_EXCL` on the final name, which would show a half
//! written one, are never used. Once published, a file is never removed again, whatever fails afterwards: another
//! server may already use the key.

use std::os::fd::{AsFd, BorrowedFd};

use kes_core::SecretBytes;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::names;
use super::system::{System, text};
use crate::Created;

/// The mode of every file: the service's user reads and writes, nobody else.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A way of publishing, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing is left behind by a crash.
    Unnamed,
    /// A crash leaves a temporary file.
    Linked,
    /// The same, where there are no hard links.
    Renamed,
}

/// Why nothing was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// A system call failed: what it was for, and its error.
    Call(&'static str, Errno),
    /// The file system has none of the ways.
    NoWay,
}

/// Writes `value` to a new file `name`, trying `first` and the ways after it. Also says which way it was.
///
/// The directory is not synced: only the caller knows whether that failing changes the answer.
pub(super) fn publish(
    system: &dyn System,
    directory: BorrowedFd<'_>,
    name: &str,
    value: &SecretBytes,
    first: Way,
) -> Result<(Created, Way), Failure> {
    if first == Way::Unnamed
        && let Some(created) = unnamed(system, directory, name, value)?
    {
        return Ok((created, Way::Unnamed));
    }
    named(system, directory, name, value, first)
}

/// The first way; `None` if the file system does not have it.
fn unnamed(
    system: &dyn System,
    directory: BorrowedFd<'_>,
    name: &str,
    value: &SecretBytes,
) -> Result<Option<Created>, Failure> {
    // Without O_EXCL, which here would mean that the file can never get a name.
    let file = match system.open(directory, ".", OFlags::TMPFILE | OFlags::RDWR, FILE_MODE) {
        Ok(file) => file,
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => return Ok(None),
        Err(error) => return Err(Failure::Call("make a file", error)),
    };
    fill(system, file.as_fd(), value)?;
    let linked = match system.link_by_proc(file.as_fd(), directory, name) {
        // No /proc here.
        Err(Errno::NOENT) => system.link_by_descriptor(file.as_fd(), directory, name),
        other => other,
    };
    match linked {
        Ok(()) => Ok(Some(Created::New)),
        Err(Errno::EXIST) => Ok(Some(Created::NameTaken)),
        // The next way would meet the same.
        Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::IO | Errno::ROFS)) => {
            Err(Failure::Call("name the file", error))
        }
        Err(_) => Ok(None),
    }
}

/// The other two ways.
fn named(
    system: &dyn System,
    directory: BorrowedFd<'_>,
    name: &str,
    value: &SecretBytes,
    first: Way,
) -> Result<(Created, Way), Failure> {
    let mut temporary = Temporary::create(system, directory, value)?;
    if first != Way::Renamed {
        match system.link(directory, &temporary.name, name) {
            Ok(()) => return Ok((Created::New, Way::Linked)),
            Err(Errno::EXIST) => return Ok((Created::NameTaken, Way::Linked)),
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => return Err(Failure::Call("name the file", error)),
        }
    }
    match system.rename_to_new(directory, &temporary.name, name) {
        Ok(()) => {
            temporary.named = false;
            Ok((Created::New, Way::Renamed))
        }
        Err(Errno::EXIST) => Ok((Created::NameTaken, Way::Renamed)),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Err(Failure::NoWay),
        Err(error) => Err(Failure::Call("name the file", error)),
    }
}

/// Writes all of `value` and makes it durable.
fn fill(system: &dyn System, file: BorrowedFd<'_>, value: &SecretBytes) -> Result<(), Failure> {
    let mut rest = value.expose();
    while !rest.is_empty() {
        match system.write(file, rest) {
            // Regular files do not do this; going on would be an endless loop.
            Ok(0) => return Err(Failure::Call("write the file", Errno::IO)),
            Ok(written) => rest = &rest[written..],
            Err(error) => return Err(Failure::Call("write the file", error)),
        }
    }
    system.sync(file).map_err(|error| Failure::Call("sync the file", error))
}

/// A temporary file, whose name is removed on drop.
struct Temporary<'a> {
    system: &'a dyn System,
    directory: BorrowedFd<'a>,
    name: String,
    /// Whether it still has the name.
    named: bool,
}

impl<'a> Temporary<'a> {
    fn create(system: &'a dyn System, directory: BorrowedFd<'a>, value: &SecretBytes) -> Result<Self, Failure> {
        let name = names::temporary();
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY;
        let file = system
            .open(directory, &name, flags, FILE_MODE)
            .map_err(|error| Failure::Call("make a temporary file", error))?;
        let temporary = Self { system, directory, name, named: true };
        // The file is closed before its name is removed: network file systems would leave a hidden one.
        let filled = fill(system, file.as_fd(), value);
        drop(file);
        filled.map(|()| temporary)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if self.named
            && let Err(error) = self.system.unlink(self.directory, &self.name)
        {
            // Harmless to the operation, and a later start removes it; but it holds a key.
            tracing::warn!("cannot remove the temporary file `{}` of the key store: {}", self.name, text(error));
        }
    }
}
