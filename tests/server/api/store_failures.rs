//! What clients are told while the key store fails: the texts of the routes, and nothing of the store.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use kes_config::keystore::StoreCalls;
use kes_keystores::Guard;
use kes_keystores::fault::{Fault, FaultyStore, Operation};

use crate::support::{Build, Client, TestServer, beside, error};

/// Every route that needs the store: method, path, body, what it asks of the store, and how its failure is called.
const STORE_ROUTES: [(Method, &str, &str, Operation, &str); 9] = [
    (Method::PUT, "/v1/key/create/x", "", Operation::Create, "failed to create key"),
    (Method::PUT, "/v1/key/import/x", IMPORT, Operation::Create, "failed to create key"),
    (Method::GET, "/v1/key/describe/x", "", Operation::Get, "failed to read key"),
    (Method::GET, "/v1/key/list/x", "", Operation::List, "failed to list keys"),
    (Method::DELETE, "/v1/key/delete/x", "", Operation::Delete, "failed to delete key"),
    (Method::PUT, "/v1/key/encrypt/x", "{}", Operation::Get, "failed to read key"),
    (Method::PUT, "/v1/key/generate/x", "", Operation::Get, "failed to read key"),
    (Method::PUT, "/v1/key/decrypt/x", "{}", Operation::Get, "failed to read key"),
    (Method::PUT, "/v1/key/hmac/x", "{}", Operation::Get, "failed to read key"),
];

const IMPORT: &str = r#"{"key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","cipher":"AES256"}"#;

/// The archived server reset the HTTP/2 stream of a list that failed (D-10).
#[tokio::test]
async fn a_store_that_fails_is_502_with_the_text_of_the_route_and_the_connection_goes_on() {
    for fault in [Fault::Unavailable, Fault::Denied, Fault::Corrupt] {
        let store = FaultyStore::healthy();
        store.always_everywhere(&fault);
        let server = TestServer::with(Build::default().store(store)).await;
        for admin in server.admin().over_both() {
            let mut connection = admin.connect().await.expect("a connection");
            for (method, path, body, _, message) in STORE_ROUTES {
                let answer = connection.send(method, path, body).await.expect("an answer");
                assert_eq!(answer.line(), error(502, message), "{fault:?} {path}");
                assert_eq!(answer.header("content-type"), Some("application/json"), "{fault:?} {path}");
            }
        }
    }
}

#[tokio::test]
async fn an_entry_that_is_no_key_is_502_and_can_be_deleted() {
    // Empty; not base64; protobuf without the key (D-15); a key of 31 bytes; an algorithm that there never was.
    for garbage in ["", "no key", "CAE=", "{}", r#"{"bytes":"AA=="}"#, "{\"bytes\":7}", "123", "null", "\u{0}\u{ff}"] {
        let store = FaultyStore::healthy();
        store.always(Operation::Get, Fault::Garbage(garbage.into()));
        let server = TestServer::with(Build::default().store(store)).await;
        let admin = server.admin();
        admin.create("x").await;
        for (method, path, body, _, message) in
            STORE_ROUTES.into_iter().filter(|(.., operation, _)| *operation == Operation::Get)
        {
            assert_eq!(admin.send(method, path, body).await.line(), error(502, message), "{garbage:?} {path}");
        }
        assert_eq!(admin.get("/v1/key/list/").await.line(), r#"200 {"names":["x"]}"#);
        assert_eq!(admin.delete("/v1/key/delete/x").await.line(), "200");
    }
}

/// The route's own time ends first: 504, and the work for the request ends with it (decision 36).
#[tokio::test]
async fn a_store_that_hangs_is_504_when_the_route_has_had_its_time() {
    for (method, path, body, operation, _) in STORE_ROUTES {
        let store = FaultyStore::healthy();
        store.always(operation, Fault::Hang);
        let route = &path[..path.len() - 1];
        let timeout = Duration::from_millis(100);
        let server = TestServer::with(Build::default().store(store.clone()).timeout(route, timeout)).await;
        for admin in server.admin().over_both() {
            let mut connection = admin.connect().await.expect("a connection");
            let late = connection.send(method.clone(), path, body).await.expect("an answer");
            assert_eq!(late.line(), error(504, "request timed out"), "{path}");
            let next = connection.send(Method::GET, "/version", "").await.expect("an answer");
            assert_eq!(next.status, 200, "the connection goes on after {path}");
        }
        assert!(store.calls(operation) > 0, "{path} asks the store");
    }
}

#[tokio::test]
async fn a_request_that_the_client_got_wrong_asks_nothing_of_the_store() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let admin = server.admin();
    for (method, path, body, ..) in STORE_ROUTES {
        let bad_name = format!("{}-%2F", &path[..path.len() - 1]);
        assert_eq!(admin.send(method.clone(), &bad_name, body).await.status, 400, "{bad_name}");
        assert_eq!(server.stranger().send(method.clone(), path, body).await.status, 403, "{path}");
        if !body.is_empty() {
            assert_eq!(admin.send(method, path, "{bad").await.status, 400, "{path}");
        }
    }
    for operation in [Operation::Create, Operation::Get, Operation::Delete, Operation::List] {
        assert_eq!(store.calls(operation), 0, "{operation:?}");
    }
}

#[tokio::test]
async fn readiness_and_status_tell_a_store_out_of_reach_from_one_that_refuses() {
    for (fault, ready) in [
        (Fault::Unavailable, error(504, "key store is not reachable")),
        (Fault::Denied, error(502, "key store is unavailable")),
        (Fault::Corrupt, error(502, "key store is unavailable")),
    ] {
        let store = FaultyStore::healthy();
        store.always(Operation::Status, fault.clone());
        let server = TestServer::with(Build::default().store(store.clone())).await;
        for admin in server.admin().over_both() {
            assert_eq!(admin.get("/v1/ready").await.line(), ready, "{fault:?}");
            let status = admin.get("/v1/status").await;
            assert_eq!(status.status, 200, "{fault:?}");
            assert!(status.body.ends_with(",\"keystore_unreachable\":true}\n"), "{}", status.body);
            assert!(!status.body.contains("keystore_latency") && !status.body.contains("keystore_unavailable"));
        }
        // The first success counts: no flag lags behind (D-28).
        store.heal();
        assert_eq!(server.admin().get("/v1/ready").await.line(), "200", "{fault:?}");
        assert!(server.admin().get("/v1/status").await.body.ends_with(",\"keystore_latency\":1}\n"));
    }
}

#[tokio::test]
async fn a_store_whose_status_hangs_is_504_after_the_time_of_the_route() {
    let store = FaultyStore::healthy();
    store.always(Operation::Status, Fault::Hang);
    let short = Duration::from_millis(100);
    let build = Build::default().store(store).timeout("/v1/ready", short).timeout("/v1/status", short);
    let server = TestServer::with(build).await;
    for path in ["/v1/ready", "/v1/status"] {
        assert_eq!(server.admin().get(path).await.line(), error(504, "request timed out"), "{path}");
    }
}

#[tokio::test]
async fn what_needs_no_store_is_served_while_it_is_down() {
    let server = TestServer::with(Build::default().store(FaultyStore::unavailable())).await;
    let admin = server.admin();
    for path in [
        "/version",
        "/v1/status",
        "/v1/api",
        "/v1/policy/describe/my-app",
        "/v1/policy/read/my-app",
        "/v1/policy/list/",
        "/v1/identity/list/",
        "/v1/identity/self/describe",
    ] {
        assert_eq!(admin.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_key_that_is_cached_serves_while_the_store_is_down() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let admin = server.admin();
    admin.create("cached").await;
    assert_eq!(admin.put("/v1/key/generate/cached", "").await.status, 200);
    store.always_everywhere(&Fault::Unavailable);
    for (method, path, body) in [
        (Method::PUT, "/v1/key/generate/cached", ""),
        (Method::PUT, "/v1/key/encrypt/cached", "{}"),
        (Method::PUT, "/v1/key/hmac/cached", "{}"),
        (Method::GET, "/v1/key/describe/cached", ""),
    ] {
        assert_eq!(admin.send(method, path, body).await.status, 200, "{path}");
    }
    assert_eq!(admin.delete("/v1/key/delete/cached").await.line(), error(502, "failed to delete key"));
    assert_eq!(admin.get("/v1/key/describe/cached").await.status, 200, "a delete that failed takes nothing away");
    store.heal();
    assert_eq!(admin.delete("/v1/key/delete/cached").await.line(), "200");
    assert_eq!(admin.get("/v1/key/describe/cached").await.line(), error(404, "key does not exist"));
}

/// 503 is for this alone (decision 36): the bounded queue in front of the store is full.
#[tokio::test]
async fn where_no_room_to_wait_is_left_the_answer_is_503_and_when_to_come_back() {
    let store = FaultyStore::healthy();
    store.always(Operation::Get, Fault::Hang);
    let calls = StoreCalls { concurrency: 1, queue: 0, ..StoreCalls::default() };
    let server = TestServer::with(Build::default().store(Arc::new(Guard::new(store.clone(), calls)))).await;
    let first = waiting(server.admin(), "/v1/key/describe/first");
    store.until_called(Operation::Get, 1).await;
    let second = server.admin().get("/v1/key/describe/second").await;
    assert_eq!(second.line(), error(503, "failed to read key"));
    assert_eq!(second.header("retry-after"), Some("1"));
    store.heal();
    store.release();
    assert_eq!(first.await.expect("the first ends"), error(404, "key does not exist"));
}

fn waiting(client: Client, path: &'static str) -> tokio::task::JoinHandle<String> {
    beside(async move { client.get(path).await.line() })
}
