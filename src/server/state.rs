//! What a request needs to know. A request reads one snapshot and keeps it; a change builds a complete new one.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use kes_core::{Access, Timestamp};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::log::Logs;
use super::metrics::Metrics;
use super::pulse::Pulse;
use super::routes::RouteSettings;
use super::tls::TlsState;
use crate::keys::Keys;

/// One complete, immutable state of the server.
#[derive(Debug)]
pub struct State {
    /// Who may do what.
    pub access: Access,
    /// The keys.
    pub keys: Arc<Keys>,
    /// What the configuration says of each route.
    pub routes: RouteSettings,
    /// How connections are secured.
    pub tls: Arc<TlsState>,
    /// Errors in the words of releases before 2022.
    pub legacy_error_texts: bool,
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
    /// A place for each request in flight; others wait.
    pub requests: Semaphore,
    /// Whether the loop that accepts connections is alive.
    pub pulse: Pulse,
    /// Where events go.
    pub logs: Logs,
    /// Somebody has named an enclave, and the log says so.
    pub enclave_seen: AtomicBool,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether the main listener tells the extended metrics.
    pub extended_metrics: bool,
}
