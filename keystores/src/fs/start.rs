//! What happens once, when the file store is opened: the directory is made if it may be, looked at and cleaned up, and
//! the way of publishing is found.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kes_core::SecretBytes;
use rustix::fs::FileType;
use rustix::io::Errno;

use super::directory::{Directory, Opened};
use super::files::Files;
use super::publish::{Failure, Way, publish};
use super::system::{System, file_type, text};
use super::{IsStoredKey, names};
use crate::{ConnectError, Start};

/// The mode of a directory that we make.
const DIRECTORY_MODE: u32 = 0o700;

/// Who has no business in the directory: group and others.
const STRANGERS: u32 = 0o077;

/// How old a temporary file must be before nobody can still be writing it.
const STALE: Duration = Duration::from_secs(60 * 60);

/// What is written to find out the way. Never published under a key's name.
const PROBE: &[u8] = b"probe";

/// Opens the store.
pub(super) fn open(
    path: PathBuf,
    start: Start,
    is_stored_key: IsStoredKey,
    system: Arc<dyn System>,
) -> Result<Files, ConnectError> {
    let directory = match Directory::find(path.clone(), Arc::clone(&system)) {
        Err(Errno::NOENT) if start == Start::Process => {
            make(&path)?;
            Directory::find(path.clone(), Arc::clone(&system))
        }
        found => found,
    }
    .map_err(|error| cannot_open(&path, error))?;
    let opened = directory.open()?;
    warn_of_strangers(&*system, &directory, &opened);
    remove_stale(&*system, &directory, &opened)?;
    let way = find_way(&*system, &directory, &opened)?.map_or_else(OnceLock::new, OnceLock::from);
    Ok(Files { directory, system, way, is_stored_key })
}

/// Why a file system cannot hold a store.
pub(super) fn no_way(path: &Path) -> String {
    format!("the file system of '{}' cannot create a name atomically", path.display())
}

fn cannot_open(path: &Path, error: Errno) -> ConnectError {
    let path = path.display();
    match error {
        Errno::NOTDIR => {
            ConnectError::Refused(format!("keystore.fs.path: `{path}` is not a directory; hint: name one"))
        }
        Errno::NOENT => ConnectError::Unavailable(format!(
            "keystore.fs.path: there is no directory `{path}`; is its file system mounted? it is made only when the \
             process starts"
        )),
        error => ConnectError::Unavailable(format!("keystore.fs.path: cannot open `{path}`: {}", text(error))),
    }
}

/// Makes the directory and those above it that are missing, durably: keys in it would go with its name.
fn make(path: &Path) -> Result<(), ConnectError> {
    let failure = |error: std::io::Error| {
        ConnectError::Refused(format!(
            "keystore.fs.path: cannot make the directory `{}`: {error}; hint: make it, or let the server's user",
            path.display()
        ))
    };
    let existing = path.ancestors().find(|ancestor| ancestor.exists()).map(Path::to_owned);
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path).map_err(failure)?;
    for parent in path.ancestors().skip(1) {
        // The ancestor of a relative path's first part is written as nothing.
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        std::fs::File::open(parent).and_then(|directory| directory.sync_all()).map_err(failure)?;
        if existing.as_deref() == Some(parent) {
            break;
        }
    }
    tracing::warn!(
        "the key store directory `{}` did not exist and was made; if it should hold keys, look for a file system that is \
         not mounted",
        path.display()
    );
    Ok(())
}

fn warn_of_strangers(system: &dyn System, directory: &Directory, opened: &Opened) {
    if let Ok(stat) = system.stat_open(opened.descriptor())
        && stat.st_mode & STRANGERS != 0
    {
        tracing::warn!(
            "the key store directory `{path}` is accessible to others (mode {mode:04o}); hint: chmod 0700 {path}",
            path = directory.path().display(),
            mode = stat.st_mode & 0o7777
        );
    }
}

/// Removes what writers that were killed have left behind. What cannot be removed is no reason not to start.
fn remove_stale(system: &dyn System, directory: &Directory, opened: &Opened) -> Result<(), ConnectError> {
    for (name, _) in directory.entries(opened)? {
        if !names::is_temporary(&name) {
            continue;
        }
        let Ok(stat) = system.stat(opened.descriptor(), &name) else { continue };
        if file_type(&stat) != FileType::RegularFile || !is_stale(stat.st_mtime) {
            continue;
        }
        let path = directory.path().display();
        match system.unlink(opened.descriptor(), &name) {
            Ok(()) => tracing::info!("removed `{name}` from `{path}`, which an interrupted writer left"),
            Err(error) => tracing::warn!("cannot remove `{name}` from `{path}`: {}", text(error)),
        }
    }
    Ok(())
}

fn is_stale(modified_seconds: i64) -> bool {
    let modified = UNIX_EPOCH + Duration::from_secs(u64::try_from(modified_seconds).unwrap_or(0));
    SystemTime::now().duration_since(modified).is_ok_and(|age| age > STALE)
}

/// Publishes a temporary name, and takes it back. `None` if nothing can be written at present: the keys that are there
/// can still be used, and the first create finds the way.
fn find_way(system: &dyn System, directory: &Directory, opened: &Opened) -> Result<Option<Way>, ConnectError> {
    let name = names::temporary();
    match publish(system, opened.descriptor(), &name, &SecretBytes::from(PROBE), Way::Unnamed) {
        Ok((_, way)) => {
            if let Err(error) = system.unlink(opened.descriptor(), &name) {
                tracing::warn!("cannot remove `{name}` from `{}`: {}", directory.path().display(), text(error));
            }
            Ok(Some(way))
        }
        Err(Failure::NoWay) => Err(ConnectError::Refused(no_way(directory.path()))),
        Err(Failure::Call(doing, error)) => {
            tracing::warn!(
                "cannot write to the key store directory `{}`, so keys cannot be created: cannot {doing}: {}",
                directory.path().display(),
                text(error)
            );
            Ok(None)
        }
    }
}
