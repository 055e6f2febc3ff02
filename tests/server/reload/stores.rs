//! What becomes of stores and of keys in memory.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use kes_keystores::MemoryStore;
use kes_keystores::fault::{Fault, FaultyStore, Operation};
use tokio::time::timeout;

use crate::support::{Build, TestServer, beside, error};

/// How long a wait may take before a test fails. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_store_that_stays_is_asked_once_more_for_each_cached_key() {
    let store = FaultyStore::healthy();
    let mut server = TestServer::with(Build::default().store(store.clone())).await;
    server.admin().create("a").await;
    let generate = async |server: &TestServer| server.admin().put("/v1/key/generate/a", "").await.status;
    assert_eq!(generate(&server).await, 200);
    server.reload(Build::default()).await.expect("reloaded");
    assert_eq!((generate(&server).await, generate(&server).await), (http::StatusCode::OK, http::StatusCode::OK));
    assert_eq!(store.calls(Operation::Get), 2);
    server.reload(Build::default()).await.expect("reloaded");
    store.always_everywhere(&Fault::Unavailable);
    assert_eq!(generate(&server).await, 200, "an outage takes no cached key away");
    assert!(!store.is_closed());
}

#[tokio::test]
async fn with_another_store_nothing_cached_is_left() {
    let mut server = TestServer::start().await;
    server.admin().create("a").await;
    assert_eq!(server.admin().get("/v1/key/describe/a").await.status, 200);
    server.reload(Build::default().store(Arc::new(MemoryStore::new()))).await.expect("reloaded");
    assert_eq!(server.admin().get("/v1/key/describe/a").await.line(), error(404, "key does not exist"));
}

/// Requests keep the store that they began with, and it is closed after the last of them.
#[tokio::test]
async fn the_old_store_is_closed_when_its_last_request_has_ended() {
    let old = FaultyStore::healthy();
    old.always(Operation::Create, Fault::Hang);
    let mut server = TestServer::with(Build::default().store(old.clone())).await;
    let mut over_http2 = server.admin().http2().connect().await.expect("a connection");
    let mut idle = server.admin().connect().await.expect("a connection");
    assert_eq!(idle.send(Method::GET, "/version", "").await.expect("an answer").status, 200);
    let answer = beside(async move { over_http2.send(Method::PUT, "/v1/key/create/a", "").await });
    old.until_called(Operation::Create, 1).await;

    let new = FaultyStore::healthy();
    server.reload(Build::default().store(new.clone())).await.expect("reloaded");
    assert_eq!(server.admin().put("/v1/key/create/b", "").await.line(), "200");
    assert_eq!((old.is_closed(), old.running(), new.calls(Operation::Create)), (false, 1, 1));
    old.release();
    assert_eq!(answer.await.expect("no panic").expect("an answer").line(), "200");
    timeout(PATIENCE, old.until_closed()).await.expect("nobody uses it any more");
    assert_eq!(idle.send(Method::GET, "/v1/key/describe/b", "").await.expect("an answer").status, 200);
    assert!(!new.is_closed());
}

/// The same store under another name: a change that began before the reload ends after others have used the key.
#[tokio::test]
async fn a_change_that_outlives_a_reload_counts_for_the_new_cache() {
    let shared = Arc::new(MemoryStore::new());
    let old = FaultyStore::new(shared.clone());
    let mut server = TestServer::with(Build::default().store(old.clone())).await;
    server.admin().create("a").await;
    old.always(Operation::Delete, Fault::Hang);
    let mut over_http2 = server.admin().http2().connect().await.expect("a connection");
    let answer = beside(async move { over_http2.send(Method::DELETE, "/v1/key/delete/a", "").await });
    old.until_called(Operation::Delete, 1).await;

    for _ in 0..2 {
        server.reload(Build::default().store(FaultyStore::new(shared.clone()))).await.expect("reloaded");
        assert_eq!(server.admin().get("/v1/key/describe/a").await.status, 200, "it is not deleted yet");
    }
    old.release();
    assert_eq!(answer.await.expect("no panic").expect("an answer").line(), "200");
    assert_eq!(server.admin().get("/v1/key/describe/a").await.line(), error(404, "key does not exist"));
}

#[tokio::test]
async fn a_server_that_stops_closes_old_stores_too() {
    let old = FaultyStore::healthy();
    old.always(Operation::Create, Fault::Hang);
    let build = Build { grace: Duration::from_millis(100), ..Build::default() };
    let mut server = TestServer::with(build.store(old.clone())).await;
    let admin = server.admin();
    let waiting =
        beside(
            async move { admin.connect().await.expect("a connection").send(Method::PUT, "/v1/key/create/a", "").await },
        );
    old.until_called(Operation::Create, 1).await;
    let new = FaultyStore::healthy();
    server.reload(Build::default().store(new.clone())).await.expect("reloaded");
    server.begin_stop();
    timeout(PATIENCE, server.stopped()).await.expect("it stops");
    assert!(old.is_closed() && new.is_closed());
    assert!(waiting.await.expect("no panic").is_err());
}
