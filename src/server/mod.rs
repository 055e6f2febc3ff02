//! The server: from checked settings and a connected key store to answers on a socket.
//!
//! ```text
//! listener → tls → peer → route (method, size, time) → caller (policy) → handler → keys → cache → guard → store
//! ```
//!
//! A background task always has an owner, who ends and joins it: [`Server::run`].

pub mod authorize;
mod body;
mod certificate;
mod connection;
mod error;
mod exchange;
mod handlers;
mod handshake;
mod health;
pub mod json;
mod listen;
mod listener;
pub mod log;
pub mod metrics;
pub mod path;
mod peer;
mod places;
pub mod proxy;
pub mod proxy_protocol;
mod pulse;
mod reload;
mod reply;
mod room;
mod routes;
mod service;
mod state;
mod tls;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use kes_config::ProxyProtocol;
use kes_core::{Access, Clock, KeyName, SystemClock};
use kes_keystores::KeyStore;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use connection::ConnectionLimits;
pub use health::Health;
pub use listen::Listen;
pub use listener::ListenerLimits;
pub use log::Logs;
pub use metrics::Metrics;
pub use proxy::Proxies;
pub use pulse::Pulse;
pub use reload::{Handle, ReloadError};
pub use routes::{Class, Found, ROUTES, Route, RouteSettings, find};
pub use tls::{ClientMode, Expiry, TlsFileError, TlsFileErrors, TlsFiles, TlsState, TlsWatch, provider};

use crate::keys::{CacheSettings, KeyError, Keys};
use listener::Phase;
use places::Places;
use reload::Retired;
use state::{Shared, State};

/// How long the store gets to close, at least.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// How long connections get to end after those in flight were cancelled.
const CUT_TIME: Duration = Duration::from_millis(200);

/// What a server is made of. All of it was checked.
#[derive(Debug)]
pub struct Settings {
    /// Who may do what.
    pub access: Access,
    /// How connections are secured.
    pub tls: TlsState,
    /// Who speaks for others, if anybody does.
    pub proxies: Option<Proxies>,
    /// What the configuration says of routes.
    pub routes: RouteSettings,
    /// How long keys stay in memory.
    pub cache: CacheSettings,
    /// Keys that have to exist before the first client is served.
    pub keys: Vec<KeyName>,
    /// Bounds of connections.
    pub listener: ListenerLimits,
    /// The load balancers that announce every connection, if there are any.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Requests in flight at the same time; further ones wait.
    pub requests: usize,
    /// How long requests in flight get when the server stops.
    pub grace: Duration,
    /// Errors in the words of releases before 2022.
    pub legacy_error_texts: bool,
    /// Where events go.
    pub logs: Logs,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether the main listener tells the extended metrics.
    pub extended_metrics: bool,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}; hint: is another server running? `--addr` chooses another address")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        error: io::Error,
    },
    /// The socket that was handed over cannot be listened on.
    #[error("cannot listen on the socket that was handed over: {0}")]
    Socket(io::Error),
    /// A predefined key is not there and cannot be made.
    #[error("cannot create the predefined key `{name}`: {error}")]
    PredefinedKey {
        /// The key.
        name: KeyName,
        /// Why.
        error: KeyError,
    },
}

/// A server that is bound, has its predefined keys, and waits to [run](Server::run).
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    retired: mpsc::UnboundedReceiver<Retired>,
    limits: ListenerLimits,
    grace: Duration,
}

impl Server {
    /// Listens, and makes the predefined keys.
    ///
    /// # Errors
    /// See [`StartError`]. The store is not closed then.
    pub async fn start(
        listen: impl Into<Listen>,
        settings: Settings,
        store: Arc<dyn KeyStore>,
    ) -> Result<Self, StartError> {
        let (listener, local) = listen.into().open().await?;
        let keys = Arc::new(Keys::new(store, settings.cache, Arc::new(SystemClock)).counting(settings.metrics.cache()));
        let made = keys.ensure(&settings.access.server(), &settings.keys).await;
        made.map_err(|(name, error)| StartError::PredefinedKey { name, error })?;
        let (limits, grace) = (settings.listener, settings.grace);
        let (logs, metrics) = (settings.logs.clone(), settings.metrics.clone());
        let (places, proxy_protocol) = (Places::new(settings.requests), settings.proxy_protocol.clone());
        let (retired, receiver) = mpsc::unbounded_channel();
        let shared = Shared {
            state: ArcSwap::from_pointee(State::new(settings, keys, places)),
            started: SystemClock.now(),
            started_at: Instant::now(),
            pulse: Pulse::default(),
            proxy_protocol,
            logs,
            enclave_seen: AtomicBool::new(false),
            metrics,
            changing: Mutex::default(),
            changed: watch::Sender::new(()),
            retired,
        };
        let shared = Arc::new(shared);
        Ok(Self { listener, address: local, shared, retired: receiver, limits, grace })
    }

    /// The address that is listened on, with its real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the server, also while it [runs](Self::run).
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }

    /// Whether the loop that accepts connections is alive, once the server [runs](Self::run).
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.shared.pulse.clone()
    }

    /// Serves until `stop` is ready, lets requests in flight end, and closes the store. `cut` ends the waiting. No
    /// [`Handle`] may change the server any more once it is told to stop.
    pub async fn run(self, stop: impl Future<Output = ()>, cut: impl Future<Output = ()>) {
        let (phase, receiver) = watch::channel(Phase::Serving);
        let mut background = JoinSet::new();
        background.spawn(self.shared.logs.clone().report_repeats());
        background.spawn(sweep(Arc::clone(&self.shared)));
        background.spawn(certificate::look_after(Arc::clone(&self.shared)));
        let (ended, has_ended) = watch::channel(false);
        let mut closing = JoinSet::new();
        closing.spawn(reload::close_retired(self.retired, has_ended));
        let serving = tokio::spawn(listener::serve(self.listener, Arc::clone(&self.shared), self.limits, receiver));
        stop.await;
        // Only this end can say it; whoever listens has its own copy.
        phase.send_replace(Phase::Draining);
        self.shared.logs.close_streams();
        if let Ok(mut connections) = serving.await {
            let drained = async { while connections.join_next().await.is_some() {} };
            tokio::select! {
                () = drained => {}
                () = tokio::time::sleep(self.grace) => {}
                () = cut => {}
                never = self.shared.pulse.stand_in() => match never {},
            }
            connections.abort_all();
            let _ = tokio::time::timeout(CUT_TIME, async { while connections.join_next().await.is_some() {} }).await;
        }
        background.shutdown().await;
        ended.send_replace(true);
        let store = Arc::clone(self.shared.state.load().keys.store());
        let close_all = async { tokio::join!(store.close(), closing.join_next()) };
        let _ = tokio::time::timeout(self.grace.max(CLOSE_TIME), close_all).await;
        closing.shutdown().await;
    }
}

/// Frees what expired in the cache.
async fn sweep(shared: Arc<Shared>) {
    loop {
        let interval = shared.state.load().keys.cache().sweep_interval();
        tokio::time::sleep(interval).await;
        shared.state.load().keys.cache().sweep();
    }
}
