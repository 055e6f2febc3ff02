//! The system calls of the file store, behind a trait: a test makes each one fail in turn and looks at what is left.

use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::{Errno, Result, retry_on_intr};

/// One method per system call. None is repeated but after a signal, and names are relative to `directory`.
pub(super) trait System: fmt::Debug + Send + Sync {
    /// Opens a directory by its path.
    fn open_directory(&self, path: &Path) -> Result<OwnedFd>;
    /// Opens an entry of the directory, or makes one.
    fn open(&self, directory: BorrowedFd<'_>, name: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd>;
    /// What an open file is.
    fn stat_open(&self, file: BorrowedFd<'_>) -> Result<Stat>;
    /// What an entry is; a symbolic link is itself.
    fn stat(&self, directory: BorrowedFd<'_>, name: &str) -> Result<Stat>;
    /// Reads some bytes; 0 at the end.
    fn read(&self, file: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<usize>;
    /// Writes some of the bytes.
    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize>;
    /// Makes a file's content durable.
    fn sync(&self, file: BorrowedFd<'_>) -> Result<()>;
    /// Makes the names of a directory durable.
    fn sync_directory(&self, directory: BorrowedFd<'_>) -> Result<()>;
    /// Gives an open file that has no name the name `new`, by way of `/proc`.
    fn link_by_proc(&self, file: BorrowedFd<'_>, directory: BorrowedFd<'_>, new: &str) -> Result<()>;
    /// The same without `/proc`; older kernels want a capability for it.
    fn link_by_descriptor(&self, file: BorrowedFd<'_>, directory: BorrowedFd<'_>, new: &str) -> Result<()>;
    /// Gives an entry a second name.
    fn link(&self, directory: BorrowedFd<'_>, old: &str, new: &str) -> Result<()>;
    /// Gives an entry another name that nothing has yet.
    fn rename_to_new(&self, directory: BorrowedFd<'_>, old: &str, new: &str) -> Result<()>;
    /// Removes an entry that is no directory.
    fn unlink(&self, directory: BorrowedFd<'_>, name: &str) -> Result<()>;
    /// All entries but `.` and `..`, with what the directory says they are. Names that are not UTF-8 are left out.
    fn entries(&self, directory: BorrowedFd<'_>) -> Result<Vec<(String, FileType)>>;
}

/// The real one.
#[derive(Debug)]
pub(super) struct Kernel;

impl System for Kernel {
    fn open_directory(&self, path: &Path) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))
    }

    fn open(&self, directory: BorrowedFd<'_>, name: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        retry_on_intr(|| rustix::fs::openat(directory, name, flags | OFlags::CLOEXEC, mode))
    }

    fn stat_open(&self, file: BorrowedFd<'_>) -> Result<Stat> {
        rustix::fs::fstat(file)
    }

    fn stat(&self, directory: BorrowedFd<'_>, name: &str) -> Result<Stat> {
        rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn read(&self, file: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<usize> {
        retry_on_intr(|| rustix::io::read(file, &mut *bytes))
    }

    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
        retry_on_intr(|| rustix::io::write(file, bytes))
    }

    fn sync(&self, file: BorrowedFd<'_>) -> Result<()> {
        retry_on_intr(|| rustix::fs::fsync(file))
    }

    fn sync_directory(&self, directory: BorrowedFd<'_>) -> Result<()> {
        retry_on_intr(|| rustix::fs::fsync(directory))
    }

    fn link_by_proc(&self, file: BorrowedFd<'_>, directory: BorrowedFd<'_>, new: &str) -> Result<()> {
        let old = format!("/proc/self/fd/{}", file.as_raw_fd());
        rustix::fs::linkat(CWD, old, directory, new, AtFlags::SYMLINK_FOLLOW)
    }

    fn link_by_descriptor(&self, file: BorrowedFd<'_>, directory: BorrowedFd<'_>, new: &str) -> Result<()> {
        rustix::fs::linkat(file, "", directory, new, AtFlags::EMPTY_PATH)
    }

    fn link(&self, directory: BorrowedFd<'_>, old: &str, new: &str) -> Result<()> {
        rustix::fs::linkat(directory, old, directory, new, AtFlags::empty())
    }

    fn rename_to_new(&self, directory: BorrowedFd<'_>, old: &str, new: &str) -> Result<()> {
        rustix::fs::renameat_with(directory, old, directory, new, RenameFlags::NOREPLACE)
    }

    fn unlink(&self, directory: BorrowedFd<'_>, name: &str) -> Result<()> {
        rustix::fs::unlinkat(directory, name, AtFlags::empty())
    }

    fn entries(&self, directory: BorrowedFd<'_>) -> Result<Vec<(String, FileType)>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => entries.push((name.to_owned(), entry.file_type())),
            }
        }
        Ok(entries)
    }
}

/// What an entry is, by its metadata.
pub(super) fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// The error of a system call as a person reads it.
pub(super) fn text(error: Errno) -> String {
    std::io::Error::from(error).to_string()
}
