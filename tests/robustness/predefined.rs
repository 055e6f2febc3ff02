//! Keys that the configuration wants to exist before the first client is served.

use std::net::SocketAddr;
use std::sync::Arc;

use kes::server::Server;
use kes_keystores::KeyStore;
use kes_keystores::fault::{Fault, FaultyStore, Operation};

use crate::store::Directory;
use crate::support::{ADMIN, Build, TestServer};

fn build(store: Arc<dyn KeyStore>, names: &[&str]) -> Build {
    let mut build = Build::default().store(store);
    build.keys = names.iter().map(|name| name.parse().expect("a name")).collect();
    build
}

/// Why a server over `store` does not start.
async fn refusal(store: Arc<dyn KeyStore>, names: &[&str]) -> String {
    let (settings, _) = build(store.clone(), names).settings();
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::start(address, settings, store).await.expect_err("the key cannot be made").to_string()
}

#[tokio::test]
async fn they_are_made_if_they_are_missing_and_left_alone_if_not() {
    let directory = Directory::new();
    let server = TestServer::with(build(directory.store().await, &["wanted", "wanted-too"])).await;
    assert_eq!(directory.names(), ["wanted", "wanted-too"]);
    let described = server.admin().get("/v1/key/describe/wanted").await;
    assert_eq!(described.member("created_by"), ADMIN);
    let content = std::fs::read(directory.file("wanted")).expect("a key");

    let server = TestServer::with(build(directory.store().await, &["wanted", "wanted-later"])).await;
    assert_eq!(std::fs::read(directory.file("wanted")).expect("a key"), content);
    assert_eq!(directory.names(), ["wanted", "wanted-later", "wanted-too"]);
    assert_eq!(server.admin().get("/v1/key/describe/wanted-later").await.status, 200);
}

#[tokio::test]
async fn several_servers_that_start_at_once_make_each_of_them_once() {
    let directory = Directory::new();
    let mut starts = Vec::new();
    for _ in 0..4 {
        starts.push(TestServer::with(build(directory.store().await, &["shared-0", "shared-1"])));
    }
    let servers = futures_util::future::join_all(starts).await;
    let sealed = servers[0].admin().put("/v1/key/encrypt/shared-1", "{}").await.member("ciphertext");
    for server in &servers {
        let opened = server.admin().put("/v1/key/decrypt/shared-1", &format!(r#"{{"ciphertext":"{sealed}"}}"#)).await;
        assert_eq!(opened.line(), r#"200 {"plaintext":""}"#);
    }
}

#[tokio::test]
async fn a_failure_stops_the_start_and_names_the_key() {
    let directory = Directory::new();
    let store = directory.store().await;
    directory.take_away();
    let message = refusal(store, &["wanted"]).await;
    assert!(message.starts_with("cannot create the predefined key `wanted`: key store unavailable: "), "{message}");

    for (operation, fault) in
        [(Operation::Get, Fault::Denied), (Operation::Create, Fault::Unavailable), (Operation::Get, Fault::Corrupt)]
    {
        let store = FaultyStore::healthy();
        store.always(operation, fault);
        let message = refusal(store, &["first", "second"]).await;
        assert!(message.starts_with("cannot create the predefined key `first`: key store "), "{message}");
    }
}
