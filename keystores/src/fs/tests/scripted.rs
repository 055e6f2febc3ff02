//! A [`System`] that asks a rule before every call.

use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Mutex;

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::{Errno, Result};

use super::super::system::{Kernel, System};

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    OpenDirectory,
    OpenUnnamed,
    OpenTemporary,
    OpenEntry,
    StatOpen,
    Stat,
    Read,
    Write,
    Sync,
    SyncDirectory,
    LinkByProc,
    LinkByDescriptor,
    Link,
    Rename,
    Unlink,
    Entries,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Proceed,
    Fail(Errno),
    /// The process dies at this point, with nothing tidied up.
    Die,
    /// A write writes one byte of what it was given.
    Short,
    /// A listing does not say what the entries are.
    Untyped,
    /// A file is on this device.
    Device(u64),
}

type Rule = Box<dyn FnMut(Call) -> Verdict + Send>;

/// The kernel behind a rule.
pub(super) struct Scripted(Mutex<Rule>);

impl Scripted {
    pub(super) fn new(rule: impl FnMut(Call) -> Verdict + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(rule)))
    }

    fn ask(&self, call: Call) -> Result<Verdict> {
        let verdict = (self.0.lock().expect("rules do not panic"))(call);
        match verdict {
            Verdict::Fail(error) => Err(error),
            Verdict::Die => std::process::abort(),
            verdict => Ok(verdict),
        }
    }

    fn on_device(verdict: Verdict, mut stat: Stat) -> Stat {
        if let Verdict::Device(device) = verdict {
            stat.st_dev = device;
        }
        stat
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl System for Scripted {
    fn open_directory(&self, path: &Path) -> Result<OwnedFd> {
        self.ask(Call::OpenDirectory)?;
        Kernel.open_directory(path)
    }

    fn open(&self, directory: BorrowedFd<'_>, name: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        self.ask(if flags.contains(OFlags::TMPFILE) {
            Call::OpenUnnamed
        } else if flags.contains(OFlags::CREATE) {
            assert!(flags.contains(OFlags::EXCL) && name.starts_with(".kes-"), "a final name is never opened to write");
            Call::OpenTemporary
        } else {
            Call::OpenEntry
        })?;
        Kernel.open(directory, name, flags, mode)
    }

    fn stat_open(&self, file: BorrowedFd<'_>) -> Result<Stat> {
        let verdict = self.ask(Call::StatOpen)?;
        Ok(Self::on_device(verdict, Kernel.stat_open(file)?))
    }

    fn stat(&self, directory: BorrowedFd<'_>, name: &str) -> Result<Stat> {
        self.ask(Call::Stat)?;
        Kernel.stat(directory, name)
    }

    fn read(&self, file: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<usize> {
        self.ask(Call::Read)?;
        Kernel.read(file, bytes)
    }

    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
        let bytes = if self.ask(Call::Write)? == Verdict::Short { &bytes[..1] } else { bytes };
        Kernel.write(file, bytes)
    }

    fn sync(&self, file: BorrowedFd<'_>) -> Result<()> {
        self.ask(Call::Sync)?;
        Kernel.sync(file)
    }

    fn sync_directory(&self, directory: BorrowedFd<'_>) -> Result<()> {
        self.ask(Call::SyncDirectory)?;
        Kernel.sync_directory(directory)
    }

    fn link_by_proc(&self, file: BorrowedFd<'_>, directory: BorrowedFd<'_>, new: &str) -> Result<()> {
        self.ask(Call::LinkByProc)?;
        Kernel.link_by_proc(file, directory, new)
    }

    fn link_by_descriptor(&self, file: BorrowedFd<'_>, directory: BorrowedFd<'_>, new: &str) -> Result<()> {
        self.ask(Call::LinkByDescriptor)?;
        Kernel.link_by_descriptor(file, directory, new)
    }

    fn link(&self, directory: BorrowedFd<'_>, old: &str, new: &str) -> Result<()> {
        self.ask(Call::Link)?;
        Kernel.link(directory, old, new)
    }

    fn rename_to_new(&self, directory: BorrowedFd<'_>, old: &str, new: &str) -> Result<()> {
        self.ask(Call::Rename)?;
        Kernel.rename_to_new(directory, old, new)
    }

    fn unlink(&self, directory: BorrowedFd<'_>, name: &str) -> Result<()> {
        self.ask(Call::Unlink)?;
        Kernel.unlink(directory, name)
    }

    fn entries(&self, directory: BorrowedFd<'_>) -> Result<Vec<(String, FileType)>> {
        let verdict = self.ask(Call::Entries)?;
        let mut entries = Kernel.entries(directory)?;
        if verdict == Verdict::Untyped {
            entries.iter_mut().for_each(|(_, kind)| *kind = FileType::Unknown);
        }
        Ok(entries)
    }
}

/// What makes the file system one that has only the given way of publishing: 0 unnamed, 1 unnamed without `/proc`, 2
/// linked, 3 renamed, 4 none.
pub(super) fn file_system(way: usize) -> impl Fn(Call) -> Verdict + Send + Copy {
    move |call| match call {
        Call::LinkByProc if way == 1 => Verdict::Fail(Errno::NOENT),
        Call::OpenUnnamed if way >= 2 => Verdict::Fail(Errno::OPNOTSUPP),
        Call::Link if way >= 3 => Verdict::Fail(Errno::PERM),
        Call::Rename if way >= 4 => Verdict::Fail(Errno::INVAL),
        _ => Verdict::Proceed,
    }
}

/// The file systems of [`file_system`] that can hold a store.
pub(super) const WAYS: std::ops::Range<usize> = 0..4;
