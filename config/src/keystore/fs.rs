//! `keystore.fs`: files in a directory.

use std::path::PathBuf;

use crate::keystore::KeyStore;
use crate::report::Report;
use crate::section::Section;

pub(crate) const REQUIRED: &[&str] = &["path"];

/// `keystore.fs`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// The directory; created if missing when the process starts.
    pub path: PathBuf,
}

pub(crate) fn check(mut fs: Section<'_>, report: &mut Report<'_>) -> Option<KeyStore> {
    let path = fs.required("path", "the directory of the keys", report);
    fs.finish(report);
    Some(KeyStore::FileSystem(FileSystem { path: PathBuf::from(path?.value.as_str()) }))
}
