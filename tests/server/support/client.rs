//! Clients that see status, headers and body byte for byte.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kes_client::certificate;
use kes_core::ApiKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::TestServer;

/// The client's end of a connection.
pub type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// Status and body on one line, for comparison: `404 {"message":"key does not exist"}`. The newline in error
    /// bodies is kept as `¶`, as `server-api.md` §19 writes it; the one at the end of others is left out.
    pub fn line(&self) -> String {
        let body = self.body.strip_suffix('\n').unwrap_or(&self.body).replace('\n', "¶");
        format!("{} {body}", self.status.as_u16()).trim_end().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    /// A member of the JSON body.
    pub fn member(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).expect("JSON");
        body[name].as_str().unwrap_or_else(|| panic!("no text `{name}` in {}", self.body)).to_owned()
    }
}

/// Somebody who calls the server, with a connection for each request.
#[derive(Clone)]
pub struct Client {
    own: IpAddr,
    server: SocketAddr,
    config: Arc<ClientConfig>,
    pub protocol: Protocol,
    /// What comes before the handshake.
    announcement: Vec<u8>,
}

impl Client {
    /// With the certificate that the official SDK makes of an API key.
    pub fn of_api_key(server: &TestServer, key: &ApiKey) -> Self {
        Self::at(server.address, &server.certificate, key)
    }

    /// The same, of a server that may run elsewhere.
    pub fn at(server: SocketAddr, trusted: &CertificateDer<'static>, key: &ApiKey) -> Self {
        let chain = vec![certificate::of_api_key(key, SystemTime::now()).expect("a certificate")];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8().expose().to_vec()));
        let config = builder(trusted).with_client_auth_cert(chain, key).expect("a client certificate");
        Self::new(server, config)
    }

    /// Without a certificate.
    pub fn anonymous(server: &TestServer) -> Self {
        Self::of_config(server, builder(&server.certificate).with_no_client_auth())
    }

    /// With TLS settings of the test's own; ALPN is set by the protocol.
    pub fn of_config(server: &TestServer, config: ClientConfig) -> Self {
        Self::new(server.address, config)
    }

    fn new(server: SocketAddr, config: ClientConfig) -> Self {
        let own = Ipv4Addr::LOCALHOST.into();
        Self { own, server, config: Arc::new(config), protocol: Protocol::Http1, announcement: Vec::new() }
    }

    /// The same client, but with another address of this machine, and calling whoever stands in front of the server.
    pub fn elsewhere(mut self, own: IpAddr, server: SocketAddr) -> Self {
        (self.own, self.server) = (own, server);
        self
    }

    /// The same client over HTTP/2.
    pub fn http2(mut self) -> Self {
        self.protocol = Protocol::Http2;
        self
    }

    /// The same client through a load balancer that sends this first.
    pub fn announced(mut self, header: &[u8]) -> Self {
        self.announcement = header.to_vec();
        self
    }

    /// The same client over HTTP/1.1 and over HTTP/2.
    pub fn over_both(self) -> [Self; 2] {
        [self.clone(), self.http2()]
    }

    /// A TLS connection and nothing on it yet.
    pub async fn tls(&self) -> std::io::Result<TlsStream> {
        let mut config = (*self.config).clone();
        config.alpn_protocols = match self.protocol {
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
            Protocol::Http2 => vec![b"h2".to_vec()],
        };
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(self.own, 0))?;
        let mut stream = socket.connect(self.server).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&self.announcement).await?;
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// A connection to send several requests on.
    pub async fn connect(&self) -> Result<Connection, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TokioIo::new(self.tls().await?);
        match self.protocol {
            Protocol::Http1 => {
                let (sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
                tokio::spawn(connection);
                Ok(Connection::Http1(sender))
            }
            Protocol::Http2 => {
                let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await?;
                tokio::spawn(connection);
                Ok(Connection::Http2(sender))
            }
        }
    }

    /// One request on a connection of its own. Fails the test where there is no answer.
    pub async fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        let mut connection = self.connect().await.expect("a connection");
        connection.send(method, path, body).await.expect("an answer")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }

    pub async fn put(&self, path: &str, body: &str) -> Answer {
        self.send(Method::PUT, path, body).await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, path, body).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, "").await
    }

    /// Makes a key, which has to work.
    pub async fn create(&self, name: &str) {
        assert_eq!(self.put(&format!("/v1/key/create/{name}"), "").await.line(), "200");
    }
}

fn builder(trusted: &CertificateDer<'static>) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("the server's certificate");
    ClientConfig::builder_with_provider(Arc::new(kes::server::provider()))
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_root_certificates(roots)
}

/// A connection on which requests can be sent.
pub enum Connection {
    Http1(hyper::client::conn::http1::SendRequest<Full<Bytes>>),
    Http2(hyper::client::conn::http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Sends a request with a `Host` and a body of known length.
    pub async fn send(&mut self, method: Method, path: &str, body: &str) -> Result<Answer, hyper::Error> {
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
        *request.method_mut() = method;
        match self {
            Self::Http1(_) => {
                *request.uri_mut() = path.parse().expect("a path");
                request.headers_mut().insert(HOST, "localhost".parse().expect("a host"));
            }
            Self::Http2(_) => *request.uri_mut() = format!("https://localhost{path}").parse().expect("a URL"),
        }
        if body.is_empty() && request.method() != Method::GET {
            request.headers_mut().insert(CONTENT_LENGTH, 0.into());
        }
        self.request(request).await
    }

    /// Sends a request as it is.
    pub async fn request(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, hyper::Error> {
        let response = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        let body = String::from_utf8(body.to_vec()).expect("text");
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

/// A `GET` request in HTTP/1.1 text.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}
