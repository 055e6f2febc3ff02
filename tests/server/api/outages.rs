//! What clients notice of a key store that is down, through the guard that every configured server has.

use std::sync::Arc;
use std::time::Duration;

use kes_config::keystore::StoreCalls;
use kes_keystores::fault::{Fault, FaultyStore, Operation};
use kes_keystores::{Guard, Health, KeyStore};

use crate::support::{Build, TestServer, beside, error};

/// A server without a cache over a guarded store, which is probed ten times a second.
async fn guarded(change: impl FnOnce(&mut StoreCalls)) -> (Arc<FaultyStore>, Arc<Guard>, TestServer) {
    let mut calls = StoreCalls { probe_interval: Duration::from_millis(100), ..StoreCalls::default() };
    change(&mut calls);
    let store = FaultyStore::healthy();
    let guard = Arc::new(Guard::new(store.clone(), calls));
    let server = TestServer::with(Build::default().store(guard.clone()).cache(|cache| cache.max_keys = 0)).await;
    (store, guard, server)
}

async fn until(guard: &Guard, is_such: impl Fn(&Health) -> bool) {
    guard.health().expect("a guard knows").wait_for(|health| is_such(health)).await.expect("the guard lives");
}

/// MinIO that is refused while it starts comes up without its users and stays so.
#[tokio::test]
async fn a_decrypt_waits_for_a_store_that_comes_back() {
    let (store, guard, server) = guarded(|_| {}).await;
    let admin = server.admin();
    admin.create("my-key").await;
    let sealed = admin.put("/v1/key/encrypt/my-key", r#"{"plaintext":"aGVsbG8="}"#).await.member("ciphertext");
    store.always_everywhere(&Fault::Unavailable);
    until(&guard, Health::is_down).await;
    let reads = store.calls(Operation::Get);
    let waiting = beside(async move {
        let body = format!(r#"{{"ciphertext":"{sealed}"}}"#);
        admin.put("/v1/key/decrypt/my-key", &body).await.line()
    });
    // What has come to the server before this has been answered since.
    assert_eq!(server.admin().get("/version").await.status, 200);
    let probes = store.calls(Operation::Status);
    store.until_called(Operation::Status, probes + 5).await;
    assert_eq!(store.calls(Operation::Get), reads, "a store that is down is left alone");
    assert!(!waiting.is_finished());
    store.heal();
    assert_eq!(waiting.await.expect("an answer"), r#"200 {"plaintext":"aGVsbG8="}"#);
    assert_eq!(store.calls(Operation::Get), reads + 1);
}

#[tokio::test]
async fn a_store_that_does_not_come_back_in_time_is_502_with_the_text_of_the_route() {
    for outage_wait in [Duration::ZERO, Duration::from_millis(50)] {
        let (store, guard, server) = guarded(|calls| calls.outage_wait = outage_wait).await;
        store.always_everywhere(&Fault::Unavailable);
        until(&guard, Health::is_down).await;
        let admin = server.admin();
        assert_eq!(admin.put("/v1/key/create/x", "").await.line(), error(502, "failed to create key"));
        assert_eq!(admin.get("/v1/key/describe/x").await.line(), error(502, "failed to read key"));
        assert_eq!(admin.get("/v1/key/list/").await.line(), error(502, "failed to list keys"));
        assert_eq!(admin.delete("/v1/key/delete/x").await.line(), error(502, "failed to delete key"));
        for operation in [Operation::Create, Operation::Get, Operation::List, Operation::Delete] {
            assert_eq!(store.calls(operation), 0, "{operation:?}");
        }
    }
}

#[tokio::test]
async fn a_route_that_has_had_its_time_before_the_store_is_back_is_504() {
    let store = FaultyStore::healthy();
    let guard = Arc::new(Guard::new(store.clone(), StoreCalls::default()));
    store.always_everywhere(&Fault::Unavailable);
    until(&guard, Health::is_down).await;
    let build = Build::default().store(guard).timeout("/v1/key/describe/", Duration::from_millis(100));
    let server = TestServer::with(build).await;
    assert_eq!(server.admin().get("/v1/key/describe/x").await.line(), error(504, "request timed out"));
}

/// The class of the last failure is kept, and the first success clears it (D-28).
#[tokio::test]
async fn readiness_and_status_are_what_the_guard_knows() {
    let (store, guard, server) = guarded(|_| {}).await;
    let admin = server.admin();
    for (fault, ready) in [
        (Fault::Unavailable, error(504, "key store is not reachable")),
        (Fault::Denied, error(502, "key store is unavailable")),
    ] {
        store.always(Operation::Status, fault.clone());
        until(&guard, |health| health.outage().is_some()).await;
        for _ in 0..3 {
            assert_eq!(admin.get("/v1/ready").await.line(), ready, "{fault:?}");
            assert!(admin.get("/v1/status").await.body.ends_with(",\"keystore_unreachable\":true}\n"), "{fault:?}");
        }
        store.heal();
        until(&guard, |health| health.outage().is_none()).await;
        assert_eq!(admin.get("/v1/ready").await.line(), "200", "{fault:?}");
        assert!(admin.get("/v1/status").await.body.ends_with(",\"keystore_latency\":1}\n"), "{fault:?}");
    }
}

#[tokio::test]
async fn readiness_and_status_do_not_wait_for_a_store_that_hangs() {
    let (store, guard, server) = guarded(|calls| calls.attempt_timeout = Duration::from_millis(200)).await;
    store.always_everywhere(&Fault::Hang);
    until(&guard, Health::is_down).await;
    let probes = store.calls(Operation::Status);
    let admin = server.admin();
    for _ in 0..20 {
        assert_eq!(admin.get("/v1/ready").await.line(), error(504, "key store is not reachable"));
        assert!(admin.get("/v1/status").await.body.ends_with(",\"keystore_unreachable\":true}\n"));
    }
    assert!(store.calls(Operation::Status) <= probes.max(3), "they cost no calls");
}
