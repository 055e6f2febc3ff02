//! Probes without TLS, over stores that fail.

use std::net::SocketAddr;
use std::time::Duration;

use kes::server::{ConnectionLimits, Health, Server};
use kes_keystores::fault::{Fault, FaultyStore, Operation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Build, Frozen, TestServer};

const LOCAL: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// More connections than probes are given at once.
const MANY: usize = 70;

async fn health(change: impl FnOnce(&mut ConnectionLimits)) -> Health {
    let mut limits = Build::default().limits.connection;
    change(&mut limits);
    Health::start(SocketAddr::from(LOCAL), limits).await.expect("a listener")
}

/// What comes back for these bytes until the connection ends.
async fn exchange(health: &Health, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(health.address()).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    // A connection that is cut has ended, too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("text")
}

/// Status and body of an answer.
async fn ask(health: &Health, method: &str, path: &str) -> String {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let answer = exchange(health, request.as_bytes()).await;
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or("none");
    let body = answer.split_once("\r\n\r\n").map_or("", |parts| parts.1);
    format!("{status} {}", body.replace('\n', "¶"))
}

#[tokio::test]
async fn readiness_follows_the_server_from_its_start_to_its_end() {
    let health = health(|_| {}).await;
    assert_eq!(ask(&health, "GET", "/ready").await, "503 {\"message\":\"the server is starting\"¶}");
    assert_eq!(ask(&health, "GET", "/healthz").await, "200 ");
    assert_eq!(ask(&health, "GET", "/metrics").await, "503 {\"message\":\"the server is starting\"¶}");
    // It need not run to be asked.
    let (settings, _) = Build::default().settings();
    let server = Server::start(SocketAddr::from(LOCAL), settings, FaultyStore::healthy()).await.expect("a server");
    health.follow(&server);
    assert_eq!(ask(&health, "GET", "/ready").await, "200 ");
    assert_eq!(ask(&health, "HEAD", "/ready").await, "200 ");
    assert!(ask(&health, "GET", "/metrics").await.starts_with("200 # HELP kes_cache_hits_total "));
    health.stopping();
    assert_eq!(ask(&health, "GET", "/ready").await, "503 {\"message\":\"the server is stopping\"¶}");
    assert_eq!(ask(&health, "GET", "/healthz").await, "200 ");
    let address = health.address();
    health.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn readiness_tells_what_the_key_store_is_like_and_never_waits_for_it() {
    let store = FaultyStore::healthy();
    let (health, _server) = TestServer::with_probes(Build::default().store(store.clone())).await;
    for (fault, answer) in [
        (Fault::Unavailable, "504 {\"message\":\"key store is not reachable\"¶}"),
        (Fault::Denied, "502 {\"message\":\"key store is unavailable\"¶}"),
        (Fault::Corrupt, "502 {\"message\":\"key store is unavailable\"¶}"),
        (Fault::Hang, "504 {\"message\":\"key store is not reachable\"¶}"),
    ] {
        store.always(Operation::Status, fault);
        assert_eq!(ask(&health, "GET", "/ready").await, answer);
        assert_eq!(ask(&health, "GET", "/healthz").await, "200 ");
    }
    store.heal();
    assert_eq!(ask(&health, "GET", "/ready").await, "200 ");
}

#[tokio::test]
async fn nothing_else_is_answered() {
    let (health, _server) = TestServer::with_probes(Build::default()).await;
    for path in ["/", "/v1/ready", "/v1/key/list/", "/ready/", "/healthz/x", "//ready"] {
        assert_eq!(ask(&health, "GET", path).await, "404 404 page not found¶", "{path}");
    }
    for method in ["PUT", "POST", "DELETE", "OPTIONS"] {
        let answer = ask(&health, method, "/ready").await;
        assert_eq!(answer, format!("405 {{\"message\":\"received method '{method}' expected 'GET'\"¶}}"));
    }
}

#[tokio::test]
async fn connections_that_say_nothing_or_too_much_are_closed() {
    let health = health(|limits| limits.header = Duration::from_millis(50)).await;
    assert_eq!(exchange(&health, b"").await, "");
    assert_eq!(exchange(&health, b"GET /healthz HTTP/1.1\r\nHost: h\r\n").await, "");
    let long = format!("GET /healthz HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert!(!exchange(&health, long.as_bytes()).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn those_who_say_nothing_keep_others_waiting_no_longer_than_the_time_of_a_head() {
    const HEADER: Duration = Duration::from_secs(1);
    let time = Frozen::begin();
    let health = health(|limits| limits.header = HEADER).await;
    let mut silent = Vec::new();
    for _ in 0..MANY {
        silent.push(TcpStream::connect(health.address()).await.expect("a connection"));
    }
    // Their time begins when they have a place, one after another.
    assert_eq!(time.within(HEADER * 2, ask(&health, "GET", "/healthz")).await, "200 ");
}

#[tokio::test]
async fn a_connection_serves_many_probes() {
    let health = health(|_| {}).await;
    let two = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\nGET /ready HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let answers = exchange(&health, two).await;
    assert!(answers.starts_with("HTTP/1.1 200 ") && answers.contains("HTTP/1.1 503 "), "{answers}");
}
