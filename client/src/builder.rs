//! How a client is made.

use std::path::PathBuf;
use std::time::Duration;

use crate::client::Client;
use crate::endpoint::{Endpoint, InvalidEndpoint};
use crate::inspect::Inspector;
use crate::tls::{self, Authorities, ClientIdentity, Trust, TrustError};
use crate::transport::{Pauses, Server, Transport};

/// Connecting, TLS handshake included, may take this long.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Connections without a request are closed after this time.
const IDLE_LIMIT: Duration = Duration::from_secs(90);

/// Pauses and parking times are cut to this, so that no setting can overflow a clock.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Describes a [`Client`]. Made by [`Client::builder`]. Keep it (it can be cloned) to make another client like it, for
/// example when the certificate is renewed.
#[derive(Clone, Debug)]
pub struct Builder {
    endpoints: Vec<Endpoint>,
    identity: Option<ClientIdentity>,
    ca: Vec<Authorities>,
    system_roots: bool,
    insecure: bool,
    connect_limit: Duration,
    limit: Option<Duration>,
    pauses: Pauses,
}

/// The client cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No server was named.
    #[error("no server given")]
    NoServer,
    /// The certificates that were to be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The TLS or HTTP library refused the settings.
    #[error("cannot set up the connection: {0}")]
    Setup(String),
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            endpoints: Vec::new(),
            identity: None,
            ca: Vec::new(),
            system_roots: true,
            insecure: false,
            connect_limit: CONNECT_LIMIT,
            limit: None,
            pauses: Pauses::default(),
        }
    }

    /// Adds a server.
    #[must_use]
    pub fn server(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// Adds the servers of a comma-separated list.
    ///
    /// # Errors
    /// See [`Endpoint::list`].
    pub fn servers(mut self, list: &str) -> Result<Self, InvalidEndpoint> {
        self.endpoints.extend(Endpoint::list(list)?);
        Ok(self)
    }

    /// Who the client is. Without this only open routes answer.
    #[must_use]
    pub fn identity(mut self, identity: ClientIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Trusts the CA certificates of a PEM file, or of all files of a directory, beside those of the system. May be
    /// called several times.
    #[must_use]
    pub fn ca(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca.push(Authorities::At(path.into()));
        self
    }

    /// As [`Builder::ca`], with the PEM text itself.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca.push(Authorities::Pem(pem.into()));
        self
    }

    /// Whether the CA certificates of the system are trusted, or where `SSL_CERT_FILE` or `SSL_CERT_DIR` is set those
    /// that it names instead. Default: yes. Without them only those of [`Builder::ca`] and [`Builder::ca_pem`] are.
    #[must_use]
    pub fn system_roots(mut self, trusted: bool) -> Self {
        self.system_roots = trusted;
        self
    }

    /// Believes any server. For development: whoever can divert the traffic can read and change it.
    #[must_use]
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.insecure = insecure;
        self
    }

    /// How long connecting to one server may take, the TLS handshake included. Default 30 s. As a connection is tried
    /// three times, a server that is switched off holds up a call for three times this before the next one is asked: with
    /// several servers on a near network a second or two is better.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_limit = limit;
        self
    }

    /// How long a call may take in all, repetitions included. Default: no limit, but a connection whose other end is
    /// gone is given up after about a minute. [`Client::with_timeout`] sets it for single calls.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// How long to wait before a request is repeated: at least `least`, and up to `spread` more by chance. Default 200 ms
    /// and 800 ms. A day at the most.
    #[must_use]
    pub fn retry_pause(mut self, least: Duration, spread: Duration) -> Self {
        (self.pauses.least, self.pauses.spread) = (least.min(LONGEST_PAUSE), spread.min(LONGEST_PAUSE));
        self
    }

    /// How long one of several servers is left alone after a failure. Default 30 s, a day at the most.
    #[must_use]
    pub fn park_time(mut self, time: Duration) -> Self {
        self.pauses.park = time.min(LONGEST_PAUSE);
        self
    }

    /// Shows what servers show to a client with these settings in a handshake, whether or not it believes them. Servers
    /// need not have been named.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn inspector(&self) -> Result<Inspector, BuildError> {
        Inspector::new(Trust::of(self.system_roots, &self.ca), self.identity.as_ref(), self.insecure)
    }

    /// Makes the client. Files are read now, nothing is connected yet.
    ///
    /// # Errors
    /// No server, or settings that cannot work.
    pub fn build(self) -> Result<Client, BuildError> {
        if self.endpoints.is_empty() {
            return Err(BuildError::NoServer);
        }
        let trust = if self.insecure { Trust::Everybody } else { Trust::of(self.system_roots, &self.ca)? };
        let setup = |error: &dyn std::error::Error| BuildError::Setup(error.to_string());
        let tls = tls::client_config(&trust, self.identity.as_ref()).map_err(|error| setup(&error))?;
        let mut servers = Vec::with_capacity(self.endpoints.len());
        for endpoint in self.endpoints {
            let mut http = reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .connect_timeout(self.connect_limit)
                .pool_idle_timeout(IDLE_LIMIT)
                .redirect(reqwest::redirect::Policy::none())
                .https_only(true)
                .referer(false)
                .user_agent(concat!("kes-client/", env!("CARGO_PKG_VERSION")));
            if endpoint.is_loopback() {
                http = http.no_proxy();
            }
            servers.push(Server::new(endpoint, http.build().map_err(|error| setup(&error))?));
        }
        Ok(Client::new(Transport::new(servers, self.pauses), self.limit))
    }
}
