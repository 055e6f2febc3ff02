//! HTTP/1.1 on one connection: what is a request, what is none, and in which order answers come (`server-api.md` §1.4,
//! D-11).

use std::time::Duration;

use kes_keystores::fault::{Fault, FaultyStore, Operation};
use tokio::time::timeout;

use crate::support::{Build, Raw, TestServer, error, get};

/// How long a wait may take before a test fails. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

/// Little enough of a body to be read and dropped, and too much.
const LITTLE: usize = 10_000;
const MUCH: usize = 300_000;

fn with_body(line: &str, body: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn in_chunks(line: &str, body: &str) -> String {
    let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

/// Requests whose body nobody reads, each with the status of its answer.
const UNREAD: [(&str, u16); 5] = [
    ("PUT /v1/key/create/my-key", 200),
    ("GET /v1/key/create/my-key", 405),
    ("GET /v1/key/list", 200),
    ("DELETE /v1/key/delete/-", 404),
    ("POST /nowhere", 404),
];

#[tokio::test]
async fn a_little_body_that_nobody_reads_is_no_hurdle() {
    for framed in [with_body, in_chunks] {
        for (line, status) in UNREAD {
            let server = TestServer::start().await;
            let mut raw = Raw::open(&server.admin()).await;
            let bodies = ["x".to_owned(), "x".repeat(LITTLE), get("/v1/policy/read/nobody")];
            for body in bodies {
                raw.send(framed(line, &body) + &get("/version")).await;
                let answer = raw.answer().await;
                assert!(answer.status == status || line.starts_with("PUT"), "{line}: {answer:?}");
                assert_eq!(answer.header("connection"), None, "{line}");
                assert!(
                    raw.answer().await.body.starts_with("{\"version\""),
                    "{line}: the next request is the next one"
                );
            }
        }
    }
}

/// The archived server dropped 256 KiB and took the rest for the next request.
#[tokio::test]
async fn a_large_body_that_nobody_reads_ends_the_connection() {
    for framed in [with_body, in_chunks] {
        for (line, status) in UNREAD {
            let server = TestServer::start().await;
            for body in ["x".repeat(MUCH), get("/v1/policy/read/nobody").repeat(MUCH / 40)] {
                let mut raw = Raw::open(&server.admin()).await;
                raw.send(framed(line, &body) + &get("/version")).await;
                let answer = raw.answer().await;
                assert!(answer.status == status || line.starts_with("PUT"), "{line}: {answer:?}");
                assert_eq!(answer.header("connection"), Some("close"), "{line}");
                assert_eq!(raw.rest().await, "", "{line}: nothing after it is a request");
            }
        }
    }
}

/// A client that asks first sends no body before it hears something. It must hear something.
#[tokio::test]
async fn who_asks_before_sending_a_body_is_answered_at_once() {
    let server = TestServer::start().await;
    let expecting = |path: &str| {
        format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\nExpect: 100-continue\r\n\r\n")
    };
    for (client, path, status) in [
        (server.user(), "/v1/key/encrypt/their-key", 403),
        (server.stranger(), "/v1/key/encrypt/my-key", 403),
        (server.admin(), "/v1/key/encrypt/a%2Fname", 400),
        (server.admin(), "/v1/key/create/my-key", 200),
        (server.admin(), "/v1/status", 405),
        (server.admin(), "/nowhere", 404),
    ] {
        let mut raw = Raw::open(&client).await;
        let answer = raw.exchange(expecting(path)).await;
        assert_eq!((answer.status.as_u16(), answer.header("connection")), (status, Some("close")), "{path}");
        assert_eq!(raw.rest().await, "", "{path}");
    }
}

#[tokio::test]
async fn who_asks_and_is_wanted_is_told_to_go_on() {
    let server = TestServer::start().await;
    server.admin().create("my-key").await;
    let body = r#"{"plaintext":"aGVsbG8="}"#;
    let mut raw = Raw::open(&server.admin()).await;
    for expectation in ["100-continue", "100-Continue"] {
        let head = format!(
            "PUT /v1/key/encrypt/my-key HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nExpect: {expectation}\r\n\r\n",
            body.len()
        );
        assert_eq!(raw.exchange(head).await.status, 100);
        assert_eq!(raw.exchange(body).await.status, 200);
    }
    assert_eq!(raw.exchange(get("/version")).await.status, 200);
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_requests() {
    let store = FaultyStore::healthy();
    store.always(Operation::Create, Fault::Hang);
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let mut raw = Raw::open(&server.admin()).await;
    let requests = [
        with_body("PUT /v1/key/create/my-key", ""),
        get("/v1/key/list"),
        with_body("PUT /v1/key/encrypt/my-key", "{}"),
        get("/v1/key/describe/other-key"),
    ];
    raw.send(requests.concat()).await;
    store.until_called(Operation::Create, 1).await;
    store.release();
    assert_eq!(raw.answer().await.line(), "200");
    assert_eq!(raw.answer().await.line(), r#"200 {"names":["my-key"]}"#);
    assert_eq!(raw.answer().await.member("ciphertext").len(), 60);
    assert_eq!(raw.answer().await.line(), error(404, "key does not exist"));
}

/// Whoever leaves takes their request with them. (A change in the store goes on to its end.)
#[tokio::test]
async fn a_client_that_hangs_up_cancels_its_request() {
    let store = FaultyStore::healthy();
    store.always(Operation::List, Fault::Hang);
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let mut raw = Raw::open(&server.admin()).await;
    raw.send(get("/v1/key/list")).await;
    store.until_called(Operation::List, 1).await;
    assert_eq!(store.running(), 1);
    drop(raw);
    timeout(PATIENCE, store.until_idle()).await.expect("the work has ended");
}

#[tokio::test]
async fn what_nobody_here_can_do_is_said_and_ends_the_connection() {
    let server = TestServer::start().await;
    for (field, status) in [
        ("Expect: miracles", 417),
        ("Transfer-Encoding: gzip, chunked", 501),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501),
    ] {
        let mut connection = Raw::open(&server.admin()).await;
        let request = format!("PUT /v1/key/create/x HTTP/1.1\r\nHost: localhost\r\n{field}\r\n\r\n");
        let answer = connection.exchange(request).await;
        assert_eq!((answer.status.as_u16(), answer.header("connection")), (status, Some("close")), "{field}");
        assert_eq!(connection.rest().await, "", "{field}");
    }
}
