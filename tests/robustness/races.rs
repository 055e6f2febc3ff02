//! Two servers over one directory, which know nothing of one another.

use futures_util::future::join_all;
use http::Method;

use crate::store::Directory;
use crate::support::Connection;

/// Requests at once, half of them at each server.
const CLIENTS: usize = 64;

async fn connections(directory: &Directory) -> (Vec<Connection>, [crate::support::TestServer; 2]) {
    let servers = [directory.server().await, directory.server().await];
    let connect = |number: usize| {
        let client = servers[number % 2].admin();
        async move { client.connect().await.expect("a connection") }
    };
    (join_all((0..CLIENTS).map(connect)).await, servers)
}

async fn send_all(connections: &mut [Connection], method: Method, path: &str, body: &str) -> Vec<String> {
    let send = |connection| {
        let method = method.clone();
        async move { Connection::send(connection, method, path, body).await.expect("an answer").line() }
    };
    join_all(connections.iter_mut().map(send)).await
}

fn count(lines: &[String], line: &str) -> usize {
    lines.iter().filter(|found| *found == line).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_creates_of_one_name_exactly_one_succeeds() {
    let directory = Directory::new();
    let (mut connections, servers) = connections(&directory).await;
    for round in 0..8 {
        let name = format!("contested-{round}");
        let created = send_all(&mut connections, Method::PUT, &format!("/v1/key/create/{name}"), "").await;
        let taken = count(&created, r#"400 {"message":"key already exists"¶}"#);
        assert_eq!((count(&created, "200"), taken), (1, CLIENTS - 1), "{created:?}");

        // And it is the same key for everybody.
        let sealed = servers[0].admin().put(&format!("/v1/key/encrypt/{name}"), r#"{"plaintext":"AAAA"}"#).await;
        let body = format!(r#"{{"ciphertext":"{}"}}"#, sealed.member("ciphertext"));
        let opened = servers[1].admin().put(&format!("/v1/key/decrypt/{name}"), &body).await;
        assert_eq!(opened.line(), r#"200 {"plaintext":"AAAA"}"#);
    }
    assert_eq!(directory.names().len(), 8, "{:?}", directory.names());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_imports_of_one_name_exactly_one_succeeds() {
    let directory = Directory::new();
    let (mut connections, _servers) = connections(&directory).await;
    let body = r#"{"bytes":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#;
    for round in 0..4 {
        let imported = send_all(&mut connections, Method::POST, &format!("/v1/key/import/brought-{round}"), body).await;
        let taken = count(&imported, r#"400 {"message":"key already exists"¶}"#);
        assert_eq!((count(&imported, "200"), taken), (1, CLIENTS - 1), "{imported:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_deletes_of_one_name_exactly_one_succeeds() {
    let directory = Directory::new();
    let (mut connections, servers) = connections(&directory).await;
    for round in 0..4 {
        let name = format!("doomed-{round}");
        servers[0].admin().create(&name).await;
        let deleted = send_all(&mut connections, Method::DELETE, &format!("/v1/key/delete/{name}"), "").await;
        let absent = count(&deleted, r#"404 {"message":"key does not exist"¶}"#);
        assert_eq!((count(&deleted, "200"), absent), (1, CLIENTS - 1), "{deleted:?}");
    }
    assert!(directory.names().is_empty(), "{:?}", directory.names());
}
