//! A server of the test's own, on a port of its own, and clients that see its bytes.

mod client;
mod exposition;
mod follow;
#[allow(dead_code, reason = "some of its frames are for the floods of tests/withstand alone")]
pub mod frames;
mod frozen;
mod lines;
mod raw;
mod settings;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use kes::server::log::{ErrorLog, Target};
use kes::server::{Handle, Health, Logs, ReloadError, Server, Settings};
use kes_core::ApiKey;
use kes_keystores::{KeyStore, MemoryStore};
use rustls_pki_types::CertificateDer;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

pub use client::{Answer, Client, Connection, Protocol, TlsStream, get};
pub use exposition::Exposition;
pub use follow::Follow;
pub use frozen::Frozen;
pub use lines::Lines;
pub use raw::Raw;
pub use settings::{Build, PROXY_HEADER};

/// The administrator of every test server; its identity is [`ADMIN`].
pub const ADMIN_KEY: &str = "kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc";
/// The administrator's identity.
pub const ADMIN: &str = "3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22";
/// A client whose identity is [`USER`], bound by the policy `my-app`.
pub const USER_KEY: &str = "kes:v1:AGaV6VXHasF0FnaB60WdCOeTZ8eTIDikL4zlN16c8NAs";
/// The user's identity.
pub const USER: &str = "ea9826089311fe44d7590408ede9150f7c637b6cab0a91ee6fe1aa5d9fb366f6";

/// The content type of metrics.
pub const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A free port of this machine.
const LOCAL: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// A running server. It stops when this is dropped.
pub struct TestServer {
    pub address: SocketAddr,
    /// What clients verify the server with.
    pub certificate: CertificateDer<'static>,
    pub logs: Logs,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    cut: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl TestServer {
    /// A server with an empty store in memory, the policy of `server-api.md` §19 and the usual settings.
    pub async fn start() -> Self {
        Self::with(Build::default()).await
    }

    /// A server over `store`.
    pub async fn with_store(store: impl KeyStore + 'static) -> Self {
        Self::with(Build::default().store(Arc::new(store))).await
    }

    /// A server as `build` says.
    pub async fn with(build: Build) -> Self {
        let store = build.store.clone().unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let (settings, certificate) = build.settings();
        Self::run(settings, certificate, store, None).await
    }

    /// A server as `build` says, and the listener that tells of it without TLS.
    pub async fn with_probes(build: Build) -> (Health, Self) {
        let limits = build.limits.connection;
        let health = Health::start(SocketAddr::from(LOCAL), limits).await.expect("a listener");
        let store = build.store.clone().unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let (settings, certificate) = build.settings();
        let server = Self::run(settings, certificate, store, Some(&health)).await;
        (health, server)
    }

    /// A server as `build` says, whose errors, and those of this thread alone, go to its log.
    pub async fn with_error_log(build: Build) -> (Self, DefaultGuard) {
        let server = Self::with(build).await;
        let guard = events_to(ErrorLog::to(server.logs.clone()));
        (server, guard)
    }

    async fn run(
        settings: Settings,
        certificate: CertificateDer<'static>,
        store: Arc<dyn KeyStore>,
        health: Option<&Health>,
    ) -> Self {
        let logs = settings.logs.clone();
        let server = Server::start(SocketAddr::from(LOCAL), settings, store).await.expect("the server starts");
        if let Some(health) = health {
            health.follow(&server);
        }
        let (address, handle) = (server.address(), server.handle());
        let (stop, stopped) = oneshot::channel::<()>();
        let (cut, was_cut) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(ended(stopped), ended(was_cut)));
        Self { address, certificate, logs, handle, stop: Some(stop), cut: Some(cut), running: Some(running) }
    }

    /// Goes on as `build` says, with another certificate; over the store of `build` if it has one, else over the present
    /// one. Clients that are made after this trust the new certificate.
    pub async fn reload(&mut self, build: Build) -> Result<(), ReloadError> {
        let (log, store) = (build.log.clone(), build.store.clone());
        let (settings, certificate) = build.settings();
        self.handle.reload(settings, log, store).await?;
        self.certificate = certificate;
        Ok(())
    }

    /// A client with the administrator's certificate.
    pub fn admin(&self) -> Client {
        self.client(ADMIN_KEY)
    }

    /// A client that the policy `my-app` binds.
    pub fn user(&self) -> Client {
        self.client(USER_KEY)
    }

    /// A client that nobody knows.
    pub fn stranger(&self) -> Client {
        self.client(ApiKey::generate().expect("random").to_text().expose())
    }

    /// A client with the certificate of an API key.
    pub fn client(&self, api_key: &str) -> Client {
        Client::of_api_key(self, &api_key.parse().expect("an API key"))
    }

    /// A client without a certificate.
    pub fn anonymous(&self) -> Client {
        Client::anonymous(self)
    }

    /// Tells the server to stop, without waiting.
    pub fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Tells the server not to wait for requests in flight.
    pub fn cut(&mut self) {
        drop(self.cut.take());
    }

    /// Waits until the server has stopped.
    pub async fn stopped(&mut self) {
        self.running.take().expect("waited for once").await.expect("the server ends well");
    }
}

/// Events of this thread, where the server of a test runs too, go to `log` as long as the result lives.
pub fn events_to<T: Target>(log: ErrorLog<T>) -> DefaultGuard {
    // With one subscriber in the program, whether an event is of interest would be asked of whichever thread meets it
    // first, and that of another test has none.
    static SECOND: OnceLock<Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| Dispatch::new(registry()));
    tracing::subscriber::set_default(registry().with(log))
}

async fn ended(receiver: oneshot::Receiver<()>) {
    // The sender says it by being dropped.
    let _ = receiver.await;
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }
}

/// Runs `work` as soon as a task of its own has a chance, to have it under way beside the test.
pub fn beside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}

/// The [`Answer::line`] of an error.
pub fn error(status: u16, message: &str) -> String {
    format!(r#"{status} {{"message":"{message}"¶}}"#)
}
