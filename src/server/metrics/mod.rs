//! What the server counts, in Prometheus' text format.
//!
//! The families of `classic` are read by clients that fail on a surprise: they are to the letter, and each but the
//! three request counters has one sample. Everything of our own is in `extended`, which only those see who ask for it
//! (specification: `server-api.md` §13).
//!
//! Counting is adding to a number that was looked up before: no lock, no map for the usual statuses.

mod classic;
mod extended;
mod process;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use kes_keystores::Observer;
use prometheus::core::Collector;
use prometheus::{IntCounter, IntGauge, TextEncoder};
use rustls::{ProtocolVersion, ServerConnection};

use super::routes::ROUTES;
use super::state::Shared;
use crate::keys::CacheCounters;
use classic::Classic;
use extended::Extended;

pub use process::Process;

/// Which metrics are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Those that every client knows.
    Classic,
    /// These and ours.
    Extended,
}

/// All counters. Clones count together; they outlive every state of the server.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    classic: Classic,
    extended: Extended,
    cache: Arc<CacheCounters>,
    /// One exposition is made at a time: what is read for it must not change while it is written.
    rendering: Mutex<()>,
}

impl Metrics {
    /// A request of `ROUTES[route]` is being answered, as long as the result lives.
    #[must_use]
    pub(super) fn begin(&self, route: usize) -> Active {
        let counted = ROUTES[route].is_counted().then(|| Up::new(&self.0.classic.active));
        Active { _counted: counted, _any: Up::new(&self.0.extended.in_flight) }
    }

    /// A request of `ROUTES[route]` was answered with the status `code`, after `time`.
    pub(super) fn answered(&self, route: usize, code: u16, time: Duration) {
        if ROUTES[route].is_counted() {
            self.0.classic.answered(code, time);
        }
        self.0.extended.answered(route, code, time);
    }

    /// A connection is open, as long as the result lives.
    #[must_use]
    pub(super) fn connection(&self) -> Up {
        Up::new(&self.0.extended.connections)
    }

    /// A handshake succeeded.
    pub(super) fn handshake(&self, connection: &ServerConnection) {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            Some(ProtocolVersion::TLSv1_2) => "1.2",
            _ => "unknown",
        };
        // A session that is resumed in TLS 1.2 agrees on no group anew.
        let group = connection.negotiated_key_exchange_group().map(|group| group.name());
        let group = group.and_then(|group| group.as_str()).unwrap_or("none");
        self.0.extended.handshakes.with_label_values(&[version, group]).inc();
    }

    /// A handshake failed.
    pub(super) fn handshake_failed(&self) {
        self.0.extended.handshake_failures.inc();
    }

    /// What counts hits and misses of the cache.
    #[must_use]
    pub fn cache(&self) -> Arc<CacheCounters> {
        Arc::clone(&self.0.cache)
    }

    /// What counts the calls to the key store.
    #[must_use]
    pub fn store_observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.0.extended.store) as _
    }

    /// What counts the events of the error log.
    #[must_use]
    pub fn error_log(&self) -> LogCounters {
        self.0.extended.log("error", self.0.classic.error_events.clone())
    }

    /// What counts the events of the audit log.
    #[must_use]
    pub fn audit_log(&self) -> LogCounters {
        self.0.extended.log("audit", self.0.classic.audit_events.clone())
    }

    /// The exposition.
    pub(super) fn render(&self, format: Format, shared: &Shared) -> String {
        let _turn = self.0.rendering.lock().unwrap_or_else(PoisonError::into_inner);
        let process = Process::read();
        self.0.classic.read(shared, &process);
        let mut families = self.0.classic.registry.gather();
        if format == Format::Extended {
            self.0.extended.read(shared, &process, &self.0.cache);
            families.extend(self.0.extended.registry.gather());
            families.sort_by(|a, b| a.name().cmp(b.name()));
        }
        TextEncoder::new()
            .encode_to_string(&families)
            .expect("every family has samples, and text does not fail to be written")
    }
}

/// Counts the events of one log, and what did not get through.
#[derive(Clone, Debug)]
pub struct LogCounters {
    /// Events that some sink wanted, each once.
    pub events: IntCounter,
    /// Events that the console did not take in time.
    pub console_drops: IntCounter,
    /// Events that the file did not take in time, or not at all.
    pub file_drops: IntCounter,
    /// Clients that follow the log.
    pub subscribers: IntGauge,
    /// Clients that were dropped because they did not keep up.
    pub subscriber_drops: IntCounter,
}

/// A gauge that is one higher as long as this lives.
#[derive(Debug)]
pub struct Up(IntGauge);

impl Up {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Active {
    _counted: Option<Up>,
    _any: Up,
}

/// The statuses that our answers have; further ones cost a look into a map.
const USUAL: [u16; 14] = [200, 400, 403, 404, 405, 406, 408, 499, 500, 501, 502, 503, 504, 301];

/// One metric for each status, looked up once.
#[derive(Debug)]
struct PerStatus<M>([OnceLock<M>; USUAL.len()]);

impl<M> Default for PerStatus<M> {
    fn default() -> Self {
        Self([const { OnceLock::new() }; USUAL.len()])
    }
}

impl<M> PerStatus<M> {
    /// Applies `count` to the metric of `code`. Only a status that was seen has a metric, and so a sample.
    fn with(&self, code: u16, look_up: impl FnOnce(&str) -> M, count: impl FnOnce(&M)) {
        match USUAL.iter().position(|usual| *usual == code) {
            Some(index) => count(self.0[index].get_or_init(|| look_up(&code.to_string()))),
            None => count(&look_up(&code.to_string())),
        }
    }
}

/// A registry's metric: made with names that are constants here, so that it cannot fail.
fn registered<C: Collector + Clone + 'static>(registry: &prometheus::Registry, made: prometheus::Result<C>) -> C {
    let metric = made.expect("the name and labels are constants");
    registry.register(Box::new(metric.clone())).expect("no two metrics have one name");
    metric
}

/// Sets a gauge to a count.
fn set(gauge: &IntGauge, count: u64) {
    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
}
