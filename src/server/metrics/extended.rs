//! The families of our own: labelled, and only for those who ask.

use std::sync::Arc;
use std::time::Duration;

use kes_core::secret::memory_lock;
use kes_keystores::{Health, Observer, Operation, StoreError};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use rustls_pki_types::UnixTime;

use super::super::places::BODY_BYTES;
use super::super::routes::ROUTES;
use super::super::state::Shared;
use super::{LogCounters, PerStatus, Process, registered, set};
use crate::keys::CacheCounters;

/// Upper bounds of answers, in seconds: a cached key takes microseconds, a route has 15 seconds.
const ROUTE_SECONDS: [f64; 13] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 2.5, 5.0, 15.0];

/// Upper bounds of calls to the store, in seconds: an attempt has 5 seconds by default.
const STORE_SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0];

/// See the module's text.
#[derive(Debug)]
pub(super) struct Extended {
    pub(super) registry: Registry,
    route_time: HistogramVec,
    by_route: Vec<PerStatus<Histogram>>,
    pub(super) in_flight: IntGauge,
    waiting: IntGaugeVec,
    body_bytes: IntGauge,
    body_limit: IntGauge,
    pub(super) connections: IntGauge,
    pub(super) handshakes: IntCounterVec,
    pub(super) handshake_failures: IntCounter,
    certificate_seconds: IntGauge,
    pub(super) store: Arc<StoreCalls>,
    store_state: IntGaugeVec,
    cache_hits: IntCounter,
    cache_misses: IntCounter,
    cache_keys: IntGauge,
    log_drops: IntCounterVec,
    log_subscribers: IntGaugeVec,
    log_subscriber_drops: IntCounterVec,
    locked: IntGauge,
    unlocked_keys: IntGauge,
    resident: IntGauge,
    descriptors: IntGauge,
    tasks: IntGauge,
}

impl Default for Extended {
    fn default() -> Self {
        let registry = Registry::new();
        let gauge = |name, help| registered(&registry, IntGauge::new(name, help));
        let counter = |name, help| registered(&registry, IntCounter::new(name, help));
        let gauges =
            |name, help, labels: &[&str]| registered(&registry, IntGaugeVec::new(Opts::new(name, help), labels));
        let counters =
            |name, help, labels: &[&str]| registered(&registry, IntCounterVec::new(Opts::new(name, help), labels));
        let times = |name, help, bounds: &[f64], labels: &[&str]| {
            registered(&registry, HistogramVec::new(HistogramOpts::new(name, help).buckets(bounds.to_vec()), labels))
        };
        Self {
            route_time: times(
                "kes_route_response_seconds",
                "Time from a request's head to its answer, by route and status.",
                &ROUTE_SECONDS,
                &["route", "code"],
            ),
            by_route: ROUTES.iter().map(|_| PerStatus::default()).collect(),
            in_flight: gauge(
                "kes_requests_in_flight",
                "Requests of any route that are being answered, those that wait included.",
            ),
            waiting: gauges(
                "kes_requests_waiting",
                "Requests that wait for a place among those worked on, or for memory for their bodies.",
                &["for"],
            ),
            body_bytes: gauge("kes_request_body_bytes", "Memory that request bodies hold."),
            body_limit: gauge("kes_request_body_limit_bytes", "Memory that request bodies can hold in all."),
            connections: gauge("kes_connections_open", "Connections from clients, those in their handshake included."),
            handshakes: counters(
                "kes_tls_handshakes_total",
                "TLS handshakes that succeeded, by negotiated version and key exchange group.",
                &["version", "group"],
            ),
            handshake_failures: counter(
                "kes_tls_handshake_failures_total",
                "Connections that ended before their TLS handshake did.",
            ),
            certificate_seconds: gauge(
                "kes_tls_certificate_expiry_seconds",
                "Seconds until the server's certificate expires; negative when it has.",
            ),
            store: Arc::new(StoreCalls {
                time: times(
                    "kes_store_call_seconds",
                    "Time of single calls to the key store, by operation.",
                    &STORE_SECONDS,
                    &["operation"],
                ),
                errors: counters(
                    "kes_store_errors_total",
                    "Calls to the key store that failed, by operation and kind of failure.",
                    &["operation", "error"],
                ),
            }),
            store_state: gauges(
                "kes_store_state",
                "1 for the state that the key store is in, 0 for the others.",
                &["state"],
            ),
            cache_hits: counter("kes_cache_hits_total", "Requests whose key was in memory."),
            cache_misses: counter("kes_cache_misses_total", "Requests whose key had to be fetched from the store."),
            cache_keys: gauge("kes_cache_keys", "Keys in memory."),
            log_drops: counters(
                "kes_log_dropped_events_total",
                "Log events that a sink did not take in time, by log and sink.",
                &["log", "sink"],
            ),
            log_subscribers: gauges("kes_log_subscribers", "Clients that follow a log.", &["log"]),
            log_subscriber_drops: counters(
                "kes_log_dropped_subscribers_total",
                "Clients that followed a log too slowly and were dropped.",
                &["log"],
            ),
            locked: gauge("kes_memory_locked_bytes", "Memory that is kept out of swap."),
            unlocked_keys: gauge(
                "kes_memory_keys_unlocked_bytes",
                "Memory for keys that could not be kept out of swap.",
            ),
            resident: gauge("kes_memory_resident_bytes", "Memory in use, program text included."),
            descriptors: gauge("kes_open_descriptors", "Open files and sockets."),
            tasks: gauge("kes_tasks", "Tasks of the runtime that have not ended."),
            registry,
        }
    }
}

impl Extended {
    /// A request of `ROUTES[route]` was answered.
    pub(super) fn answered(&self, route: usize, code: u16, time: Duration) {
        let look_up = |code: &str| self.route_time.with_label_values(&[ROUTES[route].path, code]);
        self.by_route[route].with(code, look_up, |histogram| histogram.observe(time.as_secs_f64()));
    }

    /// What counts one log.
    pub(super) fn log(&self, log: &str, events: IntCounter) -> LogCounters {
        LogCounters {
            events,
            console_drops: self.log_drops.with_label_values(&[log, "console"]),
            file_drops: self.log_drops.with_label_values(&[log, "file"]),
            subscribers: self.log_subscribers.with_label_values(&[log]),
            subscriber_drops: self.log_subscriber_drops.with_label_values(&[log]),
        }
    }

    /// Looks at what is not counted but read.
    pub(super) fn read(&self, shared: &Shared, process: &Process, cache: &CacheCounters) {
        let state = shared.state.load();
        let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
        self.certificate_seconds.set(state.tls.expires().saturating_sub(now));
        let places = &state.places;
        for (what, count) in [("place", places.waiting_for_place()), ("memory", places.waiting_for_room())] {
            set(&self.waiting.with_label_values(&[what]), count as u64);
        }
        set(&self.body_bytes, places.body_bytes() as u64);
        set(&self.body_limit, BODY_BYTES as u64);
        let health = state.keys.store().health();
        // A store that nobody looks after cannot be known to be down.
        let present = health.map_or("up", |health| match &*health.borrow() {
            Health::Up => "up",
            Health::Failing(_) => "failing",
            Health::Down(_) => "down",
        });
        for name in ["up", "failing", "down"] {
            self.store_state.with_label_values(&[name]).set(i64::from(name == present));
        }
        catch_up(&self.cache_hits, cache.hits());
        catch_up(&self.cache_misses, cache.misses());
        set(&self.cache_keys, state.keys.cache().len() as u64);
        set(&self.locked, process.locked);
        set(&self.unlocked_keys, memory_lock().unlocked_bytes as u64);
        set(&self.resident, process.resident);
        set(&self.descriptors, process.descriptors);
        let tasks = tokio::runtime::Handle::try_current().map_or(0, |runtime| runtime.metrics().num_alive_tasks());
        set(&self.tasks, tasks as u64);
    }
}

/// Raises a counter to what was counted elsewhere.
fn catch_up(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

/// Counts the calls to the key store.
#[derive(Debug)]
pub(super) struct StoreCalls {
    time: HistogramVec,
    errors: IntCounterVec,
}

impl Observer for StoreCalls {
    fn called(&self, operation: Operation, time: Duration, result: Result<(), &StoreError>) {
        let operation = match operation {
            Operation::Create => "create",
            Operation::Get => "get",
            Operation::Delete => "delete",
            Operation::List => "list",
            Operation::Status => "status",
        };
        self.time.with_label_values(&[operation]).observe(time.as_secs_f64());
        if let Err(error) = result {
            let kind = match error {
                StoreError::Unavailable(_) => "unavailable",
                StoreError::Busy { .. } => "busy",
                StoreError::Denied(_) => "denied",
                StoreError::Corrupt(_) => "corrupt",
                StoreError::Overloaded => "overloaded",
            };
            self.errors.with_label_values(&[operation, kind]).inc();
        }
    }
}
