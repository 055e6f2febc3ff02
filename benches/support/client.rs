//! A client with the certificate of an API key, which takes any server for the right one: it is our own child.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kes_client::certificate;
use kes_core::ApiKey;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::SupportedKxGroup;
use rustls::{ClientConfig, HandshakeKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Failure;

/// How to connect.
pub struct How {
    pub http2: bool,
    /// The key exchange.
    pub group: &'static dyn SupportedKxGroup,
    /// Whether later connections resume the session of an earlier one.
    pub resume: bool,
}

/// A connection.
#[derive(Clone)]
pub enum Connection {
    Http1(Arc<tokio::sync::Mutex<http1::SendRequest<Full<Bytes>>>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// Makes connections to one server.
pub struct Connector {
    address: String,
    config: Arc<ClientConfig>,
    http2: bool,
}

impl Connector {
    /// For a client with this key.
    pub fn new(address: &str, key: &ApiKey, how: &How) -> Result<Self, Failure> {
        let chain = vec![certificate::of_api_key(key, SystemTime::now())?];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8().expose().to_vec()));
        let mut provider = kes::server::provider();
        provider.kx_groups = vec![how.group];
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer))
            .with_client_auth_cert(chain, key)?;
        config.alpn_protocols = vec![if how.http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        if !how.resume {
            config.resumption = Resumption::disabled();
        }
        Ok(Self { address: address.to_owned(), config: Arc::new(config), http2: how.http2 })
    }

    /// A new connection, and whether it resumed a session.
    pub async fn connect(&self) -> Result<(Connection, bool), Failure> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        let stream = TokioIo::new(stream);
        // The tasks end with their connections.
        Ok(if self.http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            (Connection::Http2(sender), resumed)
        } else {
            let (sender, connection) = http1::handshake(stream).await?;
            tokio::spawn(connection);
            (Connection::Http1(Arc::new(tokio::sync::Mutex::new(sender))), resumed)
        })
    }
}

impl Connection {
    /// Sends a `PUT`, and returns what was answered.
    pub async fn put(&self, path: &str, body: Bytes) -> Result<(StatusCode, Bytes), Failure> {
        self.send(Method::PUT, path, body).await
    }

    /// Sends any request, and returns what was answered.
    pub async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes), Failure> {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://localhost{path}"))
            .header(http::header::HOST, "localhost")
            .header(http::header::CONTENT_LENGTH, body.len())
            .body(Full::new(body))?;
        let response = match self {
            Self::Http1(sender) => {
                let mut sender = sender.lock().await;
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => {
                let mut sender = sender.clone();
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

/// The server is our own child, on loopback.
#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        kes::server::provider().signature_verification_algorithms.supported_schemes()
    }
}
