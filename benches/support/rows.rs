//! What is measured: ways to ask for data keys, each a row of the table.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::ValueEnum;
use kes_core::ApiKey;
use rustls::crypto::aws_lc_rs::kx_group::{X25519, X25519MLKEM768};
use tokio::task::JoinSet;

use super::Failure;
use super::client::{Connection, Connector, How};
use super::process::Process;
use super::usage::processor_time;

const PATH: &str = "/v1/key/generate/load";
const BODY: &[u8] = br#"{"context":"eyJidWNrZXQiOiJidWNrZXQvb2JqZWN0In0="}"#;

/// What goes before counting: caches, allocators and congestion windows find their size.
const WARM_UP: Duration = Duration::from_millis(500);

/// Who connects anew for each request does so this often at the same time, so that the server always has work.
const HANDSHAKES: usize = 8;

/// A way to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Row {
    /// HTTP/2, 4 connections with 16 streams each
    H2Many,
    /// HTTP/2, one request at a time
    H2One,
    /// HTTP/1.1, 32 connections
    H1Many,
    /// HTTP/1.1, one request at a time
    H1One,
    /// A new connection for each request, full handshake with X25519
    X25519,
    /// The same with X25519MLKEM768
    Mlkem,
    /// The same, with a resumed session
    Resumed,
}

impl Row {
    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::H2Many => "HTTP/2, 4 connections × 16 streams",
            Self::H2One => "HTTP/2, 1 × 1",
            Self::H1Many => "HTTP/1.1, 32 connections",
            Self::H1One => "HTTP/1.1, 1 connection",
            Self::X25519 => "new connection, X25519",
            Self::Mlkem => "new connection, X25519MLKEM768",
            Self::Resumed => "new connection, resumed",
        }
    }

    /// Whether there is one request at a time, so that its time says something.
    pub fn is_single(self) -> bool {
        matches!(self, Self::H2One | Self::H1One)
    }

    fn how(self) -> How {
        How {
            http2: matches!(self, Self::H2Many | Self::H2One),
            group: if self == Self::Mlkem { X25519MLKEM768 } else { X25519 },
            resume: self == Self::Resumed,
        }
    }

    /// Connections, and requests on each at the same time; `None`: a connection for each request.
    fn connections(self) -> Option<(usize, usize)> {
        match self {
            Self::H2Many => Some((4, 16)),
            Self::H1Many => Some((32, 1)),
            Self::H2One | Self::H1One => Some((1, 1)),
            Self::X25519 | Self::Mlkem | Self::Resumed => None,
        }
    }

    /// Asks `server` in this way for `duration`.
    pub async fn measure(self, server: &Process, key: &ApiKey, duration: Duration) -> Result<Figures, Failure> {
        let connector = Arc::new(Connector::new(&server.address, key, &self.how())?);
        let phase = Arc::new(AtomicU8::new(WARM));
        let mut tasks = JoinSet::new();
        match self.connections() {
            Some((connections, streams)) => {
                for _ in 0..connections {
                    let (connection, _) = connector.connect().await?;
                    for _ in 0..streams {
                        tasks.spawn(ask(connection.clone(), Arc::clone(&phase)));
                    }
                }
            }
            None => {
                for _ in 0..HANDSHAKES {
                    tasks.spawn(connect_and_ask(Arc::clone(&connector), self == Self::Resumed, Arc::clone(&phase)));
                }
            }
        }
        tokio::time::sleep(WARM_UP).await;
        let before = processor_time(server)?;
        phase.store(COUNT, Ordering::Relaxed);
        tokio::time::sleep(duration).await;
        phase.store(STOP, Ordering::Relaxed);
        let processor = processor_time(server)?.saturating_sub(before);
        let mut times = Vec::new();
        while let Some(told) = tasks.join_next().await {
            times.extend(told??);
        }
        times.sort_unstable();
        let p99 = times.get(times.len() * 99 / 100).copied().ok_or("nothing was answered")?;
        Ok(Figures { per_second: times.len() as f64 / processor.as_secs_f64(), p99: Duration::from_micros(p99.into()) })
    }
}

/// What a measurement showed.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Requests per second of the server's processor time.
    pub per_second: f64,
    /// The time that 99 of 100 requests stayed below.
    pub p99: Duration,
}

const WARM: u8 = 0;
const COUNT: u8 = 1;
const STOP: u8 = 2;

/// The times of the requests that count, in microseconds.
struct Times {
    phase: Arc<AtomicU8>,
    taken: Vec<u32>,
}

impl Times {
    fn new(phase: Arc<AtomicU8>) -> Self {
        Self { phase, taken: Vec::new() }
    }

    fn phase(&self) -> u8 {
        self.phase.load(Ordering::Relaxed)
    }

    fn note(&mut self, begin: Instant) {
        if self.phase() == COUNT {
            // More than an hour is no time that a request takes.
            self.taken.push(u32::try_from(begin.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }
}

async fn ask(connection: Connection, phase: Arc<AtomicU8>) -> Result<Vec<u32>, Failure> {
    let mut times = Times::new(phase);
    while times.phase() != STOP {
        let begin = Instant::now();
        request(&connection).await?;
        times.note(begin);
    }
    Ok(times.taken)
}

async fn connect_and_ask(
    connector: Arc<Connector>,
    must_resume: bool,
    phase: Arc<AtomicU8>,
) -> Result<Vec<u32>, Failure> {
    let mut times = Times::new(phase);
    while times.phase() != STOP {
        let begin = Instant::now();
        let (connection, resumed) = connector.connect().await?;
        if resumed != must_resume && times.phase() == COUNT {
            return Err("a session was resumed that should not be, or not where it should be".into());
        }
        request(&connection).await?;
        times.note(begin);
    }
    Ok(times.taken)
}

async fn request(connection: &Connection) -> Result<(), Failure> {
    let (status, _) = connection.put(PATH, Bytes::from_static(BODY)).await?;
    if status.is_success() { Ok(()) } else { Err(format!("the server answered {status}").into()) }
}
