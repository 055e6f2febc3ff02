//! What a request needs to know. A request reads one snapshot and keeps it; a change builds a complete new one.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use kes_config::ProxyProtocol;
use kes_core::{Access, Timestamp};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::Instant;

use super::Settings;
use super::log::Logs;
use super::metrics::Metrics;
use super::places::Places;
use super::proxy::Proxies;
use super::pulse::Pulse;
use super::reload::Retired;
use super::routes::RouteSettings;
use super::tls::TlsState;
use crate::keys::Keys;

/// One complete, immutable state of the server.
#[derive(Clone, Debug)]
pub struct State {
    /// Who may do what.
    pub access: Arc<Access>,
    /// The keys.
    pub keys: Arc<Keys>,
    /// What the configuration says of each route.
    pub routes: RouteSettings,
    /// How connections are secured.
    pub tls: Arc<TlsState>,
    /// Who speaks for others, if anybody does.
    pub proxies: Option<Arc<Proxies>>,
    /// Errors in the words of releases before 2022.
    pub legacy_error_texts: bool,
    /// Whether the main listener tells the extended metrics.
    pub extended_metrics: bool,
    /// A place for each request in flight; others wait.
    pub places: Places,
}

impl State {
    /// What `settings` say of requests and new connections.
    pub fn new(settings: Settings, keys: Arc<Keys>, places: Places) -> Self {
        Self {
            access: Arc::new(settings.access),
            keys,
            routes: settings.routes,
            tls: Arc::new(settings.tls),
            proxies: settings.proxies.map(Arc::new),
            legacy_error_texts: settings.legacy_error_texts,
            extended_metrics: settings.extended_metrics,
            places,
        }
    }
}

/// What outlives every state.
#[derive(Debug)]
pub struct Shared {
    /// The present state.
    pub state: ArcSwap<State>,
    /// When the server started, for people.
    pub started: Timestamp,
    /// When the server started, for the uptime.
    pub started_at: Instant,
    /// Whether the loop that accepts connections is alive.
    pub pulse: Pulse,
    /// The load balancers that announce every connection, if there are any.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Where events go.
    pub logs: Logs,
    /// Somebody has named an enclave, and the log says so.
    pub enclave_seen: AtomicBool,
    /// What is counted.
    pub metrics: Metrics,
    /// Held by whoever makes a new state. One at a time: each begins with what the last one left.
    pub changing: Mutex<()>,
    /// Told of every new state.
    pub changed: watch::Sender<()>,
    /// Takes what a new state has left behind.
    pub retired: mpsc::UnboundedSender<Retired>,
}

impl Shared {
    /// Puts a new state in the place of the present one, for the next request and the next connection. Only for who holds
    /// `changing`.
    pub fn replace(&self, state: State) {
        let old = self.state.swap(Arc::new(state));
        if !Arc::ptr_eq(&old.keys, &self.state.load().keys) {
            // Nobody takes it only when the server has ended.
            let _ = self.retired.send(Retired::new(&old.keys));
        }
        self.changed.send_replace(());
    }
}
