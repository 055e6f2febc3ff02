//! Key stores that fail while they hold secrets, and entries that are secrets and no keys.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use kes_config::keystore::StoreCalls;
use kes_core::SecretBytes;
use kes_core::key::stored;
use kes_keystores::fault::{Fault, FaultyStore, Operation};
use kes_keystores::{FileStore, Guard, KeyStore, Start};

use crate::log;
use crate::secrets::{Canary, Secrets};
use crate::support::{Build, TestServer};

/// Two retries would make every failure wait for a second.
pub fn impatient() -> StoreCalls {
    StoreCalls { retries: 0, outage_wait: Duration::ZERO, ..StoreCalls::default() }
}

fn guarded(store: Arc<dyn KeyStore>) -> Arc<dyn KeyStore> {
    Arc::new(Guard::new(store, impatient()))
}

/// Everything that touches a key, with its answer's status.
pub async fn use_key(server: &TestServer, secrets: &Secrets, key: &str, canary: &Canary) -> Vec<u16> {
    let base64 = canary.base64();
    let connection = &mut server.admin().http2().connect().await.expect("a connection");
    let mut statuses = Vec::new();
    for (method, operation, body) in [
        (Method::PUT, "import", format!(r#"{{"key":"{base64}","cipher":"AES256"}}"#)),
        (Method::PUT, "create", String::new()),
        (Method::GET, "describe", String::new()),
        (Method::PUT, "encrypt", format!(r#"{{"plaintext":"{base64}","context":"{base64}"}}"#)),
        (Method::PUT, "decrypt", format!(r#"{{"ciphertext":"{base64}","context":"{base64}"}}"#)),
        (Method::PUT, "generate", format!(r#"{{"context":"{base64}"}}"#)),
        (Method::PUT, "hmac", format!(r#"{{"message":"{base64}"}}"#)),
        (Method::GET, "list", String::new()),
    ] {
        let path = format!("/v1/key/{operation}/{key}");
        statuses.push(secrets.send(connection, method, &path, &body).await.status.as_u16());
    }
    for path in ["/v1/ready", "/v1/status"] {
        secrets.send(connection, Method::GET, path, "").await;
    }
    statuses
}

#[tokio::test]
async fn failures_of_the_store_tell_nothing_of_what_it_was_given() {
    log::keep();
    let (mut secrets, canary) = (Secrets::default(), Canary::letters());
    secrets.add_key("request", &canary.0);
    let store = FaultyStore::healthy();
    TestServer::with(Build::default().store(store.clone())).await.admin().create("some-key").await;
    secrets.add_stored(&*store, "some-key").await;
    for fault in [Fault::Unavailable, Fault::Denied, Fault::Corrupt, Fault::Panic, Fault::LostAnswer] {
        store.heal();
        // A guard of its own: nothing is asked of a store that is known to be down.
        let mut server = TestServer::with(Build::default().store(guarded(store.clone()))).await;
        assert_eq!(server.admin().get("/v1/ready").await.status, 200);
        store.always_everywhere(&fault);
        let statuses = use_key(&server, &secrets, "some-key", &canary).await;
        assert!(statuses.iter().all(|status| *status == 502) || fault == Fault::LostAnswer, "{fault:?}: {statuses:?}");
        let mut connection = server.admin().connect().await.expect("a connection");
        secrets.send(&mut connection, Method::DELETE, "/v1/key/delete/some-key", "").await;
        server.begin_stop();
        server.stopped().await;
    }
    log::assert_holds_none_of(
        &secrets,
        &["fault: unavailable", "fault: denied", "fault: corrupt", "the answer was lost"],
    );
}

/// Entries that hold `key` and are no keys: what is wrong with each, and its bytes.
fn corrupt_entries(key: &[u8; 32]) -> Vec<(&'static str, Vec<u8>)> {
    let (base64, text) = (STANDARD.encode(key), key.escape_ascii().to_string().replace(['"', '\\'], "?"));
    let json = |members: &str| format!("{{{members}}}").into_bytes();
    let message = |bytes: &[&[u8]]| STANDARD.encode(bytes.concat()).into_bytes();
    vec![
        ("raw bytes", key.to_vec()),
        ("base64 of nothing else", base64.clone().into_bytes()),
        ("a JSON string", format!("\"{base64}\"").into_bytes()),
        ("a JSON array", format!("{key:?}").into_bytes()),
        ("broken JSON", format!("{{\"bytes\":\"{base64}\"").into_bytes()),
        ("too long a key", json(&format!(r#""bytes":"{}""#, STANDARD.encode([key.as_slice(), key].concat())))),
        ("base64 that is none", json(&format!(r#""bytes":"{base64}=""#))),
        ("bytes as an array", json(&format!(r#""bytes":{key:?}"#))),
        ("the key as algorithm", json(&format!(r#""bytes":"{base64}","algorithm":"{text}""#))),
        ("the key as time", json(&format!(r#""bytes":"{base64}","created_at":"{text}""#))),
        ("the key as number of creator", json(&format!(r#""bytes":"{base64}","created_by":{key:?}"#))),
        ("the key as member", json(&format!(r#""{text}":"{base64}""#))),
        ("too short a key", message(&[&[0x0a, 0x23, 0x0a, 0x1f], &key[..31], &[0x10, 1]])),
        ("an unknown type", message(&[&[0x0a, 0x24, 0x0a, 0x20], key, &[0x10, 9]])),
        (
            "an unknown hash",
            message(&[&[0x0a, 0x24, 0x0a, 0x20], key, &[0x10, 1, 0x12, 0x24, 0x0a, 0x20], key, &[0x10, 9]]),
        ),
        ("cut off", message(&[&[0x0a, 0x24, 0x0a, 0x20], &key[..30]])),
        ("cut off in the text", message(&[&[0x0a, 0x24, 0x0a, 0x20], key, &[0x10, 1]])[..47].to_vec()),
        (
            "the key as creator that is no text",
            message(&[&[0x0a, 0x24, 0x0a, 0x20], key, &[0x10, 1, 0x22, 0x21, 0xff], key]),
        ),
        ("a line break and more", format!("{base64}\n{base64}").into_bytes()),
    ]
}

fn shown(value: &(impl Debug + ?Sized)) -> String {
    format!("{value:?} {value:#?}")
}

#[test]
fn reasons_why_an_entry_is_no_key_tell_nothing_of_it() {
    for canary in [Canary::bytes(), Canary::letters()] {
        let mut secrets = Secrets::default();
        secrets.add_key("entry", &canary.0);
        for (what, entry) in corrupt_entries(&canary.0) {
            let error = stored::decode(&entry).expect_err(what);
            secrets.assert_absent(format!("{error} {}", shown(&error)), what);
        }
    }
}

#[tokio::test]
async fn entries_that_are_no_keys_are_told_neither_to_the_client_nor_to_the_log() {
    log::keep();
    let store = FaultyStore::healthy();
    let mut server = TestServer::with(Build::default().store(guarded(store.clone()))).await;
    let mut secrets = Secrets::default();
    let request = Canary::letters();
    secrets.add_key("request", &request.0);
    for canary in [Canary::bytes(), Canary::letters()] {
        secrets.add_key("entry", &canary.0);
        for (what, entry) in corrupt_entries(&canary.0) {
            store.always(Operation::Get, Fault::Garbage(entry));
            let statuses = use_key(&server, &secrets, "garbled", &request).await;
            assert_eq!(statuses[2..7], [502; 5], "{what}");
        }
    }
    server.begin_stop();
    server.stopped().await;
    log::assert_holds_none_of(&secrets, &["the entry of key `garbled` is no key"]);
}

#[tokio::test]
async fn files_that_are_no_keys_are_told_neither_to_the_client_nor_to_the_log() {
    log::keep();
    let directory = tempfile::tempdir().expect("a directory");
    let is_stored_key = |value: &[u8]| stored::decode(value).is_ok();
    let store = FileStore::open(directory.path().to_owned(), Start::Process, is_stored_key).await.expect("a store");
    let store = guarded(Arc::new(store));
    let mut server = TestServer::with(Build::default().store(store.clone())).await;
    let mut secrets = Secrets::default();
    let request = Canary::letters();
    secrets.add_key("request", &request.0);
    for canary in [Canary::bytes(), Canary::letters()] {
        secrets.add_key("entry", &canary.0);
        for (number, (what, entry)) in corrupt_entries(&canary.0).into_iter().enumerate() {
            // The second name is one that only keys may have.
            for name in [format!("file-{number}"), format!("file.{number}")] {
                std::fs::write(directory.path().join(&name), &entry).expect("written");
                let statuses = use_key(&server, &secrets, &name, &request).await;
                assert_eq!(statuses[2..7], [502; 5], "{what}");
                let mut connection = server.admin().connect().await.expect("a connection");
                secrets.send(&mut connection, Method::DELETE, &format!("/v1/key/delete/{name}"), "").await;
            }
        }
    }
    server.begin_stop();
    server.stopped().await;
    log::assert_holds_none_of(&secrets, &["the entry of key `file-0` is no key", "`file.0` in `"]);
}

#[tokio::test]
async fn stores_show_nothing_of_what_they_hold() {
    let mut secrets = Secrets::default();
    let canary = Canary::letters();
    secrets.add_key("entry", &canary.0);
    let store = FaultyStore::healthy();
    let name = "some-key".parse().expect("a name");
    let created = store.create(&name, &SecretBytes::from(canary.0.as_slice())).await;
    secrets.assert_absent(shown(&created), "an answer");
    secrets.assert_absent(shown(&store.get(&name).await), "an answer");
    secrets.assert_absent(shown(&*store), "a store");
    secrets.assert_absent(shown(&*guarded(store)), "a guard");
}
