//! Logs that clients follow (`server-api.md` §12.4), over HTTP/1.1 and HTTP/2.

use std::time::Duration;

use kes_keystores::fault::{Fault, FaultyStore, Operation};
use tokio::time::timeout;

use crate::support::{Build, Exposition, Follow, Frozen, Raw, TestServer, error, get};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_head_comes_at_once_and_events_as_they_happen() {
    let server = TestServer::start().await;
    for (client, name) in server.admin().over_both().into_iter().zip(["one", "two"]) {
        let mut events = Follow::open(&client, "/v1/log/audit").await;
        let mut others = Follow::open(&client, "/v1/log/audit").await;
        client.create(name).await;
        let event = events.next().await.expect("an event");
        assert_eq!(event["request"]["path"], format!("/v1/key/create/{name}"));
        assert_eq!(others.next().await, Some(event), "everybody gets the same");
        server.admin().get("/version").await;
        assert_eq!(events.next().await.expect("an event")["request"]["path"], "/version");
    }
}

#[tokio::test]
async fn streams_have_no_time_limit_and_hold_no_place() {
    const LIMIT: Duration = Duration::from_secs(1);
    let time = Frozen::begin();
    let build = Build { requests: 1, ..Build::default() };
    let build = build.connection(|limits| (limits.header, limits.idle) = (LIMIT, LIMIT));
    let server = TestServer::with(build).await;
    for client in server.admin().over_both() {
        let mut events = Follow::open(&client, "/v1/log/audit").await;
        let silent = Raw::open(&server.admin()).await;
        time.pass(LIMIT * 100).await;
        assert_eq!(time.at_once(silent.rest()).await, "", "it is sent away, because it says nothing");
        server.admin().get("/version").await;
        assert_eq!(events.next().await.expect("an event")["request"]["path"], "/version");
    }
}

#[tokio::test]
async fn a_stop_ends_streams_at_once_and_well() {
    let build = Build { grace: Duration::from_secs(3600), ..Build::default() };
    let mut server = TestServer::with(build).await;
    let [first, second] = server.admin().over_both();
    let mut streams = [Follow::open(&first, "/v1/log/audit").await, Follow::open(&second, "/v1/log/error").await];
    server.begin_stop();
    for stream in &mut streams {
        assert_eq!(stream.next().await, None);
    }
    drop(streams);
    timeout(PATIENCE, server.stopped()).await.expect("it stops");
}

/// A client that takes nothing holds up nobody: it is dropped when as many events wait as may.
#[tokio::test]
async fn a_client_that_stops_reading_is_dropped_and_counted() {
    let mut build = Build::default();
    build.log.queue = 4;
    let server = TestServer::with(build).await;
    for client in server.admin().over_both() {
        let stalled = Follow::open(&client, "/v1/log/audit").await;
        let dropped = r#"kes_log_dropped_subscribers_total{log="audit"}"#;
        let before = Exposition::extended(&server).await.value(dropped);
        // Long paths fill what the connection holds on its way.
        let path = format!("/v1/key/describe/{}", "x".repeat(2000));
        let mut asking = server.admin().connect().await.expect("a connection");
        let flood = async {
            loop {
                for _ in 0..200 {
                    let answer = asking.send(http::Method::GET, &path, "").await.expect("an answer");
                    assert_eq!(answer.status, 400);
                }
                let metrics = Exposition::extended(&server).await;
                if metrics.value(dropped) > before {
                    return metrics;
                }
            }
        };
        let metrics = timeout(PATIENCE * 3, flood).await.expect("it is dropped");
        assert_eq!(metrics.value(r#"kes_log_subscribers{log="audit"}"#), 0.0);
        stalled.until_broken().await;
    }
}

#[tokio::test]
async fn who_leaves_follows_no_longer() {
    let server = TestServer::start().await;
    for client in server.admin().over_both() {
        let present = async || Exposition::extended(&server).await.value(r#"kes_log_subscribers{log="error"}"#);
        let events = Follow::open(&client, "/v1/log/error").await;
        assert_eq!(present().await, 1.0);
        drop(events);
        let gone = async { while present().await > 0.0 {} };
        timeout(PATIENCE, gone).await.expect("it is noticed");
    }
}

#[tokio::test]
async fn streams_need_the_right_to_them() {
    let server = TestServer::start().await;
    for path in ["/v1/log/error", "/v1/log/audit", "/v1/log/error/trace", "/v1/log/audit/trace"] {
        let refused = error(403, "not authorized: insufficient permissions");
        assert_eq!(server.user().get(path).await.line(), refused, "{path}");
    }
    let wrong = server.admin().put("/v1/log/error", "").await;
    assert_eq!((wrong.status.as_u16(), wrong.header("allow")), (405, Some("GET")));
}

/// Policies of releases up to v0.17 name the paths of those releases.
#[tokio::test]
async fn historic_paths_lead_to_the_streams() {
    let build = Build { policies: Vec::new(), ..Build::default() };
    let build = build.policy("tracer", &["/v1/log/audit/trace"], &[], &[crate::support::USER]);
    let server = TestServer::with(build).await;
    let mut events = Follow::open(&server.user(), "/v1/log/audit/trace").await;
    assert_eq!(server.user().get("/v1/log/audit").await.status, 403);
    server.admin().get("/version").await;
    assert!(events.next().await.is_some());
}

/// A rule that was written for the path must not be stepped around by another name of it.
#[tokio::test]
async fn who_is_denied_a_stream_is_denied_its_historic_path() {
    let build = Build { policies: Vec::new(), ..Build::default() };
    let build = build.policy("p", &["/v1/*"], &["/v1/log/audit"], &[crate::support::USER]);
    let server = TestServer::with(build).await;
    assert_eq!(server.user().get("/v1/log/audit/trace").await.status, 403);
    drop(Follow::open(&server.user(), "/v1/log/error/trace").await);
}

#[tokio::test]
async fn a_stream_is_framed_as_one_that_ends_sometime() {
    let server = TestServer::start().await;
    let mut raw = Raw::open(&server.admin()).await;
    let answer = raw.exchange(get("/v1/log/audit")).await;
    assert_eq!((answer.status.as_u16(), answer.header("transfer-encoding")), (200, Some("chunked")));
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
}

#[tokio::test]
async fn errors_arrive_as_console_lines() {
    let store = FaultyStore::healthy();
    let (server, _guard) = TestServer::with_error_log(Build::default().store(store.clone())).await;
    for client in server.admin().over_both() {
        let mut events = Follow::open(&client, "/v1/log/error").await;
        store.once(Operation::Get, Fault::Unavailable);
        assert_eq!(client.get("/v1/key/describe/failing").await.status, 502);
        let message = events.next_message_with("/v1/key/describe/failing").await;
        let (head, rest) = message.split_once(" level=").expect("a level");
        assert!(head.starts_with("time=2") && head.ends_with('Z'), "{message}");
        assert!(rest.starts_with("ERROR msg=\"key store unavailable: "), "{message}");
        let attributes = " req.method=GET req.path=/v1/key/describe/failing req.ip=127.0.0.1 req.identity=3ecf";
        assert!(rest.contains(attributes), "{message}");
    }
}

#[tokio::test]
async fn mistakes_of_clients_are_no_events() {
    let store = FaultyStore::healthy();
    let (server, _guard) = TestServer::with_error_log(Build::default().store(store.clone())).await;
    let mut events = Follow::open(&server.admin(), "/v1/log/error").await;
    assert_eq!(server.user().get("/v1/key/describe/none").await.status, 403);
    assert_eq!(server.admin().put("/v1/key/encrypt/none", "{").await.status, 400);
    assert_eq!(server.admin().get("/v1/key/describe/none").await.status, 404);
    store.once(Operation::List, Fault::Unavailable);
    assert_eq!(server.admin().get("/v1/key/list").await.status, 502);
    let first = events.next().await.expect("an event");
    assert!(first["message"].as_str().is_some_and(|message| message.contains("/v1/key/list")), "{first}");
}
