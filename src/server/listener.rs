//! The accept loop: hands are shaken, and HTTP is spoken until the connection or the server ends.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::connection::{Activity, ConnectionLimits, Watched};
use super::handshake::{HandshakeError, shake_hands};
use super::peer::Peer;
use super::room::{Place, Room};
use super::service;
use super::state::Shared;

/// Most bytes of a request's head: 1 MiB and what the archived server allowed beyond it.
const MAX_HEADER_BYTES: usize = (1 << 20) + 4096;
const MAX_HEADER_LIST_BYTES: u32 = (1 << 20) + 320;
const WINDOW_BYTES: u32 = 1 << 20;

/// Most bytes of an HTTP/2 frame: the least that a server has to take, RFC 9113 §4.2. The HTTP library holds a frame until
/// its end has come, outside of every window, so that a client which does not finish occupies as much until it is idle.
const MAX_FRAME_BYTES: u32 = 16_384;

/// How long the loop rests after the system could not give it a connection, usually for want of descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// After this long without a byte the system asks whether the other end still lives.
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);

/// What bounds the connections.
#[derive(Clone, Copy, Debug)]
pub struct ListenerLimits {
    /// Connections at the same time. For a further one the one that has been idle the longest makes room; it waits
    /// while none is idle.
    pub connections: usize,
    /// Streams at the same time on one HTTP/2 connection.
    pub streams: u32,
    /// How long a connection may take.
    pub connection: ConnectionLimits,
}

/// What the server is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Connections are accepted.
    Serving,
    /// What is in flight may end; nothing new begins.
    Draining,
}

/// Accepts connections until `phase` says to drain, and then returns those that still live.
pub async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    limits: ListenerLimits,
    mut phase: watch::Receiver<Phase>,
) -> JoinSet<()> {
    keep_alive(&listener);
    let room = Room::new(limits.connections, shared.logs.clone());
    let mut connections = JoinSet::new();
    let mut draining = phase.clone();
    // It outlives the turns of the loop: a connection may wait in it.
    let mut arrival = pin!(room.next(&listener));
    loop {
        let accepted = tokio::select! {
            accepted = arrival.as_mut() => accepted,
            Some(_) = connections.join_next() => continue,
            () = shared.pulse.asked() => {
                shared.pulse.answer();
                continue;
            }
            _ = draining.wait_for(|phase| *phase == Phase::Draining) => return connections,
        };
        arrival.set(room.next(&listener));
        match accepted {
            Ok((stream, address, place)) => {
                let connection = connection(stream, address, place, Arc::clone(&shared), limits, phase.clone());
                // It has room for 10 KiB of state, and a task moves what it is made of a dozen times.
                connections.spawn(Box::pin(connection));
            }
            Err(error) => {
                tracing::warn!("http: accept error: {error}");
                let pause = tokio::time::sleep(ACCEPT_PAUSE);
                tokio::select! {
                    () = pause => {}
                    _ = phase.wait_for(|phase| *phase == Phase::Draining) => return connections,
                }
            }
        }
    }
}

/// Has the system ask whether the other ends of connections still live. On Linux a connection inherits that from the socket
/// on which it comes, so it need not be said of each. It only tunes; a socket that refuses it still works, and those that
/// came before have the idle timeout.
fn keep_alive(listener: &TcpListener) {
    let _ = sockopt::set_socket_keepalive(listener, true);
    let _ = sockopt::set_tcp_keepidle(listener, TCP_KEEPALIVE);
    let _ = sockopt::set_tcp_keepintvl(listener, TCP_KEEPALIVE);
}

async fn connection(
    stream: TcpStream,
    mut address: SocketAddr,
    place: Place,
    shared: Arc<Shared>,
    limits: ListenerLimits,
    mut phase: watch::Receiver<Phase>,
) {
    let _open = shared.metrics.connection();
    // It only tunes.
    let _ = stream.set_nodelay(true);
    let handshake = tokio::select! {
        handshake = timeout(limits.connection.handshake, shake_hands(stream, &mut address, &shared)) => handshake,
        _ = phase.wait_for(|phase| *phase == Phase::Draining) => return,
    };
    match handshake.unwrap_or(Err(HandshakeError::Late)) {
        Ok(Some(stream)) => http(stream, address, &place, shared, limits, phase).await,
        Ok(None) => {}
        Err(error) => {
            shared.metrics.handshake_failed();
            shared.logs.handshake_failed(error.level(), address, &error.to_string());
        }
    }
}

async fn http(
    stream: TlsStream<TcpStream>,
    address: SocketAddr,
    place: &Place,
    shared: Arc<Shared>,
    limits: ListenerLimits,
    phase: watch::Receiver<Phase>,
) {
    let tls = stream.get_ref().1;
    shared.metrics.handshake(tls);
    let peer = Arc::new(Peer::new(address, tls.peer_certificates().unwrap_or_default()));
    let is_http2 = tls.alpn_protocol() == Some(b"h2");
    let activity = Activity::new(limits.connection, is_http2);
    place.is_used_for(&activity);
    let socket = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
    let requests = Arc::clone(&activity);
    let service = service_fn(move |request: Request<Incoming>| {
        let in_flight = requests.begin();
        // The HTTP library moves it several times, over HTTP/2 on its way into and out of a task.
        let response = Box::pin(service::respond(Arc::clone(&shared), Arc::clone(&peer), request));
        response.map(|response| Ok::<_, Infallible>(response.map(|body| body.answering(in_flight))))
    });
    if is_http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_frame_size(MAX_FRAME_BYTES)
            .max_header_list_size(MAX_HEADER_LIST_BYTES)
            .serve_connection(socket, service);
        drive(connection, |connection| connection.graceful_shutdown(), &activity, phase).await;
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(socket, service);
        drive(connection, |connection| connection.graceful_shutdown(), &activity, phase).await;
    }
}

/// Lets a connection go on until the client ends it, it has had its time, or the server drains. In the last two cases
/// `say_goodbye` tells the client, and what is in flight may end. How a connection ends is the client's business, or was
/// answered already.
pub async fn drive<C: Future>(
    connection: C,
    say_goodbye: impl FnOnce(Pin<&mut C>),
    activity: &Activity,
    mut phase: watch::Receiver<Phase>,
) {
    let mut connection = pin!(connection);
    tokio::select! {
        // The limits look at what the connection has just done.
        biased;
        _ = connection.as_mut() => return,
        () = activity.expired() => activity.await_farewell(),
        _ = phase.wait_for(|phase| *phase == Phase::Draining) => {}
    }
    say_goodbye(connection.as_mut());
    tokio::select! {
        biased;
        _ = connection => {}
        () = activity.expired() => {}
    }
}
