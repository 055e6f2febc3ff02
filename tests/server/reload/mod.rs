//! A server that goes on with another state (`server-api.md` §16.3, D-26, decision 37): all of it or nothing.

mod stores;
mod storm;

use http::Method;
use kes_keystores::fault::{Fault, FaultyStore, Operation};

use crate::support::{Build, TestServer, USER, error};

fn insufficient() -> String {
    error(403, "not authorized: insufficient permissions")
}

/// A server whose only policy allows its user this.
fn allowing(allow: &'static str, identities: &[&str]) -> Build {
    Build { policies: Vec::new(), ..Build::default() }.policy("app", &[allow], &[], identities)
}

#[tokio::test]
async fn open_connections_meet_the_new_policies_with_their_next_request() {
    let mut server = TestServer::with(allowing("/v1/key/create/a*", &[USER])).await;
    let [over_http1, over_http2] = server.user().over_both();
    let mut connections =
        [over_http1.connect().await.expect("a connection"), over_http2.connect().await.expect("a connection")];
    for (index, connection) in connections.iter_mut().enumerate() {
        let path = format!("/v1/key/create/a{index}");
        assert_eq!(connection.send(Method::PUT, &path, "").await.expect("an answer").line(), "200");
    }
    server.reload(allowing("/v1/key/create/b*", &[USER])).await.expect("reloaded");
    for (index, connection) in connections.iter_mut().enumerate() {
        let answer = connection.send(Method::PUT, "/v1/key/create/a", "").await.expect("an answer");
        assert_eq!(answer.line(), insufficient());
        let path = format!("/v1/key/create/b{index}");
        assert_eq!(connection.send(Method::PUT, &path, "").await.expect("an answer").line(), "200");
    }
    server.reload(allowing("/v1/key/create/b*", &[])).await.expect("reloaded");
    for connection in &mut connections {
        let answer = connection.send(Method::PUT, "/v1/key/create/b", "").await.expect("an answer");
        assert_eq!(answer.line(), insufficient(), "the identity was revoked");
    }
}

#[tokio::test]
async fn the_administrator_is_another_one_at_once() {
    let mut server = TestServer::start().await;
    let mut connection = server.admin().connect().await.expect("a connection");
    assert_eq!(connection.send(Method::PUT, "/v1/key/create/a", "").await.expect("an answer").line(), "200");
    server.reload(Build { admin: USER.to_owned(), policies: Vec::new(), ..Build::default() }).await.expect("reloaded");
    let answer = connection.send(Method::PUT, "/v1/key/create/b", "").await.expect("an answer");
    assert_eq!(answer.line(), insufficient());
    assert_eq!(server.user().put("/v1/key/create/b", "").await.line(), "200");
}

#[tokio::test]
async fn open_connections_go_on_and_new_ones_see_the_new_certificate() {
    let mut server = TestServer::start().await;
    let old = server.admin();
    let mut connection = old.connect().await.expect("a connection");
    server.reload(Build::default()).await.expect("reloaded");
    assert_eq!(connection.send(Method::GET, "/v1/ready", "").await.expect("an answer").line(), "200");
    assert!(old.connect().await.is_err(), "it trusts the old certificate alone");
    assert_eq!(server.admin().get("/v1/ready").await.line(), "200");
}

#[tokio::test]
async fn a_predefined_key_that_cannot_be_made_leaves_all_as_it_was() {
    let store = FaultyStore::healthy();
    let mut server = TestServer::with(allowing("/v1/key/create/a*", &[USER]).store(store.clone())).await;
    let other = FaultyStore::healthy();
    for (new, broken) in [(None, &store), (Some(other.clone()), &other)] {
        broken.once(Operation::Get, Fault::Unavailable);
        let mut build = allowing("/v1/key/create/b*", &[USER]);
        build.store = new.map(|store| store as _);
        build.keys = vec!["first".parse().expect("a name"), "second".parse().expect("a name")];
        let failure = server.reload(build).await.expect_err("the store fails").to_string();
        assert!(failure.starts_with("cannot create the predefined key `first`: "), "{failure}");
        assert_eq!(server.user().put("/v1/key/create/b", "").await.line(), insufficient());
    }
    assert_eq!(server.user().put("/v1/key/create/a", "").await.line(), "200");
    assert!(other.is_closed() && !store.is_closed(), "the one that came with it was closed");
    assert_eq!(server.admin().get("/v1/key/list/").await.body, r#"{"names":["a"]}"#.to_owned() + "\n");
    let mut build = allowing("/v1/key/create/b*", &[USER]);
    build.keys = vec!["first".parse().expect("a name")];
    server.reload(build).await.expect("reloaded");
    assert_eq!(server.admin().get("/v1/key/describe/first").await.status, 200);
}

/// Uptime and counters belong to the process.
#[tokio::test]
async fn counters_go_on() {
    let mut server = TestServer::start().await;
    server.admin().create("a").await;
    server.reload(Build { extended_metrics: false, ..Build::default() }).await.expect("reloaded");
    server.admin().create("b").await;
    let metrics = server.admin().get("/v1/metrics?format=extended").await.body;
    assert!(metrics.contains("\nkes_http_request_success{code=\"200\"} 2\n"), "{metrics}");
    assert!(!metrics.contains("kes_cache"), "the extended ones were turned off");
}
