//! From the settings of a key store to the store: the only place that knows which backends there are.

use std::sync::Arc;

use kes_config::keystore as settings;

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
            StoreError::Unavailable(_) | StoreError::Overloaded => Self::Unavailable(error.to_string()),
            StoreError::Denied(_) | StoreError::Corrupt(_) => Self::Refused(error.to_string()),
        }
    }
}

/// Connects the store that the configuration names. Bounds and retries are not in it: put it into a
/// [`Guard`](crate::Guard).
///
/// # Errors
/// See [`ConnectError`]; also for a store that this build does not have.
pub async fn connect(settings: &settings::KeyStore, start: Start) -> Result<Arc<dyn KeyStore>, ConnectError> {
    match settings {
        settings::KeyStore::FileSystem(fs) => {
            Ok(Arc::new(FileStore::open(fs.path.clone(), start, is_stored_key).await?))
        }
        _ => Err(ConnectError::Refused(
            "keystore: the chosen store is not available in this build; it has `fs`".to_owned(),
        )),
    }
}

fn is_stored_key(value: &[u8]) -> bool {
    kes_core::key::stored::decode(value).is_ok()
}
