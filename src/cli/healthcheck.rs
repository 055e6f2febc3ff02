//! `kes healthcheck`: whether a server is ready, for supervisors that run a command. Needs no shell and no other program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::header::HOST;
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kes_client::wire::ErrorMessage;
use kes_client::{Client, ClientIdentity, Endpoint, Error};
use kes_config::ProcessEnvironment;
use tokio::net::TcpStream;

use crate::cli::connect;
use crate::cli::failure::{self, Failure};
use crate::cli::{duration, output, usage};

/// Where the examples let `health.address` listen, which has no default of its own.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7374);

/// The path of readiness on `health.address`.
const READY: &str = "/ready";

/// How to be somebody.
const CREDENTIALS_HINT: &str = "set KES_API_KEY, or KES_CLIENT_KEY and KES_CLIENT_CERT";

/// Longest answer that is looked into, in bytes.
const MAX_ANSWER_BYTES: usize = 4096;

/// Ask a server whether it is ready: exit code 0 or 1
#[derive(Args, Debug)]
#[command(
    override_usage = "kes healthcheck [OPTIONS] [http://HOST:PORT | https://HOST:PORT]",
    after_help = usage::examples!(
        "kes healthcheck",
        "kes healthcheck --config /etc/kes/config.yaml",
        "kes healthcheck -k https://127.0.0.1:7373",
    ),
    args_override_self = true
)]
pub(crate) struct Healthcheck {
    /// Ask the `health.address` of this configuration [default: http://127.0.0.1:7374]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// How long the answer may take
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = duration::parse)]
    timeout: Duration,

    /// Do not verify the server's certificate
    #[arg(short = 'k', long)]
    insecure: bool,

    /// Trust the CA certificates of this file or directory, beside those of the system [env: MINIO_KMS_KES_CAPATH]
    #[arg(long, value_name = "PATH")]
    ca: Option<PathBuf>,

    #[arg(hide = true)]
    urls: Vec<String>,
}

/// Whom to ask.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    /// A `health.address`, without TLS.
    Plain(Uri),
    /// The API of a server.
    Api(Endpoint),
}

impl Healthcheck {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mistake = |what: &str| Failure::error(format!("{what}. See 'kes healthcheck --help'"));
        let target = match (self.urls.as_slice(), &self.config) {
            ([], None) => plain(DEFAULT_ADDRESS)?,
            ([], Some(file)) => plain(health_address(file)?)?,
            ([url], None) => Target::read(url)?,
            ([_], Some(_)) => return Err(mistake("'--config' and a URL exclude each other")),
            _ => return Err(mistake("too many arguments")),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::error(format!("cannot start: {error}")))?;
        runtime.block_on(self.ask(target))?;
        output::print(b"ready\n")
    }

    async fn ask(&self, target: Target) -> Result<(), Failure> {
        let not_ready = |reason: String| Failure::error(format!("not ready: {reason}"));
        match target {
            Target::Plain(url) => match tokio::time::timeout(self.timeout, ask_plain(&url)).await {
                Ok(answer) => answer.map_err(not_ready),
                Err(_) => Err(not_ready(format!("no answer from {url} within {:?}", self.timeout))),
            },
            Target::Api(endpoint) => {
                let identity = connect::identity_of_environment()?;
                let is_known = identity.is_some();
                let client = self.client(endpoint, identity)?;
                client.ready().await.map_err(|error| match error {
                    Error::ClientCertificateRejected { .. } | Error::Interrupted { .. } if !is_known => {
                        not_ready(format!("the server may want a client certificate; hint: {CREDENTIALS_HINT}"))
                    }
                    error => not_ready(failure::explain(&error)),
                })
            }
        }
    }

    fn client(&self, endpoint: Endpoint, identity: Option<ClientIdentity>) -> Result<Client, Failure> {
        let mut builder = Client::builder()
            .server(endpoint)
            .insecure(self.insecure)
            .connect_timeout(self.timeout)
            .timeout(self.timeout)
            // Whoever runs this repeats it at a pace of their own.
            .retry_pause(Duration::ZERO, Duration::ZERO);
        if let Some(identity) = identity {
            builder = builder.identity(identity);
        }
        if let Some(ca) = self.ca.clone().or_else(|| connect::environment(connect::CA).map(PathBuf::from)) {
            builder = builder.ca(ca);
        }
        Ok(builder.build()?)
    }
}

impl Target {
    fn read(text: &str) -> Result<Self, Failure> {
        let wrong = || Failure::error(format!("invalid URL '{text}': expected http://HOST:PORT or https://HOST:PORT"));
        if text.contains('@') {
            return Err(Failure::error(format!("a URL holds no credentials; hint: {CREDENTIALS_HINT}")));
        }
        let url: Uri = text.parse().map_err(|_| wrong())?;
        match (url.scheme_str(), url.host()) {
            (Some("https"), Some(_)) if url.query().is_none() => Ok(Self::Api(text.parse().map_err(|_| wrong())?)),
            (Some("http"), Some(_)) if url.path() == "/" && url.query().is_none() => {
                let text = format!("{}{READY}", text.trim_end_matches('/'));
                Ok(Self::Plain(text.parse().map_err(|_| wrong())?))
            }
            (Some("http"), Some(_)) => Ok(Self::Plain(url)),
            _ => Err(wrong()),
        }
    }
}

/// The listener at `address`, as it is reached from the same machine.
fn plain(address: SocketAddr) -> Result<Target, Failure> {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Target::read(&format!("http://{}", SocketAddr::new(ip, address.port())))
}

/// The `health.address` of a configuration. What else is wrong with that is told by others, in more than one line.
fn health_address(file: &Path) -> Result<SocketAddr, Failure> {
    let shown = file.display();
    let loaded = kes_config::load(file, &ProcessEnvironment)
        .map_err(|_| Failure::error(format!("'{shown}' cannot be used; hint: 'kes config check {shown}' says why")))?;
    loaded
        .config
        .health
        .ok_or_else(|| Failure::error(format!("`health.address` is not set in '{shown}'; hint: set it, or give a URL")))
}

/// Asks over plain HTTP. The error is a reason in one line.
async fn ask_plain(url: &Uri) -> Result<(), String> {
    let authority = url.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let lost = |error: hyper::Error| format!("no answer from {url}: {error}");
    let stream = TcpStream::connect((host, url.port_u16().unwrap_or(80))).await.map_err(|error| {
        format!("cannot connect to {authority}: {error}; hint: start the server, with `health.address` set")
    })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    // It ends with the runtime.
    let _connection = tokio::spawn(connection);
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header(HOST, authority).body(Empty::<Bytes>::new());
    let response = sender.send_request(request.map_err(|error| error.to_string())?).await.map_err(lost)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
    let message = body.ok().and_then(|body| serde_json::from_slice::<ErrorMessage>(&body.to_bytes()).ok());
    match message.map(|error| error.message.chars().filter(|c| !c.is_control()).collect::<String>()) {
        Some(message) if !message.is_empty() => Err(message),
        _ => Err(format!("{url} answered with status {}", status.as_u16())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> String {
        match Target::read(text) {
            Ok(Target::Plain(url)) => url.to_string(),
            Ok(Target::Api(endpoint)) => endpoint.url().to_owned(),
            Err(_) => "invalid".to_owned(),
        }
    }

    #[test]
    fn urls_say_whom_to_ask() {
        for (text, asked) in [
            ("http://127.0.0.1:7374", "http://127.0.0.1:7374/ready"),
            ("http://127.0.0.1:7374/", "http://127.0.0.1:7374/ready"),
            ("http://[::1]:7374/healthz", "http://[::1]:7374/healthz"),
            ("http://kes", "http://kes/ready"),
            ("https://kes:7373", "https://kes:7373"),
            ("https://kes:7373/", "https://kes:7373"),
            ("127.0.0.1:7374", "invalid"),
            ("localhost", "invalid"),
            ("ftp://kes", "invalid"),
            ("http://", "invalid"),
            ("", "invalid"),
            ("https://kes:7373/?a", "invalid"),
            ("http://user:password@kes:7374", "invalid"),
        ] {
            assert_eq!(target(text), asked, "{text}");
        }
    }

    #[test]
    fn a_listener_on_all_interfaces_is_reached_by_loopback() {
        for (address, asked) in [
            ("0.0.0.0:7374", "http://127.0.0.1:7374/ready"),
            ("[::]:7374", "http://[::1]:7374/ready"),
            ("192.0.2.1:7374", "http://192.0.2.1:7374/ready"),
        ] {
            let target = plain(address.parse().expect("an address")).expect("a target");
            assert_eq!(target, Target::Plain(asked.parse().expect("a URL")));
        }
    }
}
