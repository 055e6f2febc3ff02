//! Those who watch a server: clients that follow its logs, readers of its audit file, scrapers, probes and the program
//! that asks for its health.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kes::server::Health;
use kes::server::log::ErrorLog;
use kes_config::AuditFile;
use kes_keystores::Guard;
use kes_keystores::fault::{Fault, FaultyStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing_subscriber::layer::SubscriberExt;

use crate::log;
use crate::requests::{misuse_every_route, use_every_route};
use crate::secrets::{Canary, Secrets};
use crate::stores::{impatient, use_key};
use crate::support::{ADMIN_KEY, Build, Exposition, Follow, TestServer, beside};

/// Where something was seen, and what.
type Seen = (String, String);

/// Everything that a log tells until the server ends.
async fn follow(mut events: Follow, place: String) -> Seen {
    let mut text = String::new();
    while let Some(event) = events.next().await {
        text += &event.to_string();
        text.push('\n');
    }
    (place, text)
}

/// What probes are told, whatever they send.
async fn probe(address: SocketAddr, canary: &Canary) -> Vec<Seen> {
    let (text, base64) = (canary.text(), canary.base64());
    let mut seen = Vec::new();
    for path in ["/healthz", "/ready", "/metrics", "/other"] {
        for request in [
            format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
            format!("GET {path}?{text} HTTP/1.1\r\nHost: {text}\r\nCookie: {base64}\r\nConnection: close\r\n\r\n"),
            format!("PUT {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 44\r\nConnection: close\r\n\r\n{base64}"),
            format!("GET {path} HTTP/1.1\r\n{text} {base64}\r\n\r\n"),
        ] {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.write_all(request.as_bytes()).await.expect("sent");
            let mut answer = Vec::new();
            // A connection that is cut has ended, too.
            let _ = stream.read_to_end(&mut answer).await;
            seen.push((format!("what probes get at {path}"), String::from_utf8_lossy(&answer).into_owned()));
        }
    }
    seen
}

/// What `kes healthcheck` says of both listeners, with good and bad credentials.
async fn healthchecks(health: &Health, server: &TestServer, canary: &Canary) -> Vec<Seen> {
    let (plain, api) = (format!("http://{}", health.address()), format!("https://{}", server.address));
    let mut seen = Vec::new();
    for key in [ADMIN_KEY.to_owned(), format!("kes:v1:{}", canary.text()), canary.base64(), String::new()] {
        for url in [&plain, &api] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_kes"));
            command.args(["healthcheck", "-k", url]).env_clear().env("KES_API_KEY", &key);
            // The server has this thread, and has to answer.
            let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
            let output = output.expect("the program runs");
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            seen.push((format!("the output of `kes healthcheck {url}`"), said));
        }
    }
    seen
}

/// What is told to whoever asks for it.
async fn ask_all(health: &Health, server: &TestServer, canary: &Canary) -> Vec<Seen> {
    let mut seen = healthchecks(health, server, canary).await;
    seen.extend(probe(health.address(), canary).await);
    seen.push(("the metrics that all know".to_owned(), Exposition::classic(server).await.0));
    seen.push(("our own metrics".to_owned(), Exposition::extended(server).await.0));
    seen
}

#[tokio::test]
async fn whoever_watches_a_server_sees_no_secret() {
    log::keep();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("audit.log");
    let store = FaultyStore::healthy();
    let mut build = Build::default();
    build.log.audit_file = Some(AuditFile { path: file.clone(), rotation: None });
    let guard = Guard::observed(store.clone(), impatient(), build.metrics.store_observer());
    let (health, mut server) = TestServer::with_probes(build.store(Arc::new(guard))).await;
    // The server runs on this thread.
    let log = tracing_subscriber::registry().with(ErrorLog::to(server.logs.clone()));
    let _log = tracing::subscriber::set_default(log);
    let mut following = Vec::new();
    for client in server.admin().over_both() {
        for path in ["/v1/log/error", "/v1/log/audit"] {
            let place = format!("{path} over {:?}", client.protocol);
            following.push(beside(follow(Follow::open(&client, path).await, place)));
        }
    }

    let mut secrets = Secrets::default();
    let canary = Canary::letters();
    secrets.add_key("request", &canary.0);
    let admin_key = STANDARD.decode(ADMIN_KEY.trim_start_matches("kes:v1:")).expect("base64");
    secrets.add_key("API key", &admin_key[1..]);
    let mut all = Vec::new();
    for client in server.admin().over_both() {
        let connection = &mut client.connect().await.expect("a connection");
        all.push(use_every_route(connection, &*store).await);
        misuse_every_route(connection, &secrets, &[canary]).await;
    }
    let mut seen = ask_all(&health, &server, &canary).await;
    server.admin().create("some-key").await;
    secrets.add_stored(&*store, "some-key").await;
    // The last two take the store down, after which only probes go to it.
    for fault in [Fault::Denied, Fault::Corrupt, Fault::LostAnswer, Fault::Panic] {
        store.always_everywhere(&fault);
        use_key(&server, &secrets, "some-key", &canary).await;
    }
    seen.extend(ask_all(&health, &server, &canary).await);
    all.push(secrets);
    server.begin_stop();
    server.stopped().await;
    health.stop().await;
    for stream in following {
        seen.push(stream.await.expect("it ends well"));
    }
    server.logs.flush();
    seen.push(("the audit file".to_owned(), std::fs::read_to_string(&file).expect("text")));

    for (place, text) in &seen {
        all.iter().for_each(|secrets| secrets.assert_absent(text, place));
    }
    // There was something to be seen.
    for (place, expected) in [
        ("/v1/log/error over Http1", "fault: corrupt"),
        ("/v1/log/error over Http2", "the answer was lost"),
        ("/v1/log/audit over Http1", "/v1/key/import/imported-3"),
        ("/v1/log/audit over Http2", "\"code\":502"),
        ("the audit file", "/v1/key/decrypt/created"),
        ("what probes get at /metrics", "kes_store_errors_total{error=\"denied\",operation=\"get\"}"),
        ("what probes get at /ready", "key store is not reachable"),
        ("our own metrics", "kes_route_response_seconds_count{code=\"502\",route=\"/v1/key/decrypt/\"}"),
        ("the metrics that all know", "kes_http_request_failure{code=\"502\"}"),
        ("the output of `kes healthcheck http", "not ready: key store is not reachable"),
        ("the output of `kes healthcheck https", "ready\n"),
    ] {
        let mut texts = seen.iter().filter(|(seen, _)| seen.starts_with(place)).map(|(_, text)| text);
        assert!(texts.any(|text| text.contains(expected)), "`{expected}` is nowhere in {place}");
    }
}
