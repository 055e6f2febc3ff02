//! A server as its clients reach it: name, connection, TLS, and then what it says.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use kes_client::inspect::{HandshakeError, Inspector, Seen};
use kes_client::{Client, ClientIdentity, Endpoint, Error};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::finding::{Finding, State, Subject};
use super::{access, certificate, clock, service};
use crate::cli::connect::{self, Connection};

/// What URLs mean without a port, and what nobody means who forgets it.
const HTTPS_PORT: u16 = 443;

/// Where the HTTP library finds a proxy.
const PROXY: &[&str] = &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// What may be wrong if a server does not take a client's certificate.
const REJECTED_HINT: &str = "with `tls.auth: on` the server takes certificates that a CA in its `tls.ca` signed and that \
                             are valid now; one made from an API key is self-signed and needs `tls.auth: off`";

/// How servers are looked at.
pub(super) struct Examination<'a> {
    pub(super) inspector: &'a Inspector,
    pub(super) identity: Option<&'a ClientIdentity>,
    pub(super) connection: &'a Connection,
    /// For each step.
    pub(super) limit: Duration,
    /// The key that MinIO is configured with, if that is known.
    pub(super) key: Option<String>,
}

impl Examination<'_> {
    /// Looks at everything of one server, as far as one can get.
    pub(super) async fn examine(&self, endpoint: &Endpoint) -> Subject {
        let mut findings = Vec::new();
        if !endpoint.is_loopback() && connect::environment(PROXY).is_some() {
            let message = "a proxy is set in the environment, and name, connection and TLS are looked at without it";
            findings.push(Finding::warning("proxy", message, "name the server in NO_PROXY if it needs no proxy"));
        }
        if let Some(stream) = self.connect(endpoint, &mut findings).await
            && self.shake_hands(endpoint, stream, &mut findings).await
        {
            self.ask(endpoint, &mut findings).await;
        }
        Subject::new(endpoint.to_string(), findings)
    }

    /// A connection to the first address that takes one. All addresses of the name are tried.
    async fn connect(&self, endpoint: &Endpoint, findings: &mut Vec<Finding>) -> Option<TcpStream> {
        let host = endpoint.host();
        let lookup = timeout(self.limit, tokio::net::lookup_host((host, endpoint.port()))).await;
        let found = lookup.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map(Iterator::collect);
        let mut addresses: Vec<SocketAddr> = match found.and_then(at_least_one) {
            Ok(addresses) => addresses,
            Err(error) => {
                let hint = "check the name, /etc/hosts and the resolver of this machine";
                findings.push(Finding::problem("dns", format!("cannot find `{host}`: {error}"), hint));
                return None;
            }
        };
        addresses.dedup();
        if host.parse::<std::net::IpAddr>().is_err() {
            let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
            findings.push(Finding::ok("dns", format!("`{host}` is {}", shown.join(", "))));
        }
        let attempts = addresses.iter().map(|&address| async move {
            let connected = timeout(self.limit, TcpStream::connect(address)).await;
            (address, connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())))
        });
        let mut connected: Option<(SocketAddr, TcpStream)> = None;
        let mut failed = Vec::new();
        for (address, attempt) in join_all(attempts).await {
            match attempt {
                Ok(stream) if connected.is_none() => connected = Some((address, stream)),
                Ok(_) => {}
                Err(error) => {
                    let message = format!("cannot connect to {address}: {error}");
                    failed.push(Finding::problem("tcp", message, tcp_hint(&error, endpoint)));
                }
            }
        }
        // Clients try all addresses too.
        let worst = if connected.is_some() { State::Warning } else { State::Problem };
        findings.extend(failed.into_iter().map(|finding| finding.at_most(worst)));
        let (address, stream) = connected?;
        findings.push(Finding::ok("tcp", format!("connected to {address}")));
        Some(stream)
    }

    /// Whether there is a connection that clients would use.
    async fn shake_hands(&self, endpoint: &Endpoint, stream: TcpStream, findings: &mut Vec<Finding>) -> bool {
        let Ok(seen) = timeout(self.limit, self.inspector.handshake(endpoint, stream)).await else {
            let hint = "the server is stuck, or something else listens there; look at its log";
            findings.push(Finding::problem("tls", format!("no handshake within {:?}", self.limit), hint));
            return false;
        };
        let Seen { certificate, outcome } = seen;
        let shown = certificate.iter().flat_map(|certificate| {
            certificate::findings(certificate, endpoint.host(), now()).into_iter().map(|finding| self.tolerate(finding))
        });
        findings.extend(shown);
        match outcome {
            Ok(secured) => {
                let version = if secured.tls13 { "TLS 1.3" } else { "TLS 1.2" };
                findings.push(if secured.http2 {
                    Finding::ok("protocol", format!("{version} and HTTP/2"))
                } else {
                    let hint = "servers offer HTTP/2: let the proxy before this one do so too, it saves connections, and \
                                MinIO of 2020-08 to 2021-05 speaks nothing else";
                    Finding::warning("protocol", format!("{version} and HTTP/1.1 only"), hint)
                });
                true
            }
            Err(error) => {
                // A certificate that is not believed has been told of, unless nothing of it could be read.
                let told = findings.iter().any(|finding| finding.state == State::Problem);
                if !(told && matches!(error, HandshakeError::Distrusted(_))) {
                    findings.push(self.handshake_problem(&error));
                }
                findings.push(Finding::skipped("identity", "not asked: clients would not use this connection"));
                false
            }
        }
    }

    /// Whoever said `--insecure` knows.
    fn tolerate(&self, finding: Finding) -> Finding {
        if self.connection.is_insecure() { finding.at_most(State::Warning) } else { finding }
    }

    fn handshake_problem(&self, error: &HandshakeError) -> Finding {
        match error {
            HandshakeError::NotTls => {
                let hint = "check the port: the API is on `address` (7373); `health.address` (7374) speaks plain HTTP";
                Finding::problem("tls", "what answers there does not speak TLS", hint)
            }
            HandshakeError::Refused(_) if self.identity.is_none() => {
                Finding::problem("tls", error.to_string(), "the server may want a client certificate")
            }
            HandshakeError::Refused(_) => Finding::problem("tls", error.to_string(), REJECTED_HINT),
            HandshakeError::Distrusted(_) => {
                Finding::problem("tls", error.to_string(), "make another certificate for the server")
            }
            HandshakeError::Failed(_) => {
                let hint = "look at the server's log; what stands before it must pass TLS on, or offer TLS 1.2 or 1.3";
                Finding::problem("tls", error.to_string(), hint)
            }
        }
    }

    /// Asks the server, as `kes` does.
    async fn ask(&self, endpoint: &Endpoint, findings: &mut Vec<Finding>) {
        let Some(identity) = self.identity else {
            findings.push(Finding::skipped("identity", "without credentials there is nobody to ask for"));
            return;
        };
        let client = match self.client(endpoint, identity) {
            Ok(client) => client,
            Err(reason) => return findings.push(Finding::problem("http", reason, "check the settings of the client")),
        };
        let asked = SystemTime::now();
        match client.clock().await {
            Ok(told) => {
                findings.push(Finding::ok("authentication", "the client certificate is accepted"));
                findings.push(clock::finding(asked, told, SystemTime::now()));
            }
            Err(error @ (Error::ClientCertificateRejected { .. } | Error::Interrupted { .. })) => {
                findings.push(Finding::problem("authentication", error.to_string(), REJECTED_HINT));
                return;
            }
            Err(error) => {
                let hint = "look at the server's log, and at what stands between";
                findings.push(Finding::problem("http", error.to_string(), hint));
                return;
            }
        }
        findings.extend(access::findings(&client, identity.identity(), self.key.as_deref()).await);
        findings.extend(service::findings(&client).await);
    }

    fn client(&self, endpoint: &Endpoint, identity: &ClientIdentity) -> Result<Client, String> {
        let builder = self.connection.builder().identity(identity.clone()).server(endpoint.clone());
        let builder = builder.connect_timeout(self.limit).timeout(self.limit);
        builder.retry_pause(Duration::ZERO, Duration::ZERO).build().map_err(|error| error.to_string())
    }
}

fn at_least_one(addresses: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    if addresses.is_empty() { Err(io::Error::other("the name has no address")) } else { Ok(addresses) }
}

fn tcp_hint(error: &io::Error, endpoint: &Endpoint) -> &'static str {
    match error.kind() {
        _ if endpoint.port() == HTTPS_PORT => {
            "without a port 443 is meant, and servers usually listen on 7373: name it"
        }
        io::ErrorKind::ConnectionRefused => {
            "nothing listens there: start the server, or look for `address` in its configuration"
        }
        io::ErrorKind::TimedOut => {
            "a firewall drops it, or there is no such machine: check the address and the way there"
        }
        _ => "check the address and the way there",
    }
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
