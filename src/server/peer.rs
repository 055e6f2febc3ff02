//! Who is at the other end of a connection: decided once, from the handshake.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use kes_core::Identity;
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::error::ApiError;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    address: SocketAddr,
    identity: Result<Identity, CertificateProblem>,
}

/// Why a connection has no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateProblem {
    /// The client sent no certificate.
    Absent,
    /// The client sent a further certificate that is no CA's, so that it is not clear which one is meant.
    Several,
}

impl Peer {
    /// The peer at `address` that proved to hold the key of the first of `certificates`.
    ///
    /// Only that certificate counts, CA or not. Taking the identity from any other would let a client be whoever it
    /// has a certificate of (specification: `server-api.md` §2.2, D-01).
    #[must_use]
    pub fn new(address: SocketAddr, certificates: &[CertificateDer<'_>]) -> Self {
        Self { address, identity: identify(certificates) }
    }

    /// The client's address, without its port. IPv4 clients of a dual-stack socket are IPv4.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }

    /// The identity, for where having none is an answer too.
    #[must_use]
    pub fn known_identity(&self) -> Option<&Identity> {
        self.identity.as_ref().ok()
    }

    /// The identity.
    ///
    /// # Errors
    /// 400, no certificate or several.
    pub fn identity(&self) -> Result<&Identity, ApiError> {
        self.identity.as_ref().map_err(|problem| ApiError::certificate(problem.message()))
    }
}

impl CertificateProblem {
    fn message(self) -> &'static str {
        match self {
            Self::Absent => "tls: client certificate is required",
            Self::Several => "tls: received more than one client certificate",
        }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
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

/// The DER SubjectPublicKeyInfo of a certificate, whatever else the certificate says.
pub(super) fn public_key_of<'a>(certificate: &'a CertificateDer<'_>) -> Option<&'a [u8]> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.subject_pki.raw)
}

fn is_ca(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| certificate.is_ca())
}
