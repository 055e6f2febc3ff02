//! Who the client is: a certificate and its private key.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use kes_core::{ApiKey, Identity, SecretBytes};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroize;

use crate::certificate::{self, CertificateError};
use crate::pem::{self, PemError};

/// A certificate and the private key that belongs to it. Clones share them; the key is wiped with the last one.
#[derive(Clone)]
pub struct ClientIdentity {
    certified: Arc<CertifiedKey>,
    identity: Identity,
}

/// Certificate and key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIdentity {
    /// A file cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The certificate file.
    #[error("invalid certificate: {0}")]
    Certificate(PemError),
    /// The key file.
    #[error("invalid private key: {0}")]
    Key(PemError),
    /// The key is of no supported kind.
    #[error("private key not supported, expected Ed25519, ECDSA or RSA")]
    UnsupportedKey,
    /// The two do not belong together.
    #[error("private key does not match public key of the certificate")]
    Mismatch,
    /// The certificate of an API key could not be made, or a certificate is malformed.
    #[error(transparent)]
    Make(#[from] CertificateError),
}

impl ClientIdentity {
    /// The holder of an API key, with a fresh certificate that is valid for 90 days. In their normal mode servers do not
    /// look at its validity.
    ///
    /// # Errors
    /// [`InvalidIdentity::Make`] if the random source fails.
    pub fn from_api_key(key: &ApiKey) -> Result<Self, InvalidIdentity> {
        let certificate = certificate::of_api_key(key, SystemTime::now())?;
        let private_key = PrivatePkcs8KeyDer::from(key.to_pkcs8().expose().to_vec());
        Self::new(vec![certificate], private_key.into())
    }

    /// From the PEM text of a certificate (with its chain) and of a private key.
    ///
    /// # Errors
    /// Every variant but [`InvalidIdentity::File`].
    pub fn from_pem(certificate: &[u8], key: &[u8], password: Option<&str>) -> Result<Self, InvalidIdentity> {
        let chain = pem::read_certificates(certificate).map_err(InvalidIdentity::Certificate)?;
        Self::new(chain, pem::read_private_key(key, password).map_err(InvalidIdentity::Key)?)
    }

    /// As [`ClientIdentity::from_pem`], from files.
    ///
    /// # Errors
    /// Every variant.
    pub fn from_files(certificate: &Path, key: &Path, password: Option<&str>) -> Result<Self, InvalidIdentity> {
        let read = |path: &Path| {
            std::fs::read(path)
                .map(SecretBytes::from)
                .map_err(|error| InvalidIdentity::File { path: path.to_owned(), reason: error.to_string() })
        };
        Self::from_pem(read(certificate)?.expose(), read(key)?.expose(), password)
    }

    /// The identity as servers see it.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }

    /// The library's own constructor parses the certificate more strictly than servers of this kind do.
    fn new(chain: Vec<CertificateDer<'static>>, mut key: PrivateKeyDer<'static>) -> Result<Self, InvalidIdentity> {
        // By reference: what is given away is not wiped.
        let loaded = any_supported_type(&key);
        key.zeroize();
        let key = loaded.map_err(|_| InvalidIdentity::UnsupportedKey)?;
        let leaf = chain.first().ok_or(InvalidIdentity::Certificate(PemError::NotPem))?;
        let public_key = certificate::public_key(leaf)?;
        if key.public_key().is_some_and(|of_key| of_key.as_ref() != public_key) {
            return Err(InvalidIdentity::Mismatch);
        }
        let identity = Identity::of_public_key(public_key);
        Ok(Self { certified: Arc::new(CertifiedKey::new(chain, key)), identity })
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientIdentity({})", self.identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! file {
        ($name:literal) => {
            include_bytes!(concat!("../pem/testdata/", $name)).as_slice()
        };
    }

    #[test]
    fn an_api_key_and_its_certificate_have_one_identity() {
        let key: ApiKey = "kes:v1:AGaV6VXHasF0FnaB60WdCOeTZ8eTIDikL4zlN16c8NAs".parse().expect("an API key");
        let identity = ClientIdentity::from_api_key(&key).expect("an identity");
        assert_eq!(identity.identity().as_str(), "ea9826089311fe44d7590408ede9150f7c637b6cab0a91ee6fe1aa5d9fb366f6");
    }

    #[test]
    fn certificate_and_key_must_belong_together() {
        let certificate = file!("certificate.pem");
        let pair = ClientIdentity::from_pem(certificate, file!("rfc1423-aes256.pem"), Some("hunter2"));
        assert!(pair.expect("a pair").identity().is_hash());
        let other = ClientIdentity::from_pem(certificate, file!("plain.pem"), None);
        assert_eq!(other.unwrap_err(), InvalidIdentity::Mismatch);
        let locked = ClientIdentity::from_pem(certificate, file!("rfc1423-aes256.pem"), None);
        assert_eq!(locked.unwrap_err(), InvalidIdentity::Key(PemError::PasswordRequired));
        let swapped = ClientIdentity::from_pem(file!("plain.pem"), certificate, None);
        assert!(matches!(swapped.unwrap_err(), InvalidIdentity::Certificate(PemError::UnsupportedBlock(_))));
    }

    #[test]
    fn a_missing_file_is_named() {
        let missing = Path::new("/nonexistent/public.crt");
        let error = ClientIdentity::from_files(missing, missing, None).unwrap_err().to_string();
        assert!(error.starts_with("cannot read `/nonexistent/public.crt`: "), "{error}");
    }
}
