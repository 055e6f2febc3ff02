//! Which servers the client believes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::judge::{Judge, Judged, Shown};
use crate::pem::{self, PemError};

/// Certificates that were to be trusted cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A file or directory cannot be read, or is no PEM file of certificates.
    #[error("cannot read CA certificates from `{}`: {reason}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// PEM text that was given is none, or holds something else than certificates.
    #[error("cannot read CA certificates: {0}")]
    Pem(PemError),
    /// Nothing is trusted: no CA certificates were given, and the system has none, or is not to be asked.
    /// Cure: name a file of them in `SSL_CERT_FILE`.
    #[error("no CA certificates found{reason}")]
    Nothing {
        /// Why the system has none, after a colon; empty if nobody knows.
        reason: String,
    },
}

/// CA certificates that a program gives.
#[derive(Clone, Debug)]
pub(crate) enum Authorities {
    /// A PEM file, or a directory of such.
    At(PathBuf),
    /// PEM text.
    Pem(Vec<u8>),
}

impl Authorities {
    fn read(&self) -> Result<Vec<CertificateDer<'static>>, TrustError> {
        match self {
            Self::At(path) => read(path),
            Self::Pem(text) => pem::read_certificates(text).map_err(TrustError::Pem),
        }
    }
}

/// Which servers are believed.
#[derive(Debug)]
pub(crate) enum Trust {
    /// Those with a certificate that leads to one of these, or is one of these.
    Roots(Vec<CertificateDer<'static>>),
    /// All: whoever can divert the traffic can read and change it.
    Everybody,
}

impl Trust {
    /// With `system` the system's certificates, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR` if one of these variables
    /// is set; and those that were given.
    pub(crate) fn of(system: bool, given: &[Authorities]) -> Result<Self, TrustError> {
        let (mut roots, mut reason) = (Vec::new(), String::new());
        if system {
            // One file that cannot be read must not make the others useless. If there is no other, it is the reason.
            let found = rustls_native_certs::load_native_certs();
            roots = found.certs;
            reason = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        }
        for authorities in given {
            roots.append(&mut authorities.read()?);
        }
        if roots.is_empty() { Err(TrustError::Nothing { reason }) } else { Ok(Self::Roots(roots)) }
    }

    pub(crate) fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        let Self::Roots(certificates) = self else { return Ok(Arc::new(Anybody(provider))) };
        let mut roots = RootCertStore::empty();
        // Systems ship certificates that the library refuses; one of them must not make the others useless.
        let _ = roots.add_parsable_certificates(certificates.iter().cloned());
        let by_chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| Error::General(format!("no usable CA certificate: {error}")))?;
        let pinned = certificates.iter().map(fingerprint).collect();
        Ok(Arc::new(Judged { judge: ChainOrPin { pinned }, next: by_chain }))
    }
}

/// The certificates of a PEM file, or of all regular files of a directory.
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let failed = |path: &Path, reason: String| TrustError::Read { path: path.to_owned(), reason };
    let mut certificates = Vec::new();
    for file in pem::files_at(path).map_err(|error| failed(path, error.to_string()))? {
        let content = std::fs::read(&file).map_err(|error| failed(&file, error.to_string()))?;
        certificates.append(&mut pem::read_certificates(&content).map_err(|error| failed(&file, error.to_string()))?);
    }
    Ok(certificates)
}

/// Where the chain does not verify, a server whose very certificate is trusted is believed all the same, if the name fits
/// and the time is right: `openssl req -x509` makes self-signed certificates that are flagged as CA, which the library
/// refuses as those of a server, and which other clients accept.
#[derive(Debug)]
struct ChainOrPin {
    /// SHA-256 of each trusted certificate.
    pinned: HashSet<Vec<u8>>,
}

impl Judge for ChainOrPin {
    fn judge(&self, shown: Shown<'_>, by_chain: &dyn ServerCertVerifier) -> Result<ServerCertVerified, Error> {
        let result = shown.to(by_chain);
        if result.is_err() && self.pinned.contains(&fingerprint(shown.end_entity)) {
            check_pinned(shown.end_entity, shown.server_name, shown.now)?;
            return Ok(ServerCertVerified::assertion());
        }
        result
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> Vec<u8> {
    digest(&SHA256, certificate).as_ref().to_vec()
}

/// Name, time and purpose of a certificate that is trusted itself.
fn check_pinned(certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    // Moments before 1970 are 1970: nothing that is checked now was valid only then.
    let moment = |seconds: i64| UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    let not_before = moment(parsed.validity().not_before.timestamp());
    let not_after = moment(parsed.validity().not_after.timestamp());
    // The variants with a context are those that people can read.
    if now > not_after {
        return Err(Error::InvalidCertificate(CertificateError::ExpiredContext { time: now, not_after }));
    }
    if now < not_before {
        return Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { time: now, not_before }));
    }
    match parsed.extended_key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.server_auth || usage.value.any => Ok(()),
        _ => Err(Error::InvalidCertificate(CertificateError::InvalidPurpose)),
    }
}

/// Believes everybody. Signatures of the handshake are not checked either: an impostor has a key of his own, so that a
/// check would only refuse servers with an unusual certificate.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    /// A self-signed certificate that is flagged as CA, as `openssl req -x509` makes it, valid for ten days around now.
    fn flagged_as_ca(name: &str) -> CertificateDer<'static> {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = (SystemTime::now() - Duration::from_secs(5 * DAY)).into();
        params.not_after = (SystemTime::now() + Duration::from_secs(5 * DAY)).into();
        params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate").der().clone()
    }

    const DAY: u64 = 24 * 60 * 60;

    /// Whether a server with this certificate is believed to be `name`, so many days from now.
    fn believed(trusted: &CertificateDer<'static>, shown: &CertificateDer<'_>, name: &'static str, days: i64) -> bool {
        verdict(trusted, shown, name, days).is_ok()
    }

    fn verdict(
        trusted: &CertificateDer<'static>,
        shown: &CertificateDer<'_>,
        name: &'static str,
        days: i64,
    ) -> Result<ServerCertVerified, Error> {
        let verifier = Trust::Roots(vec![trusted.clone()]).verifier(crate::tls::provider()).expect("a verifier");
        let now = UnixTime::now().as_secs().saturating_add_signed(days * DAY as i64);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        let name = ServerName::try_from(name).expect("a name");
        verifier.verify_server_cert(shown, &[], &name, &[], now)
    }

    #[test]
    fn a_trusted_certificate_may_be_the_servers_own_even_if_it_is_flagged_as_ca() {
        let certificate = flagged_as_ca("localhost");
        assert!(believed(&certificate, &certificate, "localhost", 0));
        assert!(!believed(&certificate, &certificate, "example.com", 0), "another name");
        assert!(!believed(&certificate, &certificate, "localhost", 6), "expired");
        assert!(!believed(&certificate, &certificate, "localhost", -6), "not yet valid");
        assert!(!believed(&certificate, &flagged_as_ca("localhost"), "localhost", 0), "another certificate");
        let expired = verdict(&certificate, &certificate, "localhost", 6).unwrap_err().to_string();
        assert!(expired.contains("certificate expired") && expired.contains("seconds ago"), "{expired}");
    }

    #[test]
    fn certificates_come_from_files_and_directories() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ca.crt");
        std::fs::write(&file, pem::write_certificate(&flagged_as_ca("a"))).expect("written");
        std::os::unix::fs::symlink(directory.path(), directory.path().join("..data")).expect("a link to a directory");
        assert_eq!(read(&file).expect("a file").len(), 1);
        assert_eq!(read(directory.path()).expect("a directory").len(), 1, "what is no file is skipped");
        std::fs::write(directory.path().join("readme.txt"), b"text").expect("written");
        let error = read(directory.path()).unwrap_err().to_string();
        assert!(error.contains("readme.txt`: no valid PEM data"), "{error}");
        assert!(read(Path::new("/nonexistent")).is_err());
    }

    #[test]
    fn certificates_come_as_text_and_the_system_can_be_left_out() {
        let text = pem::write_certificate(&flagged_as_ca("a")) + &pem::write_certificate(&flagged_as_ca("b"));
        let trust = Trust::of(false, &[Authorities::Pem(text.into())]).expect("two certificates");
        assert!(matches!(trust, Trust::Roots(roots) if roots.len() == 2));
        let error = Trust::of(false, &[Authorities::Pem(b"no PEM".to_vec())]).unwrap_err();
        assert_eq!(error, TrustError::Pem(PemError::NotPem));
        assert_eq!(Trust::of(false, &[]).unwrap_err(), TrustError::Nothing { reason: String::new() });
    }
}
