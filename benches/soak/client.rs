//! Connections to the server, and what is asked over them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kes_client::certificate;
use kes_core::ApiKey;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, HandshakeKind, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Failure;
use crate::site::Site;

/// What takes longer than this does not come any more: twice the server's own limit of a request.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1
    Http1,
    /// HTTP/2
    Http2,
}

/// Somebody who can connect. Sessions are resumed where the server lets them.
#[derive(Clone)]
pub struct Client {
    server: SocketAddr,
    config: Arc<ClientConfig>,
    protocol: Protocol,
    /// Bytes that the system may receive before they are read, if not as many as usual.
    receive_buffer: Option<u32>,
}

impl Client {
    /// Somebody with an API key, or without a certificate.
    pub fn new(
        site: &Arc<Site>,
        server: SocketAddr,
        key: Option<&ApiKey>,
        protocol: Protocol,
    ) -> Result<Self, Failure> {
        let builder = ClientConfig::builder_with_provider(Arc::new(kes::server::provider()))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(RecentCertificate(Arc::clone(site))));
        let mut config = match key {
            None => builder.with_no_client_auth(),
            Some(key) => {
                let chain = vec![certificate::of_api_key(key, SystemTime::now())?];
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8().expose().to_vec()));
                builder.with_client_auth_cert(chain, key)?
            }
        };
        config.alpn_protocols = match protocol {
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
            Protocol::Http2 => vec![b"h2".to_vec()],
        };
        Ok(Self { server, config: Arc::new(config), protocol, receive_buffer: None })
    }

    /// The same client, for whom little waits in the system.
    pub fn receiving_little(self) -> Self {
        Self { receive_buffer: Some(4096), ..self }
    }

    /// A TCP connection.
    pub async fn tcp(&self) -> Result<TcpStream, Failure> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = socket.connect(self.server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A TLS connection.
    pub async fn tls(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let connecting = async {
            let stream = self.tcp().await?;
            let name = ServerName::try_from("localhost")?;
            Ok::<_, Failure>(TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await?)
        };
        tokio::time::timeout(PATIENCE, connecting).await?
    }

    /// A connection to send requests on, and whether an earlier session went on.
    pub async fn connect(&self) -> Result<(Connection, bool), Failure> {
        let stream = self.tls().await?;
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        let stream = TokioIo::new(stream);
        // The tasks end with the last sender.
        let connection = match self.protocol {
            Protocol::Http1 => {
                let (sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
                tokio::spawn(connection);
                Connection::Http1(sender)
            }
            Protocol::Http2 => {
                let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await?;
                tokio::spawn(connection);
                Connection::Http2(sender)
            }
        };
        Ok((connection, resumed))
    }
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
    /// The server closes the connection now.
    pub closes: bool,
}

impl Answer {
    /// The body as JSON; nothing if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A text of the JSON body, empty if there is none of that name.
    pub fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }
}

/// A connection on which requests can be sent.
pub enum Connection {
    /// One request after another.
    Http1(hyper::client::conn::http1::SendRequest<Full<Bytes>>),
    /// Many requests at once.
    Http2(hyper::client::conn::http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Sends a request with a body of known length, and waits for the whole answer.
    pub async fn send(&mut self, method: Method, path: &str, body: Bytes) -> Result<Answer, Failure> {
        let answer = async {
            let (head, body) = self.begin(method, path, body).await?.into_parts();
            let closes = head.headers.get(CONNECTION).is_some_and(|value| value == "close");
            let body = body.collect().await?.to_bytes();
            Ok::<_, Failure>(Answer { status: head.status.as_u16(), body, closes })
        };
        tokio::time::timeout(PATIENCE, answer).await.map_err(|_| "no answer in time")?
    }

    /// Sends a request, and waits for the head of the answer.
    pub async fn begin(&mut self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, Failure> {
        let request = Request::builder().method(method).header(CONTENT_LENGTH, body.len());
        match self {
            Self::Http1(sender) => {
                let request = request.uri(path).header(HOST, "localhost").body(Full::new(body))?;
                sender.ready().await?;
                Ok(sender.send_request(request).await?)
            }
            Self::Http2(sender) => {
                let request = request.uri(format!("https://localhost{path}")).body(Full::new(body))?;
                sender.ready().await?;
                Ok(sender.send_request(request).await?)
            }
        }
    }
}

/// Accepts the certificates that the server was given lately, and no others.
struct RecentCertificate(Arc<Site>);

impl std::fmt::Debug for RecentCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecentCertificate")
    }
}

impl ServerCertVerifier for RecentCertificate {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if !self.0.knows(certificate) {
            return Err(rustls::Error::General("this is not one of the server's recent certificates".to_owned()));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = kes::server::provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = kes::server::provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        kes::server::provider().signature_verification_algorithms.supported_schemes()
    }
}
