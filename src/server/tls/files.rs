//! Certificates and keys from files, and what is wrong with them.

use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use aws_lc_rs::digest;
use kes_client::pem::{self, PemError};
use kes_core::SecretBytes;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

use super::TlsFiles;
use super::error::{Reason, TlsFileError, TlsFileErrors, both};

/// What client certificates are verified against.
pub(super) struct Roots {
    /// The roots of the system, and those of `tls.ca`.
    pub(super) store: RootCertStore,
    /// The certificates of `tls.ca`, to recognise one that is presented as a client's own.
    pub(super) configured: Vec<CertificateDer<'static>>,
}

/// Tells one content of all files from another.
pub(super) type Fingerprint = [u8; digest::SHA256_OUTPUT_LEN];

/// The fingerprint of what the files hold now. One that cannot be read has a content of its own.
pub(super) fn fingerprint(files: &TlsFiles) -> Fingerprint {
    let mut all = digest::Context::new(&digest::SHA256);
    let mut add = |path: &Path| {
        let content = fs::read(path).map(SecretBytes::from).map_err(|error| error.kind());
        let content = match &content {
            Ok(content) => digest::digest(&digest::SHA256, content.expose()),
            Err(kind) => digest::digest(&digest::SHA256, format!("{kind:?}").as_bytes()),
        };
        all.update(digest::digest(&digest::SHA256, path.as_os_str().as_encoded_bytes()).as_ref());
        all.update(content.as_ref());
    };
    add(&files.key);
    add(&files.cert);
    if let Some(ca) = &files.ca {
        match pem::files_at(ca) {
            Ok(files) => files.iter().for_each(|file| add(file)),
            Err(_) => add(ca),
        }
    }
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(all.finish().as_ref());
    fingerprint
}

/// The certificate chain and its key.
pub(super) fn read_pair(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsFileErrors> {
    let (chain, key) = both(read_chain(&files.cert), read_key(files, provider))?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        // A key that does not tell its public half cannot be compared.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
        Err(Error::InconsistentKeys(_)) => {
            Err(TlsFileError::Pair { key: files.key.clone(), cert: files.cert.clone() }.into())
        }
        Err(error) => Err(TlsFileError::Certificate { path: files.cert.clone(), reason: Reason::plain(error) }.into()),
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileErrors> {
    let failed = |reason| TlsFileError::Certificate { path: path.to_owned(), reason };
    let chain = read_certificates(path, "tls.cert").map_err(failed)?;
    if !chain.first().is_some_and(has_san) {
        return Err(TlsFileError::NoSan(path.to_owned()).into());
    }
    Ok(chain)
}

fn read_key(files: &TlsFiles, provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>, TlsFileErrors> {
    let failed = |reason| TlsFileError::Key { path: files.key.clone(), reason };
    let pem = read(&files.key, "tls.key").map_err(failed)?;
    let key = pem::read_private_key(pem.expose(), files.password.as_ref().map(|password| password.expose()))
        .map_err(|error| failed(key_problem(&error)))?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| {
        failed(Reason::new(error, "the key is damaged, or of a kind other than RSA, ECDSA and Ed25519"))
    })?;
    Ok(key)
}

/// What an operator should know of a certificate that is used all the same.
pub(super) fn validity_warning(files: &TlsFiles, pair: &CertifiedKey, now: UnixTime) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(pair.cert.first()?).ok()?;
    let (validity, now) = (certificate.validity(), i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    let problem = if now > validity.not_after.timestamp() {
        format!("expired on {}", validity.not_after)
    } else if now < validity.not_before.timestamp() {
        format!("is not valid before {}", validity.not_before)
    } else {
        return None;
    };
    Some(format!("the certificate {} {problem}; hint: clients will refuse it, renew it", files.cert.display()))
}

/// When the certificate expires, in seconds since 1970. One that cannot be read counts as expired.
pub(super) fn expiry(pair: &CertifiedKey) -> i64 {
    let certificate = pair.cert.first().and_then(|certificate| X509Certificate::from_der(certificate).ok());
    certificate.map_or(0, |(_, certificate)| certificate.validity().not_after.timestamp())
}

/// The certificates of a PEM file, or what is wrong with it. `setting` names the file in the configuration.
fn read_certificates(path: &Path, setting: &str) -> Result<Vec<CertificateDer<'static>>, Reason> {
    let pem = read(path, setting)?;
    let certificates = pem::read_certificates(pem.expose()).map_err(|error| certificate_problem(&error))?;
    for (index, certificate) in certificates.iter().enumerate() {
        if X509Certificate::from_der(certificate).is_err() {
            let text = format!("certificate {} in it is no X.509 certificate", index + 1);
            return Err(Reason::new(text, "copy it again"));
        }
    }
    Ok(certificates)
}

fn read(path: &Path, setting: &str) -> Result<SecretBytes, Reason> {
    fs::read(path).map(SecretBytes::from).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => "the user that the server runs as must be able to read it".to_owned(),
            _ => format!("check the path in `{setting}`"),
        };
        Reason::new(error, hint)
    })
}

fn certificate_problem(error: &PemError) -> Reason {
    let hint = match error {
        PemError::NotPem => {
            "certificates are read as PEM, with nothing after the last one; \
             `openssl x509 -inform der -in FILE -out FILE` converts a DER file"
        }
        PemError::UnsupportedBlock(label) if label.ends_with("PRIVATE KEY") => {
            "a private key belongs into the file of `tls.key`"
        }
        PemError::UnsupportedBlock(_) => "remove the block",
        _ => "copy the file again",
    };
    Reason::new(error, hint)
}

fn key_problem(error: &PemError) -> Reason {
    let hint = match error {
        PemError::PasswordRequired => "set `tls.password`",
        PemError::WrongPassword => "check `tls.password`",
        PemError::NoPrivateKey => {
            "private keys are read as PEM; `openssl pkey -inform der -in FILE -out FILE` converts a DER file"
        }
        PemError::Damaged(_) => "copy the file again",
        // These say themselves what to do.
        _ => return Reason::plain(error),
    };
    Reason::new(error, hint)
}

fn has_san(leaf: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(leaf) else { return false };
    let Ok(Some(san)) = certificate.subject_alternative_name() else { return false };
    san.value.general_names.iter().any(|name| matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_)))
}

/// Whether a certificate is one that may sign others: it says so, or it is too old to say anything of it.
fn may_sign(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_, certificate)| certificate.is_ca() || certificate.version() == X509Version::V1)
}

/// The system's roots and the `configured` ones.
pub(super) fn roots(configured: Vec<CertificateDer<'static>>) -> Result<Roots, TlsFileErrors> {
    let mut store = RootCertStore::empty();
    // A root of the system that cannot be read is not ours to mend; the others still count.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    // The library lets whatever is in the store sign others. A client's own certificate that was configured must not.
    store.add_parsable_certificates(configured.iter().filter(|certificate| may_sign(certificate)).cloned());
    if store.is_empty() && configured.is_empty() {
        return Err(TlsFileError::NoRoots.into());
    }
    Ok(Roots { store, configured })
}

/// The certificates of `tls.ca`: of a PEM file, or of all regular files of a directory.
pub(super) fn read_ca(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileErrors> {
    let failed = |path: &Path, reason| TlsFileError::Ca { path: path.to_owned(), reason };
    let mut all = Ok(Vec::new());
    for file in pem::files_at(path).map_err(|error| failed(path, Reason::plain(error)))? {
        let certificates = read_certificates(&file, "tls.ca").map_err(|reason| failed(&file, reason).into());
        all = both(all, certificates).map(|(all, more)| [all, more].concat());
    }
    all
}
