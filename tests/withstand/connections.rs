//! Many connections: that stay and do nothing, and that come and go at once.

use std::time::{Duration, Instant};

use http::Method;
use rustix::net::sockopt::set_socket_linger;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::server::{MIB, Server};
use crate::support::frames::{Frames, put};
use crate::support::{Client, Raw, get};

/// Raises the limit of open files of this process as far as it goes.
fn with_open_files(wanted: u64) {
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }).expect("the limit can be raised");
    let most = files.maximum.unwrap_or(u64::MAX);
    assert!(most >= wanted, "this test needs {wanted} open files and may have {most}; hint: raise `ulimit -Hn`");
}

/// A connection on which nothing happens any more.
#[allow(dead_code, reason = "they are only held open")]
enum Idle {
    Http1(Raw),
    Http2(Frames),
}

async fn idle(client: &Client, index: usize) -> Idle {
    if index.is_multiple_of(4) {
        return Idle::Http2(Frames::open(client).await);
    }
    let mut raw = Raw::open(client).await;
    assert_eq!(raw.exchange(get("/version")).await.status, 200);
    Idle::Http1(raw)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_take_little_memory_and_nobody_waits_for_them() {
    const CONNECTIONS: u64 = 10_000;
    const AT_ONCE: u64 = 8;
    /// Of the server. Most of it is TLS, and the buffers of HTTP.
    const BYTES_OF_EACH: u64 = 64 * 1024;
    const REQUESTS: u32 = 200;
    /// On average, on a machine that is busy with other tests.
    const QUICK: Duration = Duration::from_millis(100);

    with_open_files(CONNECTIONS + 1000);
    let server = Server::start("limits: {idle_timeout: 1h}\n");
    let admin = server.admin();
    admin.create("my-key").await;
    let before = server.account_with(1).await;
    let mut opening = JoinSet::new();
    for _ in 0..AT_ONCE {
        let client = admin.clone();
        opening.spawn(async move {
            let mut open = Vec::new();
            for index in 0..CONNECTIONS / AT_ONCE {
                open.push(idle(&client, index as usize).await);
            }
            open
        });
    }
    let open = opening.join_all().await;
    let during = server.account_with(CONNECTIONS + 1).await;
    assert_eq!(during.connections, CONNECTIONS + 1, "none was cut");
    let bytes = (during.resident_bytes - before.resident_bytes) / CONNECTIONS;
    println!("{bytes} bytes for each connection");
    assert!(bytes <= BYTES_OF_EACH, "{bytes} bytes for each connection");

    let begin = Instant::now();
    let mut connection = admin.connect().await.expect("a connection");
    for _ in 0..REQUESTS {
        let answer = connection.send(Method::PUT, "/v1/key/generate/my-key", "").await.expect("an answer");
        assert_eq!(answer.status, 200);
    }
    let each = begin.elapsed() / REQUESTS;
    assert!(each < QUICK, "{each:?} for each answer");
    drop((connection, open));
    let after = server.account_with(1).await;
    assert!(after.is_no_more_than(&before, CONNECTIONS * BYTES_OF_EACH), "{before:?} before, {after:?} after");
}

/// How far a client comes before it resets the connection.
const STAGES: usize = 6;

async fn come_and_go(client: &Client, address: std::net::SocketAddr, stage: usize) {
    let reset = |socket: &TcpStream| set_socket_linger(socket, Some(Duration::ZERO)).expect("an option");
    match stage % STAGES {
        // Before the handshake, or in it.
        stage @ 0..3 => {
            let mut socket = TcpStream::connect(address).await.expect("a connection");
            reset(&socket);
            let beginning: &[u8] = [b"".as_slice(), b"\x16\x03\x01\x02\x00\x01", b"GET / HT"][stage];
            // Whether the server still takes it is all the same.
            let _ = socket.write_all(beginning).await;
        }
        // After it, in a request and over HTTP/2.
        3 => reset(client.tls().await.expect("a connection").get_ref().0),
        4 => {
            let mut stream = client.tls().await.expect("a connection");
            reset(stream.get_ref().0);
            let _ = stream
                .write_all(b"PUT /v1/key/generate/my-key HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{")
                .await;
            let _ = stream.flush().await;
        }
        _ => {
            let mut frames = Frames::open(client).await;
            reset(frames.socket());
            frames.send(put(1, "/v1/key/generate/my-key", &[], false)).await;
        }
    }
}

/// Two hundred in a second for six seconds, or all of them as fast as it goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_reset_at_once_leave_nothing_behind() {
    const WARM_UP: usize = 240;
    const CONNECTIONS: usize = 1_200;
    const AT_ONCE: usize = 4;
    let server = Server::start("");
    let (admin, address) = (server.admin(), server.program.address());
    admin.create("my-key").await;
    let storm = async |connections: usize| {
        let mut clients = JoinSet::new();
        for _ in 0..AT_ONCE {
            let client = admin.clone();
            clients.spawn(async move {
                for stage in 0..connections / AT_ONCE {
                    come_and_go(&client, address, stage).await;
                }
            });
        }
        clients.join_all().await;
    };
    server.unnoticed(storm(WARM_UP)).await;
    let before = server.account_with(1).await;
    let lines = server.program.stderr.text().lines().count();
    server.unnoticed(storm(CONNECTIONS)).await;
    let after = server.account_with(1).await;
    assert!(after.is_no_more_than(&before, 8 * MIB), "{before:?} before, {after:?} after");
    let said = server.program.stderr.text();
    let more = said.lines().count() - lines;
    assert!(more <= 10, "{more} lines, such as {:?}", said.lines().last());
}
