//! What can be wrong with the files of TLS: all of it is told at once.

use std::fmt;
use std::path::PathBuf;

use rustls::Error;

/// Everything that keeps TLS from being set up, at least one thing. Printed one to a line.
#[derive(Debug)]
pub struct TlsFileErrors(Vec<TlsFileError>);

impl TlsFileErrors {
    /// Each for itself: those of the certificate first, then the key, then the authorities.
    #[must_use]
    pub fn as_slice(&self) -> &[TlsFileError] {
        &self.0
    }
}

impl From<TlsFileError> for TlsFileErrors {
    fn from(error: TlsFileError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for TlsFileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for TlsFileErrors {}

/// Both, or what is wrong with either.
pub(super) fn both<A, B>(
    one: Result<A, TlsFileErrors>,
    other: Result<B, TlsFileErrors>,
) -> Result<(A, B), TlsFileErrors> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(errors), Ok(_)) | (Ok(_), Err(errors)) => Err(errors),
        (Err(mut errors), Err(more)) => {
            errors.0.extend(more.0);
            Err(errors)
        }
    }
}

/// Why TLS cannot be set up. No text holds anything of a key or password.
#[derive(Debug, thiserror::Error)]
#[error("{}{}", self.message(), self.hint().map(|hint| format!("; hint: {hint}")).unwrap_or_default())]
pub enum TlsFileError {
    /// The certificate file.
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: Reason,
    },
    /// The key file.
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: Reason,
    },
    /// A file or directory of root certificates.
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: Reason,
    },
    /// No subject alternative name, so that no client could verify the certificate.
    NoSan(PathBuf),
    /// Key and certificate do not belong together.
    Pair {
        /// The key file.
        key: PathBuf,
        /// The certificate file.
        cert: PathBuf,
    },
    /// No roots, although clients have to be verified.
    NoRoots,
    /// The TLS library refuses to work.
    Library(Error),
}

/// What is wrong with a file, and what to do about it.
#[derive(Debug)]
pub struct Reason {
    pub(super) text: String,
    pub(super) hint: Option<String>,
}

impl Reason {
    pub(super) fn new(text: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self { text: text.to_string(), hint: Some(hint.into()) }
    }

    /// One that needs no advice, or gives it itself.
    pub(super) fn plain(text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), hint: None }
    }
}

impl TlsFileError {
    /// The setting that names the file: its path in the configuration.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Certificate { .. } | Self::NoSan(_) => "tls.cert",
            Self::Key { .. } | Self::Pair { .. } => "tls.key",
            Self::Ca { .. } | Self::NoRoots => "tls.ca",
            Self::Library(_) => "tls",
        }
    }

    /// What is wrong, without the cure.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Certificate { path, reason } | Self::Key { path, reason } => {
                format!("failed to read TLS certificate: {}: {}", path.display(), reason.text)
            }
            Self::Ca { path, reason } => {
                format!("failed to read TLS CA certificates: {}: {}", path.display(), reason.text)
            }
            Self::NoSan(path) => format!(
                "invalid TLS certificate: certificate does not contain any DNS or IP address as SAN: {}",
                path.display()
            ),
            Self::Pair { key, cert } => format!(
                "failed to read TLS certificate: private key does not match public key: {} is not the key of {}",
                key.display(),
                cert.display()
            ),
            Self::NoRoots => "failed to read TLS CA certificates: there are no trusted roots, neither of the system \
                              nor in `tls.ca`"
                .to_owned(),
            Self::Library(error) => format!("failed to set up TLS: {error}"),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Certificate { reason, .. } | Self::Key { reason, .. } | Self::Ca { reason, .. } => {
                reason.hint.as_deref()
            }
            Self::NoSan(_) => Some("make one with `kes identity new --ip … --dns …`"),
            Self::Pair { .. } => Some("the first certificate in `tls.cert` is the one that `tls.key` belongs to"),
            Self::NoRoots => Some("set `tls.ca` to the certificates that client certificates are verified with"),
            Self::Library(_) => None,
        }
    }
}
