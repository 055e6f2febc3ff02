//! TLS proxies: reverse proxies that end TLS and say in headers whose request they pass on (specification:
//! `server-api.md` §2.4).
//!
//! ```text
//! X-Tls-Client-Cert: -----BEGIN%20CERTIFICATE-----%0AMIIB…%3D%3D%0A-----END%20CERTIFICATE-----%0A
//! X-Forwarded-For: 203.0.113.7, 10.0.0.1
//! ```
//!
//! The certificate is PEM, URL-query-escaped: `+` is a space, `%XX` a byte. Its first block counts alone. That the client
//! holds its key was for the proxy to see, so what is read here counts from a proxy and from nobody else:
//! `peer::Peer` asks.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use http::header::InvalidHeaderName;
use http::{HeaderMap, HeaderName};
use kes_client::pem;
use kes_core::Identity;
use percent_encoding::percent_decode;
use rustls_pki_types::CertificateDer;

use super::error::ApiError;
use super::path::has_valid_escapes;

/// Most bytes of a forwarded certificate, escapes included: several times the largest that is in use.
pub const MAX_FORWARDED_BYTES: usize = 64 * 1024;

/// Where a proxy names the clients and proxies that a request has come through.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The TLS proxies in front of the server.
#[derive(Clone, Debug)]
pub struct Proxies {
    identities: BTreeSet<Identity>,
    header: HeaderName,
}

/// Why it is not clear for whom a proxy speaks, or why that client is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardingProblem {
    /// There is no certificate: the client has sent none, or the proxy does not pass it on.
    Absent,
    /// There is a certificate in several headers, and no way to tell which of them the proxy has written.
    Several,
    /// There is something else than a certificate.
    Unreadable,
    /// Client certificates are verified, and this one does not pass.
    Untrusted {
        /// Of the certificate.
        identity: Identity,
        /// What is wrong with it, for the log.
        reason: String,
    },
}

impl Proxies {
    /// Whoever has one of these identities is a proxy, and passes certificates on in this header.
    ///
    /// # Errors
    /// No header can have this name.
    pub fn new(identities: impl IntoIterator<Item = Identity>, header: &str) -> Result<Self, InvalidHeaderName> {
        Ok(Self { identities: identities.into_iter().collect(), header: HeaderName::from_bytes(header.as_bytes())? })
    }

    /// Whether this is the identity of a proxy.
    #[must_use]
    pub fn include(&self, identity: &Identity) -> bool {
        self.identities.contains(identity)
    }

    /// The certificate that the headers of a proxy's request carry.
    ///
    /// # Errors
    /// Every [`ForwardingProblem`] but [`Untrusted`](ForwardingProblem::Untrusted).
    pub fn certificate(&self, headers: &HeaderMap) -> Result<CertificateDer<'static>, ForwardingProblem> {
        let mut values = headers.get_all(&self.header).iter();
        match (values.next(), values.next()) {
            (None, _) => Err(ForwardingProblem::Absent),
            (Some(value), None) => read_certificate(value.as_bytes()).ok_or(ForwardingProblem::Unreadable),
            _ => Err(ForwardingProblem::Several),
        }
    }
}

/// Where the client is that a proxy speaks for, if its request says so. What is no address says nothing.
#[must_use]
pub fn forwarded_ip(headers: &HeaderMap) -> Option<IpAddr> {
    let client = headers.get(FORWARDED_FOR)?.to_str().ok()?.split(',').next()?.trim();
    let ip = client.parse().ok().or_else(|| Some(client.parse::<SocketAddr>().ok()?.ip()))?;
    Some(ip.to_canonical())
}

impl ForwardingProblem {
    /// What the proxy is told.
    pub(super) fn refusal(&self) -> ApiError {
        match self {
            Self::Absent => ApiError::certificate("no client certificate is present"),
            Self::Several => ApiError::certificate("too many client certificates are present"),
            Self::Unreadable => ApiError::certificate("invalid client certificate"),
            Self::Untrusted { reason, .. } => ApiError::untrusted(reason),
        }
    }
}

/// What is in the first block of an escaped PEM text, if that is a certificate's.
fn read_certificate(escaped: &[u8]) -> Option<CertificateDer<'static>> {
    if escaped.len() > MAX_FORWARDED_BYTES || !has_valid_escapes(escaped) {
        return None;
    }
    let spaced: Vec<u8> = escaped.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    let text: Vec<u8> = percent_decode(&spaced).collect();
    pem::leading_certificate(&text).ok()
}

#[cfg(test)]
mod tests;
