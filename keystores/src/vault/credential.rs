//! Credentials for logins, from the configuration or from files of their own.

use std::path::PathBuf;

use kes_config::keystore::CredentialSource;
use kes_core::{SecretBytes, SecretText};

use crate::StoreError;

/// Longest file with a credential, in bytes.
const MAX_CREDENTIAL_BYTES: usize = 64 * 1024;

/// Where a credential is.
pub(super) enum Source {
    Value(SecretText),
    /// Read at every login.
    File(PathBuf),
}

impl From<&CredentialSource> for Source {
    fn from(source: &CredentialSource) -> Self {
        match source {
            CredentialSource::Value(value) => Self::Value(value.expose().into()),
            CredentialSource::File(path) => Self::File(path.clone()),
        }
    }
}

impl Source {
    /// The credential as it is now, without white space around it.
    pub(super) async fn read(&self) -> Result<SecretText, StoreError> {
        let path = match self {
            Self::Value(value) => return Ok(value.expose().into()),
            Self::File(path) => path,
        };
        let failed =
            |reason: &str| StoreError::Denied(format!("cannot read the credential in `{}`: {reason}", path.display()));
        let bytes = tokio::fs::read(path).await.map_err(|error| failed(&error.to_string()))?;
        let bytes = SecretBytes::from(bytes);
        if bytes.len() > MAX_CREDENTIAL_BYTES {
            return Err(failed("it is too long to be one"));
        }
        let text = std::str::from_utf8(bytes.expose()).map_err(|_| failed("it is no text"))?.trim();
        if text.is_empty() { Err(failed("it is empty")) } else { Ok(text.into()) }
    }
}
