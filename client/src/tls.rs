//! The TLS side of the client: what it trusts, what it shows, what it speaks.
//!
//! TLS 1.2 and 1.3 with AEAD suites; key exchange X25519MLKEM768, X25519, P-256, P-384 in this order (decision 3); HTTP/2
//! before HTTP/1.1. The client certificate is offered whatever CAs the server names: most are self-signed.

mod backend;
mod identity;
mod judge;
mod trust;

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

pub use backend::{BackendTls, BackendTlsError};
pub use identity::{ClientIdentity, InvalidIdentity};
pub(crate) use judge::{Judge, Judged, Shown};
pub use trust::TrustError;
pub(crate) use trust::{Authorities, Trust};

/// The cryptography of every connection.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    use aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519, X25519MLKEM768};
    Arc::new(CryptoProvider {
        kx_groups: vec![X25519MLKEM768, X25519, SECP256R1, SECP384R1],
        ..aws_lc_rs::default_provider()
    })
}

/// The configuration of connections that trust `trust` and show `identity`.
pub(crate) fn client_config(trust: &Trust, identity: Option<&ClientIdentity>) -> Result<ClientConfig, rustls::Error> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(trust.verifier(provider)?);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(Always(identity.certified()))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Shows its certificate to every server.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
