//! Carries a request to one of the servers and brings the answer back: repetition, parking, limits.
//!
//! The rules are those of the crate's documentation. A body is handed over whole for each attempt: official clients of
//! some releases repeat a request with an empty body, and a server that took it for "no context" would return a data key
//! that nobody can open (specification: `clients.md` §1.5).

mod attempt;
mod parking;

pub(crate) use attempt::next_chunk;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use kes_core::SecretBytes;
use tokio::sync::OnceCell;

use crate::endpoint::{Distance, Endpoint, Networks};
use crate::error::Error;
use parking::Parking;

/// Further attempts at one server after the first.
const RETRIES: u32 = 2;

/// `Retry-After` is honoured up to this time.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5);

/// A request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path from the first `/` on, percent-encoded.
    pub(crate) path: String,
    /// JSON.
    pub(crate) body: Option<Arc<SecretBytes>>,
    /// Whether carrying it out twice does no harm.
    pub(crate) repeatable: bool,
    /// Whether the body of a success is left for the caller to read as it comes.
    pub(crate) streamed: bool,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) endpoint: String,
    pub(crate) status: u16,
    pub(crate) is_json: bool,
    /// Empty if it is left in `stream`.
    pub(crate) body: SecretBytes,
    pub(crate) stream: Option<reqwest::Response>,
    /// What the server's clock said, as it wrote it.
    pub(crate) date: Option<String>,
    retry_after: Option<Duration>,
}

impl Answer {
    /// Whether the server itself is in trouble, so that another may do better. 501 is about the request.
    fn is_failure(&self) -> bool {
        self.status >= 500 && self.status != 501
    }
}

/// How long to wait when something failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pauses {
    pub(crate) least: Duration,
    pub(crate) spread: Duration,
    pub(crate) park: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { least: Duration::from_millis(200), spread: Duration::from_millis(800), park: Duration::from_secs(30) }
    }
}

impl Pauses {
    /// How long to wait before the next attempt; `chance` is 0 to 1.
    fn before_retry(&self, retry_after: Option<Duration>, chance: f64) -> Duration {
        let pause = self.least + self.spread.mul_f64(chance);
        pause.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))
    }
}

/// A server, with a connection pool of its own.
#[derive(Debug)]
pub(crate) struct Server {
    endpoint: Endpoint,
    http: reqwest::Client,
    parking: Parking,
}

impl Server {
    pub(crate) fn new(endpoint: Endpoint, http: reqwest::Client) -> Self {
        Self { endpoint, http, parking: Parking::default() }
    }
}

/// All servers.
#[derive(Debug)]
pub(crate) struct Transport {
    servers: Vec<Server>,
    /// Indices of `servers`, the nearest first, and whether the first is on this machine. Found out at the first call.
    order: OnceCell<(Vec<usize>, bool)>,
    pauses: Pauses,
}

impl Transport {
    pub(crate) fn new(servers: Vec<Server>, pauses: Pauses) -> Self {
        Self { servers, order: OnceCell::new(), pauses }
    }

    /// The servers as configured.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.servers.iter().map(|server| &server.endpoint)
    }

    /// The answer of some server, whatever its status, within `limit` if there is one.
    pub(crate) async fn send(&self, call: &Call, limit: Option<Duration>) -> Result<Answer, Error> {
        match limit {
            None => self.send_unlimited(call).await,
            Some(limit) => tokio::time::timeout(limit, self.send_unlimited(call))
                .await
                .unwrap_or_else(|_| Err(Error::Timeout { limit })),
        }
    }

    /// Asks one server after the other until an answer is final. Those that are left alone have their turn at the end.
    async fn send_unlimited(&self, call: &Call) -> Result<Answer, Error> {
        if let [server] = self.servers.as_slice() {
            return self.ask(server, call).await;
        }
        let mut queue: VecDeque<_> =
            self.order().await.into_iter().map(|index| (&self.servers[index], false)).collect();
        let mut last = None;
        while let Some((server, has_waited)) = queue.pop_front() {
            if !has_waited && !server.parking.admits(self.pauses.park) {
                queue.push_back((server, true));
                continue;
            }
            let result = self.ask(server, call).await;
            let works = matches!(&result, Ok(answer) if !answer.is_failure());
            server.parking.note(works, self.pauses.park);
            if works || !may_repeat(&result, call) {
                return result;
            }
            last = Some(result);
        }
        last.expect("there are servers, and each was asked")
    }

    /// Asks one server, several times if need be.
    async fn ask(&self, server: &Server, call: &Call) -> Result<Answer, Error> {
        let mut retries = 0;
        loop {
            let result = attempt::once(&server.http, &server.endpoint, call).await;
            let retry_after = match &result {
                Ok(answer) if answer.status == 503 => answer.retry_after,
                Err(Error::Connect { .. } | Error::Interrupted { .. }) if may_repeat(&result, call) => None,
                _ => return result,
            };
            if retries == RETRIES {
                return result;
            }
            retries += 1;
            tokio::time::sleep(self.pauses.before_retry(retry_after, chance())).await;
        }
    }

    /// In which order to ask: a server on this machine, then all from a random position on, each once.
    async fn order(&self) -> Vec<usize> {
        let (nearest_first, starts_here) = self.order.get_or_init(|| self.find_order()).await;
        let mut order = nearest_first.clone();
        let rest = &mut order[usize::from(*starts_here)..];
        // The fraction is below one, and a count of servers is exact in a float.
        let start = (chance() * rest.len() as f64) as usize;
        rest.rotate_left(start.min(rest.len()));
        order
    }

    async fn find_order(&self) -> (Vec<usize>, bool) {
        let networks = Networks::of_this_machine();
        let mut distances = Vec::with_capacity(self.servers.len());
        for (index, endpoint) in self.endpoints().enumerate() {
            distances.push((endpoint.distance(&networks).await, index));
        }
        distances.sort_unstable();
        let starts_here = distances.first().is_some_and(|nearest| nearest.0 == Distance::ThisMachine);
        (distances.into_iter().map(|(_, index)| index).collect(), starts_here)
    }
}

/// Whether another attempt, at this or another server, can do no harm.
fn may_repeat(result: &Result<Answer, Error>, call: &Call) -> bool {
    match result {
        Ok(answer) => answer.status == 503 || call.repeatable,
        Err(
            Error::Connect { .. }
            | Error::Untrusted { .. }
            | Error::Tls { .. }
            | Error::ClientCertificateRejected { .. },
        ) => true,
        Err(_) => call.repeatable,
    }
}

/// A random number from 0 to below 1. If the system has no randomness, connections fail; a pause need not.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    f64::from(u32::from_ne_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_lie_between_200_and_1000_ms_and_follow_the_server_up_to_five_seconds() {
        let pauses = Pauses::default();
        assert_eq!(pauses.before_retry(None, 0.0), Duration::from_millis(200));
        assert_eq!(pauses.before_retry(None, 1.0), Duration::from_millis(1000));
        assert_eq!(pauses.before_retry(Some(Duration::from_secs(2)), 0.5), Duration::from_secs(2));
        assert_eq!(pauses.before_retry(Some(Duration::from_secs(3600)), 0.5), MAX_RETRY_AFTER);
        assert_eq!(pauses.before_retry(Some(Duration::ZERO), 0.0), Duration::from_millis(200));
        assert!((0.0..1.0).contains(&chance()));
    }
}
