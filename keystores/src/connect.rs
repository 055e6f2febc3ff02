//! From the settings of a key store to the store: the only place that knows which backends there are.

use std::sync::Arc;

use kes_config::keystore as settings;

#[cfg(feature = "vault")]
use crate::VaultStore;
use crate::{FileStore, KeyStore, StoreError};

/// When a store is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The process starts. Only now may a store make what is missing, such as its directory (decision 30).
    Process,
    /// The configuration is loaded anew.
    Reload,
}

/// Why there is no store. Texts are for the operator and hold no secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The store cannot be reached. Another attempt may work: `keystore.startup_grace` is for this.
    #[error("{0}")]
    Unavailable(String),
    /// The configuration does not fit what is there. Trying again is no use.
    #[error("{0}")]
    Refused(String),
}

impl From<StoreError> for ConnectError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Busy { .. } | StoreError::Overloaded => {
                Self::Unavailable(error.to_string())
            }
            StoreError::Denied(_) | StoreError::Corrupt(_) => Self::Refused(error.to_string()),
        }
    }
}

/// Connects the store that the configuration names. Bounds for callers and retries are not in it: put it into a
/// [`Guard`](crate::Guard) with the same `calls`.
///
/// # Errors
/// See [`ConnectError`]; also for a store that this build does not have.
pub async fn connect(
    settings: &settings::KeyStore,
    calls: &settings::StoreCalls,
    start: Start,
) -> Result<Arc<dyn KeyStore>, ConnectError> {
    match built(settings)? {
        Built::FileSystem(fs) => Ok(Arc::new(FileStore::open(fs.path.clone(), start, is_stored_key).await?)),
        #[cfg(feature = "vault")]
        Built::Vault(vault) => Ok(Arc::new(VaultStore::connect(vault, calls).await?)),
    }
}

/// What can be said of the store without connecting it: whether this build has it, and what its settings name is of the
/// right kind. So a configuration can be refused before anything is done.
///
/// # Errors
/// [`ConnectError::Refused`], beginning with the setting's path.
pub fn check(settings: &settings::KeyStore) -> Result<(), ConnectError> {
    match built(settings)? {
        Built::FileSystem(fs) if fs.path.metadata().is_ok_and(|found| !found.is_dir()) => {
            let path = fs.path.display();
            let hint = "hint: name a directory, or one that does not exist yet";
            Err(ConnectError::Refused(format!("keystore.fs.path: `{path}` is not a directory; {hint}")))
        }
        Built::FileSystem(_) => Ok(()),
        #[cfg(feature = "vault")]
        Built::Vault(vault) => VaultStore::check(vault),
    }
}

/// Whether both settings name the same store, as far as that can be known without asking it.
#[must_use]
pub fn is_same(one: &settings::KeyStore, other: &settings::KeyStore) -> bool {
    if let (settings::KeyStore::FileSystem(one), settings::KeyStore::FileSystem(other)) = (one, other)
        && let (Ok(one), Ok(other)) = (one.path.canonicalize(), other.path.canonicalize())
    {
        return one == other;
    }
    if let (settings::KeyStore::Vault(one), settings::KeyStore::Vault(other)) = (one, other) {
        let place =
            |vault: &settings::Vault| [&vault.namespace, &vault.prefix].map(|part| part.clone().unwrap_or_default());
        // Of which version the engine is, how to log in and what is encrypted beside makes no other place of it.
        return (&one.endpoint, &one.engine, place(one)) == (&other.endpoint, &other.engine, place(other));
    }
    one == other
}

/// The stores of this build.
enum Built<'a> {
    FileSystem(&'a settings::FileSystem),
    #[cfg(feature = "vault")]
    Vault(&'a settings::Vault),
}

fn built(settings: &settings::KeyStore) -> Result<Built<'_>, ConnectError> {
    match settings {
        settings::KeyStore::FileSystem(fs) => Ok(Built::FileSystem(fs)),
        #[cfg(feature = "vault")]
        settings::KeyStore::Vault(vault) => Ok(Built::Vault(vault)),
        #[cfg(not(feature = "vault"))]
        settings::KeyStore::Vault(_) => Err(not_built("vault")),
        settings::KeyStore::Fortanix(_) => Err(not_built("fortanix.sdkms")),
        settings::KeyStore::KeySecure(_) => Err(not_built("gemalto.keysecure")),
        settings::KeyStore::Gcp(_) => Err(not_built("gcp.secretmanager")),
        settings::KeyStore::Aws(_) => Err(not_built("aws.secretsmanager")),
        settings::KeyStore::Azure(_) => Err(not_built("azure.keyvault")),
        settings::KeyStore::Entrust(_) => Err(not_built("entrust.keycontrol")),
    }
}

/// The stores that this build has, as the configuration names them.
const BUILT: &str = if cfg!(feature = "vault") { "`fs` and `vault`" } else { "`fs`" };

fn not_built(backend: &str) -> ConnectError {
    ConnectError::Refused(format!("keystore.{backend}: not available in this build; hint: it has {BUILT}"))
}

fn is_stored_key(value: &[u8]) -> bool {
    kes_core::key::stored::decode(value).is_ok()
}

#[cfg(test)]
mod tests {
    use kes_config::keystore::StoreCalls;

    use super::*;
    use crate::conformance::{GENERATION_1, GENERATION_2, name};

    fn fs(path: impl Into<std::path::PathBuf>) -> settings::KeyStore {
        settings::KeyStore::FileSystem(settings::FileSystem { path: path.into() })
    }

    #[tokio::test]
    async fn the_file_store_knows_keys_of_all_generations_from_other_files() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = connect(&fs(directory.path()), &StoreCalls::default(), Start::Process).await.expect("a store");
        assert_eq!(store.label(), format!("Filesystem: {}", directory.path().display()));
        for (text, content, is_key) in
            [("first.key", GENERATION_1, true), ("second.key", GENERATION_2, true), ("README.md", "# keys", false)]
        {
            std::fs::write(directory.path().join(text), content).expect("a file");
            assert_eq!(store.get(&name(text)).await.is_ok(), is_key, "{text}");
        }
    }

    #[test]
    fn a_store_that_is_not_built_is_named() {
        let error = not_built("azure.keyvault").to_string();
        assert!(
            error.starts_with("keystore.azure.keyvault: not available in this build; hint: it has `fs`"),
            "{error}"
        );
    }

    #[test]
    fn a_directory_by_another_path_is_the_same_store() {
        let directory = tempfile::tempdir().expect("a directory");
        let (one, other) = (directory.path().join("one"), directory.path().join("other"));
        std::fs::create_dir(&one).expect("a directory");
        assert!(!is_same(&fs(&one), &fs(&other)) && is_same(&fs(&other), &fs(&other)));
        std::os::unix::fs::symlink(&one, &other).expect("a link");
        assert!(is_same(&fs(&one), &fs(&other)));
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_is_told_before_anything_is_done() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let error = check(&fs(file.path())).expect_err("a file").to_string();
        assert!(error.starts_with("keystore.fs.path: `") && error.contains("` is not a directory; hint: "), "{error}");
        assert!(check(&fs(file.path().with_extension("missing"))).is_ok());
    }

    #[tokio::test]
    async fn a_reload_makes_no_directory() {
        let directory = tempfile::tempdir().expect("a directory");
        let missing = directory.path().join("missing");
        let error = connect(&fs(&missing), &StoreCalls::default(), Start::Reload).await.expect_err("nothing is there");
        assert!(matches!(error, ConnectError::Unavailable(_)), "{error}");
        assert!(connect(&fs(&missing), &StoreCalls::default(), Start::Process).await.is_ok());
    }
}
