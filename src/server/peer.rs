//! Who is at the other end of a connection, decided once, from the handshake; and whose each of its requests is, which is
//! somebody else's if a TLS proxy is at the other end.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use kes_core::Identity;
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::nom::Parser;
use x509_parser::prelude::{FromDer, X509Certificate, X509CertificateParser};

use super::error::ApiError;
use super::proxy::{ForwardingProblem, Proxies, forwarded_ip};
use super::state::State;
use super::tls::TlsState;

/// Whom a request is from: the other end of a connection, or the one that it speaks for.
#[derive(Clone, Debug)]
pub struct Peer {
    ip: IpAddr,
    identity: Result<Identity, CertificateProblem>,
}

/// Why there is no identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateProblem {
    /// The client sent no certificate.
    Absent,
    /// The client sent a further certificate that is no CA's, so that it is not clear which one is meant.
    Several,
    /// A TLS proxy has passed on what does not say whose the request is, or somebody who is not trusted.
    Forwarded(ForwardingProblem),
}

impl Peer {
    /// The peer at `address` that proved to hold the key of the first of `certificates`.
    ///
    /// Only that certificate counts, CA or not. Taking the identity from any other would let a client be whoever it
    /// has a certificate of (specification: `server-api.md` §2.2, D-01).
    #[must_use]
    pub fn new(address: SocketAddr, certificates: &[CertificateDer<'_>]) -> Self {
        // IPv4 clients of a dual-stack socket are IPv4.
        Self { ip: address.ip().to_canonical(), identity: identify(certificates) }
    }

    /// Whose request it is that came from here with these headers, by this state of the server: the peer's own, whatever
    /// the headers say, unless the peer is a TLS proxy. A proxy's request is never its own.
    pub fn speaks_for(&self, headers: &HeaderMap, state: &State) -> Cow<'_, Self> {
        let Some(proxies) = state.proxies.as_deref() else { return Cow::Borrowed(self) };
        let Some(proxy) = self.known_identity().filter(|&identity| proxies.include(identity)) else {
            return Cow::Borrowed(self);
        };
        let identity = forwarded_identity(proxies, headers, &state.tls).map_err(CertificateProblem::Forwarded);
        let client = Self { ip: forwarded_ip(headers).unwrap_or(self.ip), identity };
        let presented = client.presented_identity().map_or("nobody that is known", |identity| identity.as_str());
        tracing::debug!("http: the TLS proxy {proxy} at {} speaks for {presented} at {}", self.ip, client.ip);
        Cow::Owned(client)
    }

    /// What is to be answered to a TLS proxy that does not say, or not well enough, for whom it speaks: to any request.
    #[must_use]
    pub fn refusal(&self) -> Option<ApiError> {
        match &self.identity {
            Err(CertificateProblem::Forwarded(problem)) => Some(problem.refusal()),
            _ => None,
        }
    }

    /// The client's address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The identity, for where having none is an answer too.
    #[must_use]
    pub fn known_identity(&self) -> Option<&Identity> {
        self.identity.as_ref().ok()
    }

    /// The identity, for records: also of whom a TLS proxy speaks for and who is refused for not being trusted.
    #[must_use]
    pub fn presented_identity(&self) -> Option<&Identity> {
        match &self.identity {
            Ok(identity) | Err(CertificateProblem::Forwarded(ForwardingProblem::Untrusted { identity, .. })) => {
                Some(identity)
            }
            Err(_) => None,
        }
    }

    /// The identity.
    ///
    /// # Errors
    /// 400, no certificate or several; and those of [`Peer::refusal`].
    pub fn identity(&self) -> Result<&Identity, ApiError> {
        self.identity.as_ref().map_err(CertificateProblem::refusal)
    }
}

impl CertificateProblem {
    fn refusal(&self) -> ApiError {
        match self {
            Self::Absent => ApiError::certificate("tls: client certificate is required"),
            Self::Several => ApiError::certificate("tls: received more than one client certificate"),
            Self::Forwarded(problem) => problem.refusal(),
        }
    }
}

fn identify(certificates: &[CertificateDer<'_>]) -> Result<Identity, CertificateProblem> {
    let [first, further @ ..] = certificates else { return Err(CertificateProblem::Absent) };
    if !further.iter().all(is_ca) {
        return Err(CertificateProblem::Several);
    }
    // The handshake's signature was checked with this very key, so it can be read.
    let public_key = public_key_of(first).ok_or(CertificateProblem::Absent)?;
    Ok(Identity::of_public_key(public_key))
}

/// The identity that a proxy's request has. Where client certificates are verified, this one has to verify too.
fn forwarded_identity(proxies: &Proxies, headers: &HeaderMap, tls: &TlsState) -> Result<Identity, ForwardingProblem> {
    let certificate = proxies.certificate(headers)?;
    let public_key = public_key_of(&certificate).ok_or(ForwardingProblem::Unreadable)?;
    let identity = Identity::of_public_key(public_key);
    match tls.verify_forwarded(&certificate, UnixTime::now()) {
        Ok(()) => Ok(identity),
        Err(error) => Err(ForwardingProblem::Untrusted { identity, reason: error.to_string() }),
    }
}

/// The DER SubjectPublicKeyInfo of a certificate, whatever else the certificate says.
pub(super) fn public_key_of<'a>(certificate: &'a CertificateDer<'_>) -> Option<&'a [u8]> {
    // What is in an extension makes no difference to whether a certificate can be read.
    let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
    let (rest, certificate) = parser.parse(certificate).ok()?;
    rest.is_empty().then_some(certificate.tbs_certificate.subject_pki.raw)
}

fn is_ca(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| certificate.is_ca())
}
