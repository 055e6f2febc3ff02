//! Certificates and keys from files, and what is wrong with them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use kes_client::pem::{self, PemError};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::TlsFiles;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// A certificate or key file.
    #[error("failed to read TLS certificate: {path}: {reason}", path = path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or directory of root certificates.
    #[error("failed to read TLS CA certificates: {path}: {reason}", path = path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No subject alternative name, so that no client could verify the certificate.
    #[error(
        "invalid TLS certificate: certificate does not contain any DNS or IP address as SAN; hint: make one with `kes identity new --ip … --dns …`"
    )]
    NoSan,
    /// Key and certificate do not belong together.
    #[error("failed to read TLS certificate: private key does not match public key: {0}")]
    Pair(rustls::Error),
    /// No roots, although clients have to be verified.
    #[error("failed to read TLS CA certificates: there are no trusted roots, neither of the system nor in `tls.ca`")]
    NoRoots,
    /// The TLS library refuses to work.
    #[error("failed to set up TLS: {0}")]
    Library(rustls::Error),
}

/// What client certificates are verified against.
pub(super) struct Roots {
    /// The roots of the system, and those of `tls.ca`.
    pub(super) store: RootCertStore,
    /// The certificates of `tls.ca`, to recognise one that is presented as a client's own.
    pub(super) configured: Vec<CertificateDer<'static>>,
}

/// The certificate chain and its key.
pub(super) fn read_pair(
    files: &TlsFiles,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsFileError> {
    let failed = |path: &Path, reason: String| TlsFileError::Certificate { path: path.to_owned(), reason };
    let chain = read(&files.cert).map_err(|error| failed(&files.cert, error.to_string()))?;
    let chain = pem::read_certificates(&chain).map_err(|error| failed(&files.cert, error.to_string()))?;
    let key = kes_core::SecretBytes::from(read(&files.key).map_err(|error| failed(&files.key, error.to_string()))?);
    let key = pem::read_private_key(key.expose(), files.password.as_ref().map(|password| password.expose()))
        .map_err(|error| failed(&files.key, with_hint(&error)))?;
    if !chain.first().is_some_and(has_san) {
        return Err(TlsFileError::NoSan);
    }
    Ok((chain, key))
}

fn with_hint(error: &PemError) -> String {
    match error {
        PemError::PasswordRequired => format!("{error}; hint: set `tls.password`"),
        error => error.to_string(),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path)
}

fn has_san(leaf: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(leaf) else { return false };
    let Ok(Some(san)) = certificate.subject_alternative_name() else { return false };
    san.value.general_names.iter().any(|name| matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_)))
}

/// The system's roots and those of `ca`.
pub(super) fn read_roots(ca: Option<&Path>) -> Result<Roots, TlsFileError> {
    let mut store = RootCertStore::empty();
    // A root of the system that cannot be read is not ours to mend; the others still count.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let configured = ca.map(read_ca).transpose()?.unwrap_or_default();
    // A certificate that is no X.509 version 3 can be no trust anchor of the library, but it can still be recognised.
    store.add_parsable_certificates(configured.iter().cloned());
    if store.is_empty() && configured.is_empty() {
        return Err(TlsFileError::NoRoots);
    }
    Ok(Roots { store, configured })
}

/// The certificates of a PEM file, or of all regular files of a directory.
pub(super) fn read_ca(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let failed = |path: &Path, reason: String| TlsFileError::Ca { path: path.to_owned(), reason };
    let certificates_of = |path: &Path| {
        let text = read(path).map_err(|error| failed(path, error.to_string()))?;
        pem::read_certificates(&text).map_err(|error| failed(path, error.to_string()))
    };
    let metadata = fs::metadata(path).map_err(|error| failed(path, error.to_string()))?;
    if !metadata.is_dir() {
        return certificates_of(path);
    }
    let mut certificates = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| failed(path, error.to_string()))? {
        let entry = entry.map_err(|error| failed(path, error.to_string()))?.path();
        // After following links, so that a directory that Kubernetes mounts (`..data`) is no hurdle.
        if fs::metadata(&entry).is_ok_and(|metadata| metadata.is_file()) {
            certificates.append(&mut certificates_of(&entry)?);
        }
    }
    Ok(certificates)
}
