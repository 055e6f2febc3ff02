//! Who did what: one event for each answer, whatever it was (`server-api.md` §12.3, decision 13).

use std::time::Duration;

use http::Method;
use kes_core::Timestamp;
use kes_keystores::fault::{Fault, FaultyStore, Operation};

use crate::support::{ADMIN, Build, Exposition, Follow, Raw, TestServer, USER, beside};

const STREAM: &str = "/v1/log/audit";

#[tokio::test]
async fn every_answer_of_an_audited_route_is_an_event() {
    let store = FaultyStore::healthy();
    let short = Duration::from_millis(100);
    let build = Build::default().store(store.clone()).skip_auth("/v1/ready").timeout("/v1/key/delete/", short);
    let server = TestServer::with(build).await;
    let (admin, user, anonymous) = (server.admin(), server.user(), server.anonymous());
    let mut events = Follow::open(&admin, STREAM).await;
    store.always(Operation::Delete, Fault::Hang);
    store.always(Operation::List, Fault::Unavailable);
    for (client, identity, method, path, body, status) in [
        (&admin, ADMIN, Method::PUT, "/v1/key/create/my-key", "", 200),
        (&admin, ADMIN, Method::POST, "/v1/key/create/my-key", "", 400),
        (&admin, ADMIN, Method::PUT, "/v1/key/import/b", r#"{"key":"AAAA","cipher":"AES256"}"#, 406),
        (&admin, ADMIN, Method::GET, "/v1/key/describe/my-key", "", 200),
        (&admin, ADMIN, Method::GET, "/v1/key/describe/none", "", 404),
        (&admin, ADMIN, Method::GET, "/v1/key/describe/no%20name!", "", 404),
        (&admin, ADMIN, Method::PUT, "/v1/key/encrypt/my-key", "{", 400),
        (&admin, ADMIN, Method::PUT, "/v1/key/generate/my-key", "{}", 200),
        (&admin, ADMIN, Method::PUT, "/v1/key/decrypt/my-key", r#"{"ciphertext":"AAAA"}"#, 400),
        (&admin, ADMIN, Method::PUT, "/v1/key/hmac/my-key", r#"{"message":"AAAA"}"#, 200),
        (&admin, ADMIN, Method::GET, "/v1/key/list", "", 502),
        (&admin, ADMIN, Method::DELETE, "/v1/key/delete/my-key", "", 504),
        (&admin, ADMIN, Method::GET, "/v1/key/delete/my-key", "", 405),
        (&admin, ADMIN, Method::GET, "/v1/policy/describe/my-app", "", 200),
        (&admin, ADMIN, Method::GET, "/v1/policy/read/none", "", 404),
        (&admin, ADMIN, Method::GET, "/v1/policy/list/", "", 200),
        (&admin, ADMIN, Method::GET, "/v1/identity/describe/none", "", 404),
        (&admin, ADMIN, Method::GET, "/v1/identity/list/", "", 200),
        (&user, USER, Method::GET, "/v1/identity/self/describe", "", 200),
        (&user, USER, Method::PUT, "/v1/key/create/not-mine", "", 403),
        (&user, USER, Method::GET, "/v1/api", "", 403),
        (&admin, ADMIN, Method::GET, "/v1/api", "", 200),
        (&admin, ADMIN, Method::GET, "/v1/status", "", 200),
        (&anonymous, "", Method::GET, "/version", "", 200),
        (&anonymous, "", Method::PUT, "/v1/key/create/x", "", 400),
    ] {
        for (index, client) in client.clone().over_both().into_iter().enumerate() {
            // What was created over HTTP/1.1 is there already.
            let status = if index == 1 && path == "/v1/key/create/my-key" { 400 } else { status };
            assert_eq!(client.send(method.clone(), path, body).await.status, status, "{path}");
            let event = events.next().await.expect("an event");
            let decoded = path.replace("%20", " ");
            assert_eq!((&event["request"]["path"], &event["response"]["code"]), (&decoded.into(), &status.into()));
            assert_eq!(event["request"]["ip"], "127.0.0.1", "{path}");
            assert_eq!(event["request"]["identity"].as_str().unwrap_or_default(), identity, "{path}");
            assert_eq!(event["request"].get("identity").is_none(), identity.is_empty(), "{path}");
            let time = event["response"]["time"].as_u64().expect("a number");
            assert!(time > 1_000 && time < 60_000_000_000, "{time} ns for {path}");
        }
    }
    store.heal();
    store.release();
}

/// Probes, scrapers and those who read logs would bury the rest; paths that lead nowhere are no route.
#[tokio::test]
async fn what_only_looks_on_is_no_event() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let mut events = Follow::open(&admin, STREAM).await;
    for path in ["/v1/ready", "/v1/metrics", "/v1/nope", "/v1//status", "/v1/key/create"] {
        admin.get(path).await;
    }
    drop(Follow::open(&admin, "/v1/log/error").await);
    admin.get("/v1/status").await;
    assert_eq!(events.next().await.expect("an event")["request"]["path"], "/v1/status");
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_an_event() {
    let server = TestServer::with(Build::default().timeout("/v1/key/import/", Duration::from_millis(100))).await;
    let mut events = Follow::open(&server.admin(), STREAM).await;
    let mut raw = Raw::open(&server.admin()).await;
    raw.send("PUT /v1/key/import/my-key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{").await;
    assert_eq!(raw.answer().await.status, 408);
    assert_eq!(events.next().await.expect("an event")["response"]["code"], 408);
}

/// Nobody gets around the record by leaving before the answer.
#[tokio::test]
async fn a_client_that_leaves_is_an_event() {
    let store = FaultyStore::healthy();
    store.always(Operation::Create, Fault::Hang);
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let mut events = Follow::open(&server.admin(), STREAM).await;
    let mut raw = Raw::open(&server.admin()).await;
    raw.send("PUT /v1/key/create/one HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
    store.until_called(Operation::Create, 1).await;
    drop(raw);
    let event = events.next().await.expect("an event");
    assert_eq!((&event["request"]["path"], &event["response"]["code"]), (&"/v1/key/create/one".into(), &499.into()));

    let mut connection = server.admin().http2().connect().await.expect("a connection");
    let leaving = beside(async move { connection.send(Method::PUT, "/v1/key/create/two", "").await.map(drop) });
    store.until_called(Operation::Create, 2).await;
    leaving.abort();
    assert_eq!(events.next_of("/v1/key/create/two").await["response"]["code"], 499);
    store.release();
}

#[tokio::test]
async fn a_panic_is_an_event() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let mut events = Follow::open(&server.admin(), STREAM).await;
    store.once(Operation::List, Fault::Panic);
    assert_eq!(server.admin().get("/v1/key/list").await.status, 500);
    assert_eq!(events.next().await.expect("an event")["response"]["code"], 500);
}

/// The time is the one of the request's arrival, not of its answer.
#[tokio::test]
async fn events_tell_when_the_request_came() {
    let store = FaultyStore::healthy();
    store.always(Operation::Create, Fault::Hang);
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let admin = server.admin();
    let mut events = Follow::open(&admin, STREAM).await;
    let waiting = beside(async move { admin.put("/v1/key/create/my-key", "").await.status });
    store.until_called(Operation::Create, 1).await;
    // It takes far longer than two clocks of a machine may differ.
    assert_eq!(server.admin().get("/version").await.status, 200);
    let between = Timestamp::from(std::time::SystemTime::now());
    store.release();
    assert_eq!(waiting.await.expect("it ends"), 200);
    let event = events.next_of("/v1/key/create/my-key").await;
    let time = Timestamp::parse(event["time"].as_str().expect("text")).expect("a time");
    assert!(time < between, "{time} is not before {between}");
}

/// A path may have a million bytes, and an event waits in queues.
#[tokio::test]
async fn long_paths_are_cut() {
    let server = TestServer::start().await;
    let mut events = Follow::open(&server.admin(), STREAM).await;
    let path = format!("/v1/key/describe/{}", "x".repeat(50_000));
    assert_eq!(server.admin().get(&path).await.status, 400);
    let event = events.next().await.expect("an event");
    let told = event["request"]["path"].as_str().expect("text");
    assert!(told.len() < 3000 && told.starts_with("/v1/key/describe/xxx") && told.ends_with('…'), "{}", told.len());
}

#[tokio::test]
async fn events_are_counted_whether_or_not_somebody_follows() {
    let server = TestServer::start().await;
    server.admin().create("my-key").await;
    assert_eq!(server.user().get("/v1/key/list").await.status, 403);
    assert_eq!(Exposition::classic(&server).await.value("kes_log_audit_events"), 2.0);
    let _first = Follow::open(&server.admin(), STREAM).await;
    let _second = Follow::open(&server.admin(), STREAM).await;
    server.admin().get("/version").await;
    assert_eq!(Exposition::classic(&server).await.value("kes_log_audit_events"), 3.0);
}

mod file {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use kes_config::{AuditFile, Rotation};
    use serde_json::Value;

    use super::*;

    fn to(path: PathBuf, rotation: Option<Rotation>) -> Build {
        let mut build = Build::default();
        build.log.audit_file = Some(AuditFile { path, rotation });
        build
    }

    fn events(path: &Path) -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Waits until the files hold as many events as were written.
    async fn until_written(paths: &[&Path], count: usize) -> Vec<Value> {
        let all = || paths.iter().flat_map(|path| events(path)).collect::<Vec<_>>();
        let written = async {
            while all().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), written).await.expect("the events are written");
        all()
    }

    #[tokio::test]
    async fn a_file_has_the_events_of_the_stream() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit.log");
        let server = TestServer::with(to(path.clone(), None)).await;
        let mut stream = Follow::open(&server.admin(), STREAM).await;
        server.admin().create("my-key").await;
        assert_eq!(server.user().get("/v1/key/list").await.status, 403);
        let written = until_written(&[&path], 2).await;
        assert_eq!(written, [stream.next().await.expect("an event"), stream.next().await.expect("an event")]);
    }

    #[tokio::test]
    async fn a_file_that_is_large_is_begun_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit.log");
        let rotation = Some(Rotation { max_size: 300, keep: 10 });
        let server = TestServer::with(to(path.clone(), rotation)).await;
        for index in 0..4 {
            server.admin().create(&format!("key-{index}")).await;
        }
        let older = directory.path().join("audit.log.1");
        let oldest = directory.path().join("audit.log.2");
        let written = until_written(&[&oldest, &older, &path], 4).await;
        let paths: Vec<_> = written.iter().map(|event| event["request"]["path"].as_str().expect("text")).collect();
        let expected: Vec<_> = (0..4).map(|index| format!("/v1/key/create/key-{index}")).collect();
        assert_eq!(paths, expected, "oldest first");
        assert_eq!((events(&older).len(), events(&oldest).len()), (2, 2));
    }

    /// Requests are answered whatever becomes of their events, and what is lost is counted.
    #[tokio::test]
    async fn a_full_disk_loses_events_and_nothing_else() {
        let server = TestServer::with(to(PathBuf::from("/dev/full"), None)).await;
        for index in 0..3 {
            server.admin().create(&format!("key-{index}")).await;
        }
        let lost = r#"kes_log_dropped_events_total{log="audit",sink="file"}"#;
        let counted = async { while Exposition::extended(&server).await.value(lost) < 3.0 {} };
        tokio::time::timeout(Duration::from_secs(20), counted).await.expect("the loss is counted");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_says_so() {
        let metrics = kes::server::Metrics::default();
        let file = AuditFile { path: PathBuf::from("/does/not/exist/audit.log"), rotation: None };
        let settings = kes_config::Log { audit_file: Some(file), ..kes_config::Log::default() };
        let error = kes::server::Logs::new(&metrics).change(settings).expect_err("there is no such directory");
        assert!(error.to_string().starts_with("cannot open `log.file.audit.path` /does/not/exist/audit.log: "));
    }
}
