//! What a server shows in a TLS handshake, for those who look into why a connection fails.
//!
//! An [`Inspector`] shakes hands as a [`Client`](crate::Client) does, with the same trust and the same client
//! certificate, and tells what it saw: also where the server is not believed, and the handshake ends as every client's
//! would. It speaks no HTTP.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_name};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, Error, ProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use crate::builder::BuildError;
use crate::endpoint::Endpoint;
use crate::tls::{self, ClientIdentity, Judge, Judged, Shown, Trust, TrustError};

/// Shakes hands and tells what it saw. Made by [`Builder::inspector`](crate::Builder::inspector).
#[derive(Debug)]
pub struct Inspector {
    /// What everybody else believes; `None` if that is nobody.
    trusted: Option<Arc<dyn ServerCertVerifier>>,
    /// What decides whether a handshake goes on.
    believed: Arc<dyn ServerCertVerifier>,
    config: ClientConfig,
}

/// What came of a handshake.
#[derive(Debug)]
pub struct Seen {
    /// The certificate that the server showed, if it came that far, and if it is one.
    pub certificate: Option<ServerCertificate>,
    /// How the connection is secured, or why it is not.
    pub outcome: Result<Secured, HandshakeError>,
}

/// How a connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secured {
    /// Whether with TLS 1.3; else with TLS 1.2.
    pub tls13: bool,
    /// Whether the server speaks HTTP/2 on it.
    pub http2: bool,
}

/// Why there is no secure connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The server's certificate is not believed: [`Seen::certificate`] says why.
    #[error("failed to verify certificate: {0}")]
    Distrusted(String),
    /// What answers does not speak TLS.
    #[error("the answer is not TLS")]
    NotTls,
    /// The server refused, with this alert.
    #[error("the server refused: alert {0}")]
    Refused(String),
    /// Anything else: the connection broke, or the two have no way in common.
    #[error("{0}")]
    Failed(String),
}

/// What the first certificate of a server says, and what this client thinks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificate {
    /// Whose it is, as RFC 4514 writes names: `CN=kes.example`. Anybody can write anything here.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The DNS names and addresses that it is for.
    pub names: Vec<String>,
    /// The first second of its validity, since 1970.
    pub not_before: i64,
    /// The last second of its validity, since 1970.
    pub not_after: i64,
    /// How many certificates the server sent after it.
    pub further: usize,
    /// Whether it is for the name or address by which the server was called.
    pub covers_name: bool,
    /// Whether it leads to a certificate that is trusted, were it valid now and for this name.
    pub trust: Result<(), Distrust>,
}

/// Why a certificate does not lead to a trusted one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// Nobody who is trusted signed it.
    UnknownIssuer,
    /// Its issuer has the name of somebody who is trusted, and another key.
    AnotherKey,
    /// Another reason, as the TLS library puts it.
    Other(String),
}

impl Inspector {
    /// One that trusts as said, or with `insecure` goes on whatever the certificate is worth, and tells what that is all
    /// the same.
    pub(crate) fn new(
        trust: Result<Trust, TrustError>,
        identity: Option<&ClientIdentity>,
        insecure: bool,
    ) -> Result<Self, BuildError> {
        let setup = |error: Error| BuildError::Setup(error.to_string());
        let trust = match trust {
            Ok(trust) => Some(trust),
            Err(TrustError::Nothing { .. }) if insecure => None,
            Err(error) => return Err(error.into()),
        };
        let trusted = trust.as_ref().map(|trust| trust.verifier(tls::provider())).transpose().map_err(setup)?;
        let trust = trust.filter(|_| !insecure).unwrap_or(Trust::Everybody);
        let believed = trust.verifier(tls::provider()).map_err(setup)?;
        let mut config = tls::client_config(&trust, identity).map_err(setup)?;
        // A resumed session shows no certificate.
        config.resumption = Resumption::disabled();
        Ok(Self { trusted, believed, config })
    }

    /// Shakes hands over a connection to the server. Ends when the server does; callers bound the time.
    pub async fn handshake(&self, endpoint: &Endpoint, stream: TcpStream) -> Seen {
        let Ok(name) = ServerName::try_from(endpoint.host().to_owned()) else {
            let reason = format!("`{}` is a name that no certificate can hold", endpoint.host());
            return Seen { certificate: None, outcome: Err(HandshakeError::Failed(reason)) };
        };
        let recorder = Arc::new(Judged { judge: Recorder::default(), next: Arc::clone(&self.believed) });
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(Arc::clone(&recorder) as _);
        let outcome = match TlsConnector::from(Arc::new(config)).connect(name.clone(), stream).await {
            Ok(stream) => {
                let connection = stream.get_ref().1;
                Ok(Secured {
                    tls13: connection.protocol_version() == Some(ProtocolVersion::TLSv1_3),
                    http2: connection.alpn_protocol() == Some(b"h2"),
                })
            }
            Err(error) => Err(classify(&error)),
        };
        let chain = recorder.judge.chain.lock().unwrap_or_else(PoisonError::into_inner);
        let certificate = chain.split_first().and_then(|(first, further)| self.judge(first, further, &name));
        Seen { certificate, outcome }
    }

    fn judge(
        &self,
        first: &CertificateDer<'static>,
        further: &[CertificateDer<'static>],
        name: &ServerName<'_>,
    ) -> Option<ServerCertificate> {
        let (_, parsed) = x509_parser::parse_x509_certificate(first).ok()?;
        let validity = parsed.validity();
        let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        // A moment at which it is valid: whether that is now is another question.
        let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX).min(not_after).max(not_before);
        let moment = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap_or(0)));
        let verdict =
            self.trusted.as_ref().map(|trusted| trusted.verify_server_cert(first, further, name, &[], moment));
        let trust = match verdict {
            // The name is another question too.
            Some(
                Ok(_)
                | Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )),
            ) => Ok(()),
            None | Some(Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))) => {
                Err(Distrust::UnknownIssuer)
            }
            Some(Err(Error::InvalidCertificate(CertificateError::BadSignature))) => Err(Distrust::AnotherKey),
            Some(Err(Error::InvalidCertificate(problem))) => Err(Distrust::Other(problem.to_string())),
            Some(Err(other)) => Err(Distrust::Other(other.to_string())),
        };
        Some(ServerCertificate {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            names: names(&parsed),
            not_before,
            not_after,
            further: further.len(),
            covers_name: ParsedCertificate::try_from(first).is_ok_and(|leaf| verify_server_name(&leaf, name).is_ok()),
            trust,
        })
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

fn classify(error: &io::Error) -> HandshakeError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(problem)) => HandshakeError::Distrusted(problem.to_string()),
        Some(Error::InvalidMessage(_)) => HandshakeError::NotTls,
        Some(Error::AlertReceived(alert)) => HandshakeError::Refused(format!("{alert:?}")),
        Some(other) => HandshakeError::Failed(other.to_string()),
        None => HandshakeError::Failed(error.to_string()),
    }
}

/// Thinks as others do, and keeps what it was shown.
#[derive(Debug, Default)]
struct Recorder {
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl Judge for Recorder {
    fn judge(&self, shown: Shown<'_>, next: &dyn ServerCertVerifier) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(shown.end_entity).chain(shown.intermediates);
        let chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        shown.to(next)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

    use super::*;

    fn authority() -> (CertificateDer<'static>, Issuer<'static, KeyPair>) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "some CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        (certificate, Issuer::new(params, key))
    }

    fn trusting(certificate: &CertificateDer<'_>) -> Inspector {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), crate::pem::write_certificate(certificate)).expect("written");
        crate::Client::builder().ca(file.path()).inspector().expect("an inspector")
    }

    #[test]
    fn trust_name_and_time_are_three_questions() {
        let (ca, issuer) = authority();
        let (stranger, _) = authority();
        let mut params = CertificateParams::new(["kes.example".to_owned(), "192.0.2.7".to_owned()]).expect("names");
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let shown = params.signed_by(&key, &issuer).expect("a certificate").der().clone();
        let judge = |inspector: &Inspector, name: &'static str| {
            let name = ServerName::try_from(name).expect("a name");
            inspector.judge(&shown, std::slice::from_ref(&ca), &name).expect("a certificate")
        };
        let seen = judge(&trusting(&ca), "kes.example");
        assert_eq!((seen.trust, seen.covers_name, seen.further), (Ok(()), true, 1), "it has expired, and that is all");
        assert_eq!((seen.issuer.as_str(), seen.not_after), ("CN=some CA", 1_577_836_800));
        assert_eq!(seen.names, ["kes.example", "192.0.2.7"]);
        assert!(judge(&trusting(&ca), "192.0.2.7").covers_name);
        let other = judge(&trusting(&ca), "other.example");
        assert_eq!((other.trust, other.covers_name), (Ok(()), false));
        assert_eq!(judge(&trusting(&stranger), "kes.example").trust, Err(Distrust::AnotherKey));
        assert_eq!(judge(&trusting(&shown), "kes.example").trust, Ok(()), "trusted itself");
        let nobody = Inspector { trusted: None, ..trusting(&ca) };
        assert_eq!(judge(&nobody, "kes.example").trust, Err(Distrust::UnknownIssuer));
    }
}
