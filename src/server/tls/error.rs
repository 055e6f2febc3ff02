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
pub enum TlsFileError {
    /// A certificate or key file.
    #[error("failed to read TLS certificate: {path}: {reason}", path = path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A file or directory of root certificates.
    #[error("failed to read TLS CA certificates: {path}: {reason}", path = path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// No subject alternative name, so that no client could verify the certificate.
    #[error(
        "invalid TLS certificate: certificate does not contain any DNS or IP address as SAN: {path}; hint: make one with `kes identity new --ip … --dns …`",
        path = .0.display()
    )]
    NoSan(PathBuf),
    /// Key and certificate do not belong together.
    #[error(
        "failed to read TLS certificate: private key does not match public key: {key} is not the key of {cert}; hint: the first certificate in `tls.cert` is the one that `tls.key` belongs to",
        key = key.display(),
        cert = cert.display()
    )]
    Pair {
        /// The key file.
        key: PathBuf,
        /// The certificate file.
        cert: PathBuf,
    },
    /// No roots, although clients have to be verified.
    #[error(
        "failed to read TLS CA certificates: there are no trusted roots, neither of the system nor in `tls.ca`; hint: set `tls.ca` to the certificates that client certificates are verified with"
    )]
    NoRoots,
    /// The TLS library refuses to work.
    #[error("failed to set up TLS: {0}")]
    Library(Error),
}
