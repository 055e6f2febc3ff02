//! A panic is a defect, and ends at most the request that met it.

use http::Method;
use kes_keystores::fault::{Fault, FaultyStore, Operation};

use crate::support::{Build, TestServer, error};

#[tokio::test]
async fn a_panic_ends_at_most_its_request() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone())).await;
    for client in server.admin().over_both() {
        let mut other = client.connect().await.expect("a connection");
        for (operation, method, path) in [
            (Operation::Create, Method::PUT, "/v1/key/create/my-key"),
            (Operation::Get, Method::GET, "/v1/key/describe/my-key"),
            (Operation::Get, Method::PUT, "/v1/key/generate/my-key"),
            (Operation::Delete, Method::DELETE, "/v1/key/delete/my-key"),
            (Operation::List, Method::GET, "/v1/key/list"),
            (Operation::Status, Method::GET, "/v1/status"),
        ] {
            store.heal();
            store.always(operation, Fault::Panic);
            let mut connection = client.connect().await.expect("a connection");
            let outcome = connection.send(method, path, "").await;
            if let Ok(answer) = outcome {
                assert!(answer.status.is_server_error() || path == "/v1/status", "{path}: {answer:?}");
                assert!(!answer.body.contains("panic"), "{answer:?}");
            }
            store.heal();
            let after = other.send(Method::GET, "/v1/key/describe/my-key", "").await.expect("others live");
            assert_eq!(after.line(), error(404, "key does not exist"), "after {path}");
        }
    }
    server.admin().create("my-key").await;
}

/// Whoever waits for the same fetch is answered, and the next one fetches anew.
#[tokio::test]
async fn a_fetch_that_panics_is_answered_and_not_remembered() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone())).await;
    server.admin().create("my-key").await;
    store.once(Operation::Get, Fault::Panic);
    for client in server.admin().over_both() {
        store.once(Operation::Get, Fault::Panic);
        let answer = client.put("/v1/key/generate/my-key", "").await;
        assert_eq!(answer.line(), error(502, "failed to read key"));
    }
    store.heal();
    assert_eq!(server.admin().put("/v1/key/generate/my-key", "").await.status, 200);
}
