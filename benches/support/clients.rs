//! A steady load: some who use keys that the server has in memory, one after another, and one request after another for
//! keys that it has not, at a steady rate whatever becomes of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use kes_core::ApiKey;
use rustls::crypto::aws_lc_rs::kx_group::X25519;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Failure;
use super::client::{Connection, Connector, How};

/// Keys in use all the time, from `key-0` on; each has a user of its own.
pub const HOT: usize = 8;

/// The pause of a user of such a key between two requests.
const PAUSE: Duration = Duration::from_millis(4);

/// From one request for a key that is not in memory to the next.
pub const COLD_EVERY: Duration = Duration::from_millis(100);

/// A request, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Whether the key was in constant use before.
    pub hot: bool,
    pub begin: Instant,
    pub time: Duration,
    /// `None`: no answer.
    pub status: Option<StatusCode>,
}

/// The clients of one server.
pub struct Clients {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Result<Vec<Sample>, Failure>>,
}

impl Clients {
    /// Begins, when every key in constant use was used once.
    pub async fn start(address: &str, key: &ApiKey) -> Result<Self, Failure> {
        let connector = Connector::new(address, key, &How { http2: true, group: X25519, resume: false })?;
        let (connection, _) = connector.connect().await?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..HOT {
            let name = format!("key-{number}");
            let sealed = ciphertext(&connection, &name).await?;
            tasks.spawn(use_hot(connection.clone(), name, sealed, Arc::clone(&stop)));
        }
        tasks.spawn(use_cold(connector.connect().await?.0, Arc::clone(&stop)));
        Ok(Self { stop, tasks })
    }

    /// Ends, and tells of all requests, in no order.
    pub async fn finish(mut self) -> Result<Vec<Sample>, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let mut samples = Vec::new();
        while let Some(told) = self.tasks.join_next().await {
            samples.extend(told??);
        }
        Ok(samples)
    }
}

/// The body of a request to open what was sealed with this key.
async fn ciphertext(connection: &Connection, name: &str) -> Result<Bytes, Failure> {
    let body = format!(r#"{{"plaintext":"{}"}}"#, STANDARD.encode([7; 32]));
    let (status, answer) = connection.put(&format!("/v1/key/encrypt/{name}"), body.into()).await?;
    if status.is_success() { Ok(answer) } else { Err(format!("`{name}` cannot be used: {status}").into()) }
}

async fn use_hot(
    connection: Connection,
    name: String,
    sealed: Bytes,
    stop: Arc<AtomicBool>,
) -> Result<Vec<Sample>, Failure> {
    let path = format!("/v1/key/decrypt/{name}");
    let mut samples = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        samples.push(request(&connection, &path, sealed.clone(), true).await);
        sleep(PAUSE).await;
    }
    Ok(samples)
}

/// Each request is for another key, which nobody used before.
async fn use_cold(connection: Connection, stop: Arc<AtomicBool>) -> Result<Vec<Sample>, Failure> {
    let mut requests = JoinSet::new();
    let mut pace = interval(COLD_EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = HOT;
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        let (connection, path) = (connection.clone(), format!("/v1/key/generate/key-{number}"));
        requests.spawn(async move { request(&connection, &path, Bytes::from_static(b"{}"), false).await });
        number += 1;
    }
    Ok(requests.join_all().await)
}

async fn request(connection: &Connection, path: &str, body: Bytes, hot: bool) -> Sample {
    let begin = Instant::now();
    let status = connection.put(path, body).await.ok().map(|(status, _)| status);
    Sample { hot, begin, time: begin.elapsed(), status }
}
