//! Many requests at once: nobody is refused, and the store is spared.

use std::collections::HashMap;
use std::time::Duration;

use http::Method;
use kes_keystores::fault::{Fault, FaultyStore, Operation};

use crate::support::{Build, Client, Connection, Raw, TestServer, beside, error, get};

const CONNECTIONS: usize = 8;
const REQUESTS: usize = 2000;

/// Sends `count` requests at once, over a few HTTP/2 connections, and says how often each line was the answer.
async fn at_once(client: &Client, count: usize, request: impl Fn(usize) -> (Method, String)) -> HashMap<String, usize> {
    let mut senders = Vec::new();
    for _ in 0..CONNECTIONS {
        let Connection::Http2(sender) = client.clone().http2().connect().await.expect("a connection") else {
            panic!("HTTP/2 was asked for");
        };
        senders.push(sender);
    }
    let answers: Vec<_> = (0..count)
        .map(|index| {
            let (method, path) = request(index);
            let mut connection = Connection::Http2(senders[index % CONNECTIONS].clone());
            beside(async move { connection.send(method, &path, "").await.expect("an answer") })
        })
        .collect();
    let mut lines = HashMap::new();
    for answer in answers {
        let answer = answer.await.expect("it ends");
        // Of data keys, that there is one.
        let line = if answer.status == 200 && !answer.body.is_empty() { "200 …".to_owned() } else { answer.line() };
        *lines.entry(line).or_default() += 1;
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_requests_for_one_key_read_it_once() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let admin = server.admin();
    admin.create("my-key").await;
    for _ in 0..2 {
        let lines = at_once(&admin, REQUESTS, |_| (Method::PUT, "/v1/key/generate/my-key".to_owned())).await;
        assert_eq!(lines, HashMap::from([("200 …".to_owned(), REQUESTS)]));
        assert_eq!(store.calls(Operation::Get), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_wait_for_one_key_share_what_becomes_of_it() {
    let store = FaultyStore::healthy();
    store.always(Operation::Get, Fault::Hang);
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let admin = server.admin();
    let waiting = beside({
        let admin = admin.clone();
        async move { at_once(&admin, 200, |_| (Method::GET, "/v1/key/describe/nope".to_owned())).await }
    });
    store.until_called(Operation::Get, 1).await;
    // A request that is answered came after those 200 on their way, or is one of them: what counts is below.
    store.heal();
    store.release();
    let lines = waiting.await.expect("they end");
    assert_eq!(lines, HashMap::from([(error(404, "key does not exist"), 200)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_places_wait_and_none_is_refused() {
    let store = FaultyStore::healthy();
    store.always(Operation::Get, Fault::Hang);
    let build = Build { requests: 4, ..Build::default() };
    let server = TestServer::with(build.store(store.clone())).await;
    let admin = server.admin();
    let waiting =
        beside(
            async move { at_once(&admin, 40, |index| (Method::GET, format!("/v1/key/describe/key-{index}"))).await },
        );
    for calls in (4..=40).step_by(4) {
        store.until_called(Operation::Get, calls).await;
        store.release();
    }
    assert_eq!(waiting.await.expect("they end"), HashMap::from([(error(404, "key does not exist"), 40)]));
    assert_eq!((store.calls(Operation::Get), store.most_running()), (40, 4));
}

/// Waiting for a place takes of the time that the request has.
#[tokio::test]
async fn a_request_waits_for_a_place_as_long_as_its_route_has_time() {
    let store = FaultyStore::healthy();
    store.always(Operation::Get, Fault::Hang);
    let build = Build { requests: 1, ..Build::default() };
    let build = build.timeout("/v1/ready", Duration::from_millis(100));
    let server = TestServer::with(build.store(store.clone())).await;
    let admin = server.admin();
    let first = beside({
        let admin = admin.clone();
        async move { admin.get("/v1/key/describe/x").await.line() }
    });
    store.until_called(Operation::Get, 1).await;
    assert_eq!(admin.get("/v1/ready").await.line(), error(504, "request timed out"));
    store.release();
    assert_eq!(first.await.expect("it ends"), error(404, "key does not exist"));
    assert_eq!(admin.get("/v1/ready").await.line(), "200");
}

/// A client that leaves gives its place back.
#[tokio::test]
async fn a_client_that_leaves_takes_no_place_with_it() {
    let store = FaultyStore::healthy();
    store.always(Operation::Get, Fault::Hang);
    let server = TestServer::with(Build { requests: 1, ..Build::default() }.store(store.clone())).await;
    let admin = server.admin();
    let mut connection = Raw::open(&admin).await;
    connection.send(get("/v1/key/describe/a")).await;
    store.until_called(Operation::Get, 1).await;
    drop(connection);
    assert_eq!(admin.get("/v1/ready").await.line(), "200", "HTTP/1.1 ended with the connection");

    let mut connection = admin.clone().http2().connect().await.expect("a connection");
    let leaving = beside(async move { connection.send(Method::GET, "/v1/key/describe/b", "").await.map(drop) });
    store.until_called(Operation::Get, 2).await;
    leaving.abort();
    assert_eq!(admin.get("/v1/ready").await.line(), "200", "HTTP/2 ended with the stream");
}

/// Nobody else can fill the places, and a client that is refused all day costs nothing.
#[tokio::test]
async fn only_who_was_let_in_waits_for_a_place() {
    let store = FaultyStore::healthy();
    store.always(Operation::Get, Fault::Hang);
    let build = Build { requests: 1, skip_auth: vec!["/v1/ready"], ..Build::default() };
    let server = TestServer::with(build.store(store.clone())).await;
    let admin = server.admin();
    let first = beside({
        let admin = admin.clone();
        async move { admin.get("/v1/key/describe/x").await.line() }
    });
    store.until_called(Operation::Get, 1).await;
    let user = server.user();
    assert_eq!(user.get("/v1/key/describe/x").await.line(), error(403, "not authorized: insufficient permissions"));
    assert_eq!(user.get("/version").await.status, 200);
    assert_eq!(user.get("/v1/ready").await.line(), "200");
    store.release();
    assert_eq!(first.await.expect("it ends"), error(404, "key does not exist"));
}

/// Otherwise a few connections that send slowly would keep everybody else waiting.
#[tokio::test]
async fn a_body_that_is_still_coming_holds_no_place() {
    let server = TestServer::with(Build { requests: 1, ..Build::default() }).await;
    let admin = server.admin();
    admin.create("my-key").await;
    let mut slow = Raw::open(&admin).await;
    let head =
        "PUT /v1/key/encrypt/my-key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(slow.exchange(head).await.status, 100, "the server reads the body");
    slow.send("{").await;
    assert_eq!(admin.get("/v1/key/describe/my-key").await.status, 200);
    assert_eq!(admin.put("/v1/key/generate/my-key", "{}").await.status, 200);
    assert_eq!(slow.exchange("}").await.status, 200);
}
