//! A panic is a defect, and ends at most the request that met it.

use http::Method;
use kes_keystores::fault::{Fault, FaultyStore, Operation};

use crate::support::{Build, Exposition, Follow, TestServer, error};

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

/// Somebody has to hear of it: it is answered with 500, counted as such, and an event of the error log.
#[tokio::test]
async fn a_panic_is_counted_and_logged() {
    let store = FaultyStore::healthy();
    let (server, _guard) = TestServer::with_error_log(Build::default().store(store.clone())).await;
    for (index, client) in server.admin().over_both().into_iter().enumerate() {
        let before = Exposition::extended(&server).await;
        let mut events = Follow::open(&client, "/v1/log/error").await;
        let mut connection = client.connect().await.expect("a connection");
        store.once(Operation::List, Fault::Panic);
        let answer = connection.send(Method::GET, "/v1/key/list/", "").await.expect("an answer");
        assert_eq!(answer.line(), error(500, "internal server error"));
        let next = connection.send(Method::GET, "/v1/key/list/", "").await.expect("the connection goes on");
        assert_eq!(next.line(), r#"200 {"names":[]}"#);
        let message = events.next_message_with("the request met a defect of the server").await;
        assert!(message.contains("level=ERROR") && message.contains("req.path=/v1/key/list/ "), "{message}");
        let metrics = Exposition::extended(&server).await;
        for sample in [
            r#"kes_http_request_failure{code="500"}"#,
            r#"kes_route_response_seconds_count{code="500",route="/v1/key/list/"}"#,
        ] {
            assert_eq!(metrics.value(sample), (index + 1) as f64, "{sample}");
        }
        assert!(metrics.value("kes_log_error_events") > before.value("kes_log_error_events"));
        assert_eq!(metrics.value("kes_http_request_active"), 0.0);
    }
}
