//! `health.address`: a second listener without TLS, for probes and scrapers.
//!
//! | path | answer |
//! | --- | --- |
//! | `/healthz` | 200: the process lives and its runtime turns, whatever the key store does |
//! | `/ready` | as ready on the main listener (specification: `server-api.md` §15); 503 while the server starts and stops |
//! | `/metrics` | the extended metrics (`server-api.md` §13); 503 likewise |
//!
//! It listens before the key store is connected, so that a start that waits for the store looks like a start and not
//! like a dead process, and until the store is closed. No answer waits for the store for longer than [`READY_LIMIT`].
//! Nothing here tells anything of keys, policies or clients; whoever reaches the address may ask.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::connection::{Activity, ConnectionLimits, Watched};
use super::error::ApiError;
use super::handlers::status;
use super::listen;
use super::listener::{ACCEPT_PAUSE, Phase, drive};
use super::metrics::Format;
use super::reply::{self, Body};
use super::state::Shared;

/// Connections at the same time; further ones wait in the system's queue. They come out of the descriptors that the
/// main listener leaves to others.
const CONNECTIONS: usize = 64;

/// Longest idle time of a connection, whatever the main listener allows: places are few, and a new connection is cheap.
const MAX_IDLE: Duration = Duration::from_secs(10);

/// How long readiness may wait for the key store: supervisors give a probe one second by default.
const READY_LIMIT: Duration = Duration::from_millis(800);

/// Most bytes of a request's head.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// What there is to tell.
#[derive(Clone, Debug)]
enum Stage {
    Starting,
    Serving(Arc<Shared>),
    Stopping,
}

/// The second listener, which serves until it is [stopped](Health::stop) or dropped.
#[derive(Debug)]
pub struct Health {
    address: SocketAddr,
    stage: watch::Sender<Stage>,
    phase: watch::Sender<Phase>,
    serving: JoinHandle<()>,
}

impl Health {
    /// Listens and answers; the server is said to be starting. Needs a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(address: SocketAddr, limits: ConnectionLimits) -> io::Result<Self> {
        let listener = listen::bind(address).await?;
        let address = listener.local_addr()?;
        let stage = watch::Sender::new(Stage::Starting);
        let phase = watch::Sender::new(Phase::Serving);
        let asked = Arc::new(Asked { stage: stage.subscribe(), was_ready: AtomicBool::new(true) });
        let limits = ConnectionLimits { idle: limits.idle.min(MAX_IDLE), ..limits };
        let serving = tokio::spawn(serve(listener, asked, limits, phase.subscribe()));
        Ok(Self { address, stage, phase, serving })
    }

    /// The address that is listened on, with its real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on readiness is that of this server.
    pub fn follow(&self, server: &super::Server) {
        self.stage.send_replace(Stage::Serving(Arc::clone(&server.shared)));
    }

    /// The server takes no new requests any more.
    pub fn stopping(&self) {
        self.stage.send_replace(Stage::Stopping);
    }

    /// Ends the listener and its connections.
    pub async fn stop(mut self) {
        self.phase.send_replace(Phase::Draining);
        if timeout(READY_LIMIT, &mut self.serving).await.is_err() {
            self.serving.abort();
            let _ = (&mut self.serving).await;
        }
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What every connection shares.
#[derive(Debug)]
struct Asked {
    stage: watch::Receiver<Stage>,
    /// What was last told of the key store, to log changes alone: probes come every few seconds.
    was_ready: AtomicBool,
}

/// Accepts connections until `phase` says to drain; then those that live get their answers.
async fn serve(listener: TcpListener, asked: Arc<Asked>, limits: ConnectionLimits, mut phase: watch::Receiver<Phase>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut draining = phase.clone();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            Some(_) = connections.join_next() => continue,
            _ = draining.wait_for(|phase| *phase == Phase::Draining) => break,
        };
        match accepted {
            Ok((stream, _, place)) => {
                let connection = connection(stream, Arc::clone(&asked), limits, phase.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("health: accept error: {error}");
                let _ = timeout(ACCEPT_PAUSE, phase.wait_for(|phase| *phase == Phase::Draining)).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Waits for a place, and then for a connection to take it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, place))
}

async fn connection(stream: TcpStream, asked: Arc<Asked>, limits: ConnectionLimits, phase: watch::Receiver<Phase>) {
    // It only tunes; a socket that refuses it still works.
    let _ = stream.set_nodelay(true);
    let activity = Activity::new(limits, false);
    let socket = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
    let requests = Arc::clone(&activity);
    let service = service_fn(move |request: Request<Incoming>| {
        let (asked, in_flight) = (Arc::clone(&asked), requests.begin());
        async move {
            let response = asked.answer(request.method(), request.uri().path()).await;
            Ok::<_, Infallible>(response.map(|body| body.answering(in_flight)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(socket, service);
    drive(connection, |connection| connection.graceful_shutdown(), &activity, phase).await;
}

impl Asked {
    async fn answer(&self, method: &Method, path: &str) -> Response<Body> {
        let outcome = match path {
            _ if method != Method::GET && method != Method::HEAD => Err(ApiError::method(method, &Method::GET)),
            "/healthz" => Ok(reply::empty()),
            "/ready" => self.ready().await.map(|()| reply::empty()),
            "/metrics" => self.serving().map(|shared| reply::metrics(shared.metrics.render(Format::Extended, &shared))),
            _ => Ok(reply::not_found()),
        };
        outcome.unwrap_or_else(|error| reply::error(&error))
    }

    /// The server, if there is one to tell of.
    fn serving(&self) -> Result<Arc<Shared>, ApiError> {
        match &*self.stage.borrow() {
            Stage::Starting => Err(ApiError::not_serving("the server is starting")),
            Stage::Serving(shared) => Ok(Arc::clone(shared)),
            Stage::Stopping => Err(ApiError::not_serving("the server is stopping")),
        }
    }

    async fn ready(&self) -> Result<(), ApiError> {
        let shared = self.serving()?;
        let state = shared.state.load_full();
        let readiness = match timeout(READY_LIMIT, status::readiness(&state)).await {
            Ok(readiness) => readiness,
            Err(_) => Err(ApiError::not_ready_in_time(READY_LIMIT)),
        };
        let was_ready = self.was_ready.swap(readiness.is_ok(), Ordering::Relaxed);
        match &readiness {
            Ok(()) if !was_ready => tracing::info!("ready again"),
            Err(error) if was_ready => {
                tracing::warn!("not ready: {}", error.detail().map_or(error.message(), |(_, detail)| detail));
            }
            _ => {}
        }
        readiness
    }
}
