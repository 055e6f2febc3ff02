//! How the server stops (`server-api.md` §1.6): what runs may end, nothing new begins, and nothing holds it up for ever.

use std::sync::Arc;
use std::time::Duration;

use h2::client::Builder;
use http::Method;
use kes_keystores::fault::{Fault, FaultyStore, Operation};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http2;
use crate::support::{Build, Raw, TestServer, beside, get};

/// How long a wait may take before a test fails. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server whose creates hang in the store, with this much grace.
async fn hanging(grace: Duration) -> (TestServer, Arc<FaultyStore>) {
    let store = FaultyStore::healthy();
    store.always(Operation::Create, Fault::Hang);
    let build = Build { grace, ..Build::default() };
    (TestServer::with(build.store(store.clone())).await, store)
}

/// Waits until nobody listens any more.
async fn until_refused(server: &TestServer) {
    let refused = async {
        while let Ok(stream) = TcpStream::connect(server.address).await {
            // Accepted by the system just before: it ends without a word.
            let _ = stream.readable().await;
        }
    };
    timeout(PATIENCE, refused).await.expect("the server stops to listen");
}

#[tokio::test]
async fn requests_in_flight_end_before_the_server_does() {
    let (mut server, store) = hanging(PATIENCE).await;
    let mut over_http1 = Raw::open(&server.admin()).await;
    over_http1.send("PUT /v1/key/create/one HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
    let mut over_http2 = server.admin().http2().connect().await.expect("a connection");
    let answer = beside(async move { over_http2.send(Method::PUT, "/v1/key/create/two", "").await });
    store.until_called(Operation::Create, 2).await;

    server.begin_stop();
    until_refused(&server).await;
    assert_eq!((store.running(), store.is_closed()), (2, false));
    store.release();
    let first = over_http1.answer().await;
    assert_eq!((first.line().as_str(), first.header("connection")), ("200", Some("close")));
    assert_eq!(over_http1.rest().await, "");
    assert_eq!(answer.await.expect("no panic").expect("an answer").line(), "200");
    timeout(PATIENCE, server.stopped()).await.expect("it stops");
    assert!(store.is_closed());
}

#[tokio::test]
async fn idle_connections_end_at_once() {
    let (mut server, store) = hanging(Duration::from_secs(3600)).await;
    let mut used = Raw::open(&server.admin()).await;
    assert_eq!(used.exchange(get("/version")).await.status, 200);
    let unused = Raw::open(&server.admin()).await;
    let unheard = TcpStream::connect(server.address).await.expect("a connection");
    let (mut requests, ended) = http2::open(&server.admin(), &Builder::new()).await;
    assert_eq!(http2::get(&mut requests, "/version").await.expect("an answer").status(), 200);

    server.begin_stop();
    assert_eq!(used.rest().await, "");
    assert_eq!(unused.rest().await, "");
    let ended = timeout(PATIENCE, ended).await.expect("the connection ends").expect("no panic");
    ended.expect("with a goodbye");
    timeout(PATIENCE, server.stopped()).await.expect("it stops");
    assert!(store.is_closed());
    drop(unheard);
}

/// GOAWAY: what runs goes on, what comes later is refused and may be sent elsewhere.
#[tokio::test]
async fn an_http_2_connection_takes_no_new_request_while_old_ones_end() {
    let (mut server, store) = hanging(PATIENCE).await;
    let (mut requests, ended) = http2::open(&server.admin(), &Builder::new()).await;
    let running = beside({
        let mut requests = requests.clone();
        async move { http2::put(&mut requests, "/v1/key/create/my-key").await }
    });
    store.until_called(Operation::Create, 1).await;
    server.begin_stop();
    let refused = async { while http2::get(&mut requests, "/version").await.is_ok() {} };
    timeout(PATIENCE, refused).await.expect("new requests are refused");
    store.release();
    assert_eq!(running.await.expect("no panic").expect("an answer").status(), 200);
    ended.await.expect("no panic").expect("an orderly end");
    timeout(PATIENCE, server.stopped()).await.expect("it stops");
}

/// A store that never answers keeps nobody, over neither protocol.
#[tokio::test]
async fn grace_is_bounded() {
    let (mut server, store) = hanging(Duration::from_millis(200)).await;
    store.always(Operation::List, Fault::Hang);
    for (index, client) in server.admin().over_both().into_iter().enumerate() {
        beside(async move {
            let mut connection = client.connect().await.expect("a connection");
            // Whether there is an answer is not the matter here.
            let _ = connection.send(Method::GET, "/v1/key/list", "").await;
        });
        store.until_called(Operation::List, index + 1).await;
    }
    server.begin_stop();
    timeout(PATIENCE, server.stopped()).await.expect("it stops");
    assert!(store.is_closed());
    timeout(PATIENCE, store.until_idle()).await.expect("the requests are over");
}

#[tokio::test]
async fn a_cut_ends_the_waiting() {
    let (mut server, store) = hanging(Duration::from_secs(3600)).await;
    let mut raw = Raw::open(&server.admin()).await;
    raw.send("PUT /v1/key/create/my-key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
    store.until_called(Operation::Create, 1).await;
    server.begin_stop();
    until_refused(&server).await;
    assert_eq!(store.running(), 1);
    server.cut();
    timeout(PATIENCE, server.stopped()).await.expect("it stops");
    assert_eq!(raw.rest().await, "");
    assert!(store.is_closed());
}

/// A handshake that was begun is nothing that could end well any more.
#[tokio::test]
async fn clients_that_say_nothing_do_not_hold_up_the_end() {
    let build = Build { grace: Duration::from_secs(3600), ..Build::default() };
    let long = build.connection(|limits| (limits.handshake, limits.header) = (PATIENCE * 100, PATIENCE * 100));
    let mut server = TestServer::with(long).await;
    let _unheard = TcpStream::connect(server.address).await.expect("a connection");
    let silent = server.admin().http2().tls().await.expect("a connection");
    assert_eq!(server.admin().get("/version").await.status, 200, "all of them were accepted");
    server.begin_stop();
    drop(silent);
    timeout(PATIENCE, server.stopped()).await.expect("it stops");
}
