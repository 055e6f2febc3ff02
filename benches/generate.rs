//! How many data keys per second: `cargo bench --bench generate [-- SECONDS]`.
//!
//! Starts the real program with `--dev` on one core and asks it from another, over HTTP/2 with mTLS, 4 connections with
//! 16 streams each. Prints requests per second of wall time and of the server's processor time, and the most memory
//! that it had resident. Figures hold on their machine only.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kes_client::certificate;
use kes_core::ApiKey;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const CONNECTIONS: usize = 4;
const STREAMS: usize = 16;
const BODY: &[u8] = br#"{"context":"eyJidWNrZXQiOiJidWNrZXQvb2JqZWN0In0="}"#;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    // Cargo adds `--bench` to what stands behind `--`.
    let seconds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(10);
    let mut server = Server::start()?;
    pin_to(1)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(load(&server, Duration::from_secs(seconds)));
    let peak = server.peak_resident()?;
    server.child.kill()?;
    server.child.wait()?;
    let Load { requests, wall, processor } = outcome?;
    println!("generate, HTTP/2, {CONNECTIONS} connections × {STREAMS} streams, {:.1} s", wall.as_secs_f64());
    println!("  {:>9.0} requests per second", requests as f64 / wall.as_secs_f64());
    println!("  {:>9.0} requests per second of the server's processor time", requests as f64 / processor.as_secs_f64());
    println!("  {:>9.1} MB resident at most", peak as f64 / 1e6);
    Ok(())
}

/// The program under load, on the first core.
struct Server {
    child: Child,
    address: String,
    key: ApiKey,
}

impl Server {
    fn start() -> Result<Self, Failure> {
        pin_to(0)?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_kes"))
            .args(["server", "--dev", "--addr", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()?;
        let (mut address, mut key) = (None, None);
        for line in BufReader::new(child.stdout.take().ok_or("no output")?).lines() {
            let line = line?;
            if let Some((_, found)) = line.split_once("https://127.0.0.1:") {
                address.get_or_insert_with(|| format!("127.0.0.1:{found}"));
            } else if line.starts_with("API Key") {
                key = line.split_whitespace().nth(2).map(str::to_owned);
            } else if line.starts_with("=>") {
                break;
            }
        }
        let (Some(address), Some(key)) = (address, key) else { return Err("the server did not start".into()) };
        Ok(Self { child, address, key: key.parse()? })
    }

    /// Processor time so far. The system counts in hundredths of a second.
    fn processor_time(&self) -> Result<Duration, Failure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit_once(") ").ok_or("no fields")?.1.split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// The most bytes that were resident at once.
    fn peak_resident(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
        Ok(line.split_whitespace().next().ok_or("no number")?.parse::<u64>()? * 1024)
    }
}

struct Load {
    requests: u64,
    wall: Duration,
    processor: Duration,
}

async fn load(server: &Server, duration: Duration) -> Result<Load, Failure> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(connect(server).await?);
    }
    send(&mut connections[0].clone(), "/v1/key/create/load", &[]).await?;

    let (requests, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut streams = tokio::task::JoinSet::new();
    for connection in connections.iter().flat_map(|connection| std::iter::repeat_n(connection, STREAMS)) {
        let (mut connection, requests, stop) = (connection.clone(), Arc::clone(&requests), Arc::clone(&stop));
        streams.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                send(&mut connection, "/v1/key/generate/load", BODY).await?;
                requests.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, Failure>(())
        });
    }
    // The first second warms up and does not count.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, processor, begin) = (requests.load(Ordering::Relaxed), server.processor_time()?, Instant::now());
    tokio::time::sleep(duration).await;
    let load = Load {
        requests: requests.load(Ordering::Relaxed) - before,
        wall: begin.elapsed(),
        processor: server.processor_time()?.saturating_sub(processor),
    };
    stop.store(true, Ordering::Relaxed);
    while let Some(stream) = streams.join_next().await {
        stream??;
    }
    Ok(load)
}

async fn send(connection: &mut SendRequest<Full<Bytes>>, path: &str, body: &'static [u8]) -> Result<(), Failure> {
    let request = Request::builder()
        .method(Method::PUT)
        .uri(format!("https://localhost{path}"))
        .header(http::header::CONTENT_LENGTH, body.len())
        .body(Full::new(Bytes::from_static(body)))?;
    connection.ready().await?;
    let response = connection.send_request(request).await?;
    let status = response.status();
    response.into_body().collect().await?;
    if status.is_success() { Ok(()) } else { Err(format!("the server answered {status}").into()) }
}

async fn connect(server: &Server) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let chain = vec![certificate::of_api_key(&server.key, SystemTime::now())?];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server.key.to_pkcs8().expose().to_vec()));
    let mut config = ClientConfig::builder_with_provider(Arc::new(kes::server::provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(&server.address).await?;
    stream.set_nodelay(true)?;
    let stream = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, stream).await?;
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn pin_to(core: usize) -> Result<(), Failure> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
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
