//! Writes a private key and its certificate: both or neither, each whole or not at all.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;

const KEY_MODE: u32 = 0o600;
const CERTIFICATE_MODE: u32 = 0o644;

/// Fails if there is a file already.
pub(super) fn refuse_existing(what: &str, path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => Err(exists(what, path)),
        Err(_) => Ok(()),
    }
}

fn exists(what: &str, path: &Path) -> Failure {
    Failure::error(format!("{what} '{}' already exists. Use --force to overwrite it", path.display()))
}

/// Writes the private key (mode 0600) and the certificate (0644), each with its path. Without `force` a file that
/// appeared in the meantime is left alone.
pub(super) fn write_pair(key: (&Path, &[u8]), certificate: (&Path, &[u8]), force: bool) -> Result<(), Failure> {
    let new_key = Unpublished::write("private key", key.0, key.1, KEY_MODE)?;
    let new_certificate = Unpublished::write("certificate", certificate.0, certificate.1, CERTIFICATE_MODE)?;
    new_key.publish(force)?;
    new_certificate.publish(force).inspect_err(|_| {
        // A key without its certificate helps nobody; what stood there before is gone with --force.
        let _ = std::fs::remove_file(key.0);
    })
}

/// A file under a name that nobody looks for. Removed when it is dropped.
struct Unpublished<'a> {
    what: &'static str,
    temporary: PathBuf,
    path: &'a Path,
}

impl<'a> Unpublished<'a> {
    fn write(what: &'static str, path: &'a Path, content: &[u8], mode: u32) -> Result<Self, Failure> {
        let failed = |error| Failure::error(format!("cannot write {what} '{}': {error}", path.display()));
        let Some(name) = path.file_name() else { return Err(failed(ErrorKind::InvalidInput.into())) };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.tmp", std::process::id()));
        let temporary = path.with_file_name(hidden);
        let mut file = File::options().write(true).create_new(true).mode(KEY_MODE).open(&temporary).map_err(failed)?;
        let unpublished = Self { what, temporary, path };
        let private = mode == KEY_MODE;
        let written = file.write_all(content).and_then(|()| {
            // The umask applies to the certificate, and never widens the key.
            if private { Ok(()) } else { file.set_permissions(Permissions::from_mode(mode & !umask())) }
        });
        written.and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(unpublished)
    }

    fn publish(self, force: bool) -> Result<(), Failure> {
        let result = if force {
            std::fs::rename(&self.temporary, self.path)
        } else {
            // A link, unlike a rename, never replaces.
            std::fs::hard_link(&self.temporary, self.path)
        };
        result.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => exists(self.what, self.path),
            _ => Failure::error(format!("cannot write {} '{}': {error}", self.what, self.path.display())),
        })
    }
}

impl Drop for Unpublished<'_> {
    fn drop(&mut self) {
        // Gone already if it was renamed.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

/// The mask of the process, which can only be read by setting it.
fn umask() -> u32 {
    let mask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(mask);
    mask.bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(directory)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn both_files_are_written_or_neither() {
        let directory = tempfile::tempdir().expect("a directory");
        let (key, cert) = (directory.path().join("k"), directory.path().join("c"));
        write_pair((&key, b"key"), (&cert, b"cert"), false).expect("written");
        assert_eq!(std::fs::read(&key).expect("a key"), b"key");
        assert_eq!(key.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
        assert_eq!(names(directory.path()), ["c", "k"]);

        std::fs::remove_file(&key).expect("removed");
        assert!(write_pair((&key, b"new"), (&cert, b"new"), false).is_err(), "the certificate is there");
        assert_eq!(names(directory.path()), ["c"]);
        assert_eq!(std::fs::read(&cert).expect("a certificate"), b"cert");
    }

    #[test]
    fn force_replaces_and_narrows_the_mode() {
        let directory = tempfile::tempdir().expect("a directory");
        let (key, cert) = (directory.path().join("k"), directory.path().join("c"));
        std::fs::write(&key, b"old").expect("written");
        std::fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("a mode");
        write_pair((&key, b"key"), (&cert, b"cert"), true).expect("written");
        assert_eq!(std::fs::read(&key).expect("a key"), b"key");
        assert_eq!(key.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn parents_are_not_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let (key, cert) = (directory.path().join("none/k"), directory.path().join("c"));
        assert!(write_pair((&key, b"key"), (&cert, b"cert"), false).is_err());
        assert!(names(directory.path()).is_empty());
    }
}
