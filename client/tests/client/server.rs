//! A small TLS server that answers as it is told and remembers what it was asked.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use futures_util::{FutureExt, StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kes_client::certificate;
use kes_core::Identity;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, HandshakeKind, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What to do with a request.
pub enum Reply {
    Answer(u16, &'static str, Vec<u8>),
    RetryAfter(u16, &'static str),
    /// 301 to another path.
    Redirect(&'static str),
    /// An empty success, after which the connection ends. HTTP/1.1 only.
    OkAndClose,
    /// 200, then each text as a piece of its own, then an end.
    Stream(&'static [&'static str], End),
    /// Ends the connection without an answer.
    HangUp,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Clean,
    /// Breaks when the next request arrives, so that what was sent has been received.
    Broken,
}

pub fn ok(body: &str) -> Reply {
    Reply::Answer(200, "application/json", body.into())
}

pub fn error(status: u16, message: &str) -> Reply {
    Reply::Answer(status, "application/json", format!("{{\"message\":\"{message}\"\n}}").into_bytes())
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub content_type: Option<String>,
    pub content_length: Option<String>,
    pub body: Vec<u8>,
    pub version: hyper::Version,
    pub identity: Option<Identity>,
    /// Whether the connection took up the TLS session of an earlier one.
    pub resumed: bool,
}

/// Which client certificates the server takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    Any,
    /// Those of a CA that no client of these tests has.
    Strangers,
}

pub struct Server {
    pub address: String,
    pub certificate: tempfile::NamedTempFile,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;
type Script = Box<dyn Fn(usize, &Asked) -> Reply + Send + Sync>;

impl Server {
    /// A server whose answers depend on the number of the request (from 0) and the request.
    pub async fn start(script: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(&["h2", "http/1.1"], Clients::Any, script).await
    }

    pub async fn start_with(
        protocols: &[&str],
        clients: Clients,
        script: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let address = "127.0.0.1".parse().expect("an address");
        let (leaf, key) = certificate::of_development_server(&[address], SystemTime::now()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier: Arc<dyn ClientCertVerifier> = match clients {
            Clients::Any => Arc::new(AnyClient(Arc::clone(&provider))),
            Clients::Strangers => {
                let mut roots = RootCertStore::empty();
                roots.add(leaf.clone()).expect("a root");
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                    .build()
                    .expect("a verifier")
            }
        };
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![leaf.clone()], PrivatePkcs8KeyDer::from(key.expose().to_vec()).into())
            .expect("a key pair");
        tls.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let certificate = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(&certificate, kes_client::pem::write_certificate(&leaf)).expect("a written file");

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(serve(
            listener,
            Arc::clone(&connections),
            TlsAcceptor::from(Arc::new(tls)),
            Arc::clone(&asked),
            Arc::new(Box::new(script)),
        ));
        Self { address, certificate, asked, connections, task }
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panicked here").clone()
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    connections: Arc<AtomicUsize>,
    tls: TlsAcceptor,
    asked: Arc<Mutex<Vec<Asked>>>,
    script: Arc<Script>,
) {
    let arrived = Arc::new(tokio::sync::Notify::new());
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        let (tls, asked, script) = (tls.clone(), Arc::clone(&asked), Arc::clone(&script));
        let arrived = Arc::clone(&arrived);
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let certificates = stream.get_ref().1.peer_certificates();
            let identity = certificates.map(|chain| certificate::identity(&chain[0]).expect("a certificate"));
            let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            let hang_up = Arc::new(tokio::sync::Notify::new());
            let notify = Arc::clone(&hang_up);
            let service = service_fn(move |request| {
                let (asked, script) = (Arc::clone(&asked), Arc::clone(&script));
                answer(request, (identity.clone(), resumed), asked, script, Arc::clone(&notify), Arc::clone(&arrived))
            });
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            tokio::select! {
                _ = builder.serve_connection(TokioIo::new(stream), service) => {}
                () = hang_up.notified() => {}
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    (identity, resumed): (Option<Identity>, bool),
    asked: Arc<Mutex<Vec<Asked>>>,
    script: Arc<Script>,
    hang_up: Arc<tokio::sync::Notify>,
    arrived: Arc<tokio::sync::Notify>,
) -> Result<Response<Body>, Infallible> {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
    let mut record = Asked {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        content_type: header("content-type"),
        content_length: header("content-length"),
        body: Vec::new(),
        version: request.version(),
        identity,
        resumed,
    };
    record.body = request.into_body().collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let number = {
        let mut asked = asked.lock().expect("no test panicked here");
        asked.push(record.clone());
        asked.len() - 1
    };
    arrived.notify_waiters();
    let response = Response::builder();
    let response = match script(number, &record) {
        Reply::Answer(status, kind, body) => response
            .status(status)
            .header("content-type", kind)
            .body(Full::from(body).map_err(|never| match never {}).boxed_unsync()),
        Reply::RetryAfter(status, seconds) => response.status(status).header("retry-after", seconds).body(nothing()),
        Reply::Redirect(path) => response.status(301).header("location", path).body(nothing()),
        Reply::OkAndClose => response.header("connection", "close").body(nothing()),
        Reply::Stream(pieces, end) => {
            let pieces = pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
            let mut frames = stream::iter(pieces).boxed();
            if end == End::Broken {
                let broken = arrived.notified_owned().map(|()| Err(std::io::Error::other("broken on purpose")));
                frames = frames.chain(stream::once(broken)).boxed();
            }
            response.header("content-type", "application/x-ndjson").body(StreamBody::new(frames).boxed_unsync())
        }
        Reply::HangUp => {
            hang_up.notify_one();
            std::future::pending().await
        }
    };
    Ok(response.expect("a response"))
}

fn nothing() -> Body {
    Full::default().map_err(|never| match never {}).boxed_unsync()
}

/// Takes every client certificate, as servers of this kind do by default, and needs one.
#[derive(Debug)]
struct AnyClient(Arc<rustls::crypto::CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    /// Names a CA that signed nothing: the client must show its certificate all the same.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        static HINTS: std::sync::LazyLock<[DistinguishedName; 1]> =
            std::sync::LazyLock::new(|| [DistinguishedName::from(vec![0x30, 0x00])]);
        HINTS.as_slice()
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
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
