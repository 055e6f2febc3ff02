//! A client that sees what it sends and gets: HTTP/1.1 as text over TLS with a client certificate.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kes_client::certificate;
use kes_core::ApiKey;
use rustix::net::{AddressFamily, SocketType};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};

/// What takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody with an API key who knows the server's certificate.
pub struct Client {
    server: SocketAddr,
    config: Arc<ClientConfig>,
    /// Where the client is, if that is to be seen.
    address: Option<Ipv4Addr>,
}

/// A connection with a request on it.
pub struct Exchange(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    /// A client of the server at this address.
    pub fn new(server: SocketAddr, trusted: &CertificateDer<'static>, api_key: &str) -> Self {
        let api_key: ApiKey = api_key.parse().expect("an API key");
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).expect("a certificate");
        let chain = vec![certificate::of_api_key(&api_key, SystemTime::now()).expect("a certificate")];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(api_key.to_pkcs8().expose().to_vec()));
        let config = ClientConfig::builder_with_provider(Arc::new(kes::server::provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .expect("a client certificate");
        Self { server, config: Arc::new(config), address: None }
    }

    /// The same client at this address of the machine.
    pub fn at(mut self, address: Ipv4Addr) -> Self {
        self.address = Some(address);
        self
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let Some(address) = self.address else { return TcpStream::connect(self.server) };
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        rustix::net::bind(&socket, &SocketAddr::from((address, 0)))?;
        rustix::net::connect(&socket, &self.server)?;
        Ok(socket.into())
    }

    /// Begins a request of this text.
    pub fn begin(&self, text: &str) -> io::Result<Exchange> {
        let socket = self.connect()?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        let mut exchange = Exchange(StreamOwned::new(connection, socket));
        exchange.send(text)?;
        Ok(exchange)
    }

    /// Sends a request without a body, and returns the status and the rest of the answer.
    pub fn call(&self, method: &str, path: &str) -> io::Result<(u16, String)> {
        let text =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        self.begin(&text)?.answer()
    }

    /// Begins a request whose body the server has asked for and does not get yet: from now on the request is in flight.
    pub fn begin_slowly(&self, path: &str, body_bytes: usize) -> Exchange {
        let text = format!(
            "PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {body_bytes}\r\nExpect: 100-continue\r\n\
             Connection: close\r\n\r\n"
        );
        let mut exchange = self.begin(&text).expect("a connection");
        let mut head = [0; 25];
        exchange.0.read_exact(&mut head).expect("an interim answer");
        assert_eq!(&head, b"HTTP/1.1 100 Continue\r\n\r\n");
        exchange
    }
}

impl Exchange {
    /// Sends another request without a body over a connection that stays open, and reads its answer: status and body.
    pub fn again(&mut self, method: &str, path: &str) -> io::Result<(u16, String)> {
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"))?;
        self.read_one()
    }

    /// Reads the answer of one request. The connection stays open.
    pub fn read_one(&mut self) -> io::Result<(u16, String)> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            head.push(char::from(byte[0]));
        }
        let status = head.get(9..12).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no answer: {head:?}")))?;
        let lower = head.to_ascii_lowercase();
        let length = lower.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body)?;
        Ok((status, String::from_utf8(body).map_err(io::Error::other)?))
    }

    /// Whether the session of an earlier connection went on.
    pub fn was_resumed(&self) -> bool {
        self.0.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// Sends more.
    pub fn send(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())?;
        self.0.flush()
    }

    /// Reads the answer, which the server ends by closing: the status and the rest.
    pub fn answer(mut self) -> io::Result<(u16, String)> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        let text = String::from_utf8(bytes).map_err(io::Error::other)?;
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no answer: {text:?}")))?;
        Ok((status, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
    }
}
