//! The floor: what a data key costs with nothing but the HTTP library, the TLS library and the same cryptography. One key
//! in memory; no routes, policy, cache, audit, metrics, limits or deadlines. Nothing that anybody should run.

use std::convert::Infallible;
use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kes_client::certificate;
use kes_client::wire::{GenerateRequest, GenerateResponse};
use kes_core::{Algorithm, Key, Timestamp};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::Failure;

/// Serves until it is killed, and says where on stdout.
pub fn serve() -> Result<(), Failure> {
    // As the real one.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async { tokio::spawn(accept_all()).await? })
}

async fn accept_all() -> Result<(), Failure> {
    let acceptor = TlsAcceptor::from(Arc::new(tls()?));
    let key = Arc::new(Key::generate(Algorithm::for_this_cpu(), Timestamp::ZERO, "floor")?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("https://{}\n=> serves", listener.local_addr()?);
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        // How a connection ends is the client's business.
        tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&key)));
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, key: Arc<Key>) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = TokioIo::new(stream);
    let service = service_fn(move |request| {
        let key = Arc::clone(&key);
        async move { Ok::<_, Infallible>(generate(&key, request).await.unwrap_or_else(|_| refusal())) }
    });
    if is_http2 {
        http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await?;
    } else {
        http1::Builder::new().serve_connection(stream, service).await?;
    }
    Ok(())
}

async fn generate(key: &Key, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Failure> {
    let body = request.into_body().collect().await?.to_bytes();
    let request: GenerateRequest = serde_json::from_slice(&body)?;
    let (plaintext, ciphertext) = key.data_key(request.context.expose())?;
    let answer =
        GenerateResponse { plaintext: plaintext.expose().as_slice().into(), ciphertext: ciphertext.as_slice().into() };
    let mut response = Response::new(Full::new(serde_json::to_vec(&answer)?.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn refusal() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = http::StatusCode::BAD_REQUEST;
    response
}

/// As the real one: the same groups and suites, a certificate of the same kind, one ticket.
fn tls() -> Result<ServerConfig, Failure> {
    let provider = Arc::new(kes::server::provider());
    let (chain, key) = certificate::of_development_server(&[IpAddr::from([127, 0, 0, 1])], SystemTime::now())?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.expose().to_vec()));
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(AnyClient(provider)))
        .with_single_cert(vec![chain], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// A client has to hold the key of its certificate, and nothing else is asked of it.
#[derive(Debug)]
struct AnyClient(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
