//! A request and its answer as a pair: what is counted and recorded of it, whatever becomes of it.

use http::Method;
use tokio::time::Instant;

use super::error;
use super::log::{AuditEvent, What};
use super::metrics::Active;
use super::path::DecodedPath;
use super::peer::Peer;
use super::routes::{Endpoint, ROUTES};
use super::state::Shared;

/// A request that found its route and has no answer yet. If it never gets one, because its client has left, that counts
/// as its answer: nobody gets around the record by leaving early.
#[derive(Debug)]
pub struct Exchange<'a> {
    shared: &'a Shared,
    peer: &'a Peer,
    method: &'a Method,
    path: &'a DecodedPath,
    argument: &'a str,
    route: usize,
    arrived: Instant,
    is_answered: bool,
    _active: Active,
}

impl<'a> Exchange<'a> {
    /// A request to `ROUTES[route]` has arrived.
    pub fn begin(
        shared: &'a Shared,
        peer: &'a Peer,
        method: &'a Method,
        path: &'a DecodedPath,
        (route, argument): (usize, &'a str),
    ) -> Self {
        let active = shared.metrics.begin(route);
        let arrived = Instant::now();
        Self { shared, peer, method, path, argument, route, arrived, is_answered: false, _active: active }
    }

    /// The answer stands: it has the status `code`.
    pub fn answered(mut self, code: u16) {
        self.is_answered = true;
        self.record(code);
    }

    fn record(&self, code: u16) {
        let time = self.arrived.elapsed();
        self.shared.metrics.answered(self.route, code, time);
        let route = &ROUTES[self.route];
        if !route.is_audited() {
            return;
        }
        let what = match route.endpoint {
            Endpoint::KeyCreate | Endpoint::KeyImport if code == 200 => Some(What::Created(self.argument)),
            Endpoint::KeyDelete if code == 200 => Some(What::Deleted(self.argument)),
            _ => None,
        };
        self.shared.logs.audit(&AuditEvent {
            method: self.method.as_str(),
            path: self.path.as_str(),
            ip: self.peer.ip(),
            identity: self.peer.presented_identity().map_or("", |identity| identity.as_str()),
            code,
            time,
            what,
        });
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.record(error::CLIENT_LEFT);
        }
    }
}
