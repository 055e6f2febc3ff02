//! How connections are secured: our certificate, and which client certificates are let through.
//!
//! | `tls.auth` | some route skips authentication | a certificate is | its chain is |
//! | --- | --- | --- | --- |
//! | off | no | required | not looked at |
//! | off | yes | asked for | not looked at |
//! | on | no | required | verified |
//! | on | yes | asked for | verified, if one is sent |
//!
//! Whatever the mode, the client proves that it holds the key of the certificate that it sends first (specification:
//! `server-api.md` §1.2).

mod error;
mod expiry;
mod files;
mod verifier;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kes_core::SecretText;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::server::ServerSessionMemoryCache;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};

use error::both;
pub use error::{TlsFileError, TlsFileErrors};
pub use expiry::Expiry;
use files::Fingerprint;
use verifier::ClientVerifier;

/// Sessions that TLS 1.2 clients can resume without a ticket.
const TLS12_SESSIONS: usize = 1024;

/// What the TLS side of the server is made of.
#[derive(Debug)]
pub struct TlsFiles {
    /// The private key, PEM.
    pub key: PathBuf,
    /// The certificate chain, PEM, leaf first.
    pub cert: PathBuf,
    /// Opens an encrypted key.
    pub password: Option<SecretText>,
    /// A PEM file or directory of further roots for client certificates.
    pub ca: Option<PathBuf>,
}

/// Which client certificates are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientMode {
    /// A connection without one is refused.
    pub required: bool,
    /// The chain must end in a trusted root.
    pub verified: bool,
}

/// How a server looks after its files while it runs.
#[derive(Clone, Debug, Default)]
pub struct TlsWatch {
    /// How often the files are looked at for new content; `None`: never.
    pub every: Option<Duration>,
    /// How long before the certificate's end somebody is warned.
    pub expiry_warnings: Vec<Duration>,
}

/// Where a configuration came from, to read it again.
#[derive(Debug)]
struct Source {
    files: Arc<TlsFiles>,
    mode: ClientMode,
    /// Of what the files held before they were read: if they change meanwhile, they count as changed.
    fingerprint: Fingerprint,
    read_at: UnixTime,
}

/// One complete TLS configuration. Its tickets are good with this one only, since a resumed handshake does not ask
/// the verifier.
#[derive(Debug)]
pub struct TlsState {
    config: Arc<ServerConfig>,
    verifier: Arc<ClientVerifier>,
    warning: Option<String>,
    expires: i64,
    /// Our certificate.
    certificate: Option<CertificateDer<'static>>,
    source: Option<Source>,
    watch: TlsWatch,
}

impl TlsState {
    /// Reads all files.
    ///
    /// # Errors
    /// Files cannot be read, or are not what they should be: all that is wrong with any of them.
    pub fn load(files: impl Into<Arc<TlsFiles>>, mode: ClientMode) -> Result<Self, TlsFileErrors> {
        let files = files.into();
        let (fingerprint, read_at) = (files::fingerprint(&files), UnixTime::now());
        let provider = Arc::new(provider());
        let pair = files::read_pair(&files, &provider);
        // They are read where they are not used too: a path that is wrong now would be a surprise later.
        let configured = files.ca.as_deref().map_or_else(|| Ok(Vec::new()), files::read_ca);
        let roots = configured.and_then(|configured| mode.verified.then(|| files::roots(configured)).transpose());
        let (pair, roots) = both(pair, roots)?;
        let warning = files::validity_warning(&files, &pair, read_at);
        let state = Self::build(provider, pair, mode.required, roots)?;
        Ok(Self { warning, source: Some(Source { files, mode, fingerprint, read_at }), ..state })
    }

    /// The same configuration, looked after while the server runs. Without this nobody does.
    #[must_use]
    pub fn watched(self, watch: TlsWatch) -> Self {
        Self { watch, ..self }
    }

    /// What the files at the same paths say now, for the same mode, or `None` if their content is unchanged. Follows
    /// links. Blocks while it reads.
    ///
    /// # Errors
    /// As [`TlsState::load`].
    pub fn reread(&self) -> Result<Option<Self>, TlsFileErrors> {
        let Some(source) = &self.source else { return Ok(None) };
        if files::fingerprint(&source.files) == source.fingerprint {
            return Ok(None);
        }
        let state = Self::load(Arc::clone(&source.files), source.mode)?;
        Ok(Some(state.watched(self.watch.clone())))
    }

    /// How often [`TlsState::reread`] is due; `None`: never.
    #[must_use]
    pub fn watch_interval(&self) -> Option<Duration> {
        self.watch.every.filter(|_| self.source.is_some())
    }

    /// From a certificate in memory, for development: any client certificate is let through, and one is required.
    ///
    /// # Errors
    /// The key does not fit the certificate.
    pub fn self_signed(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsFileError> {
        let provider = Arc::new(provider());
        let pair = CertifiedKey::from_der(chain, key, &provider).map_err(TlsFileError::Library)?;
        Self::build(provider, pair, true, None)
    }

    fn build(
        provider: Arc<CryptoProvider>,
        pair: CertifiedKey,
        required: bool,
        roots: Option<files::Roots>,
    ) -> Result<Self, TlsFileError> {
        let expires = files::expiry(&pair);
        let certificate = pair.cert.first().cloned();
        let verifier = Arc::new(ClientVerifier::new(&provider, required, roots)?);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsFileError::Library)?
            .with_client_cert_verifier(Arc::clone(&verifier) as _)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsFileError::Library)?;
        // Clients need one ticket to resume; a second is work for nothing.
        config.send_tls13_tickets = 1;
        config.session_storage = ServerSessionMemoryCache::new(TLS12_SESSIONS);
        let config = Arc::new(config);
        Ok(Self { config, verifier, warning: None, expires, certificate, source: None, watch: TlsWatch::default() })
    }

    /// What the operator should know: that our certificate is not valid now.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// When our certificate expires, in seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> i64 {
        self.expires
    }

    /// The configuration to accept connections with.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// What remains to be checked after the handshake: a resumed session brings certificates that were verified when
    /// it began, and may have expired since.
    ///
    /// # Errors
    /// The certificates do not verify at `now`.
    pub fn check_resumed(&self, connection: &ServerConnection, now: UnixTime) -> Result<(), rustls::Error> {
        let is_resumed = connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        // What was read once can be read again: where no chains are verified, nothing of a certificate changes with time.
        if !is_resumed || !self.verifier.verifies_chains() {
            return Ok(());
        }
        match connection.peer_certificates() {
            Some([first, further @ ..]) => self.verifier.verify(first, further, now),
            _ => Ok(()),
        }
    }

    /// Verifies what a TLS proxy says that its client has sent, as it would have been in a handshake here.
    ///
    /// # Errors
    /// Chains are verified, and this one does not verify at `now`.
    pub fn verify_forwarded(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
        self.verifier.verify(certificate, &[], now)
    }
}

/// The cryptography of all connections: TLS 1.3, and TLS 1.2 with AEAD suites; the groups of decision 3.
#[must_use]
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1],
        ..aws_lc_rs::default_provider()
    }
}

#[cfg(test)]
mod tests;
