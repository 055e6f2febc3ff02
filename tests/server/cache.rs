//! The key cache as clients notice it. What it does in time is tested beside it.

use http::Method;
use kes_core::KeyName;
use kes_keystores::fault::{Fault, FaultyStore, Operation};
use kes_keystores::{Deleted, KeyStore};

use crate::support::{Build, TestServer, beside, error};

/// The routes that need a key.
const READS: [(Method, &str); 4] = [
    (Method::GET, "/v1/key/describe/my-key"),
    (Method::PUT, "/v1/key/encrypt/my-key"),
    (Method::PUT, "/v1/key/generate/my-key"),
    (Method::PUT, "/v1/key/hmac/my-key"),
];

#[tokio::test]
async fn all_routes_share_one_read_of_a_key() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let admin = server.admin();
    admin.create("my-key").await;
    assert_eq!(store.calls(Operation::Get), 0, "a new key is not read");
    for (method, path) in READS.iter().chain(&READS) {
        assert_eq!(admin.send(method.clone(), path, "{}").await.status, 200, "{path}");
    }
    let sealed = admin.put("/v1/key/encrypt/my-key", "{}").await.member("ciphertext");
    assert_eq!(admin.put("/v1/key/decrypt/my-key", &format!(r#"{{"ciphertext":"{sealed}"}}"#)).await.status, 200);
    assert_eq!(store.calls(Operation::Get), 1);
    // Lists are never cached.
    for lists in 1..4 {
        assert_eq!(admin.get("/v1/key/list/").await.status, 200);
        assert_eq!(store.calls(Operation::List), lists);
    }
}

#[tokio::test]
async fn without_a_cache_each_request_reads_the_store() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone()).cache(|cache| cache.max_keys = 0)).await;
    let admin = server.admin();
    admin.create("my-key").await;
    for (reads, (method, path)) in READS.into_iter().enumerate() {
        assert_eq!(admin.send(method, path, "{}").await.status, 200, "{path}");
        assert_eq!(store.calls(Operation::Get), reads + 1, "{path}");
    }
}

/// Nobody can know of it before the entry has had its time; but who tries to delete the key finds out (D-22).
#[tokio::test]
async fn a_key_that_was_deleted_elsewhere_is_gone_with_the_404_of_its_deletion() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let admin = server.admin();
    admin.create("my-key").await;
    assert_eq!(admin.get("/v1/key/describe/my-key").await.status, 200);
    let name: KeyName = "my-key".parse().expect("a name");
    assert_eq!(store.delete(&name).await.expect("deleted"), Deleted::Gone);
    assert_eq!(admin.get("/v1/key/describe/my-key").await.status, 200);
    assert_eq!(admin.delete("/v1/key/delete/my-key").await.line(), error(404, "key does not exist"));
    assert_eq!(admin.get("/v1/key/describe/my-key").await.line(), error(404, "key does not exist"));
}

/// And a key that is made elsewhere is there at once: absence is not cached.
#[tokio::test]
async fn a_key_that_is_made_elsewhere_can_be_used_at_once() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let elsewhere = TestServer::with(Build::default().store(store)).await;
    assert_eq!(server.admin().get("/v1/key/describe/my-key").await.line(), error(404, "key does not exist"));
    elsewhere.admin().create("my-key").await;
    assert_eq!(server.admin().get("/v1/key/describe/my-key").await.status, 200);
}

#[tokio::test]
async fn a_delete_is_not_undone_by_a_request_that_was_reading_the_key() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let admin = server.admin();
    admin.create("my-key").await;
    store.once(Operation::Get, Fault::HangingAnswer);
    let reading = beside({
        let admin = admin.clone();
        async move { admin.put("/v1/key/generate/my-key", "").await.status }
    });
    store.until_called(Operation::Get, 1).await;
    assert_eq!(admin.delete("/v1/key/delete/my-key").await.line(), "200");
    store.release();
    assert_eq!(reading.await.expect("it ends"), 200, "it came before");
    for (method, path) in READS {
        assert_eq!(admin.send(method, path, "{}").await.line(), error(404, "key does not exist"), "{path}");
    }
}
