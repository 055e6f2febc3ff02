//! Names and patterns: every length at the border, every byte, reserved ones, and those of older releases.

use std::sync::Arc;

use http::Method;
use kes_core::key::stored;
use kes_core::{KeyName, SecretBytes};
use kes_keystores::{Created, FileStore, KeyStore, MemoryStore, Start};

use crate::support::{Build, Connection, TestServer, error};

/// The routes of a key that exists: any name that an older release may have made. All take this body.
const LENIENT: [(Method, &str); 6] = [
    (Method::GET, "/v1/key/describe/"),
    (Method::PUT, "/v1/key/encrypt/"),
    (Method::PUT, "/v1/key/generate/"),
    (Method::PUT, "/v1/key/decrypt/"),
    (Method::PUT, "/v1/key/hmac/"),
    (Method::DELETE, "/v1/key/delete/"),
];

/// The routes that make a key.
const STRICT: [(Method, &str); 2] = [(Method::PUT, "/v1/key/create/"), (Method::PUT, "/v1/key/import/")];

const BODY: &str = r#"{"key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","cipher":"AES256"}"#;

/// A key as the store holds it: vector K1 of `formats.md`.
const STORED: &str = "CiQKIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fEAESJAogICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8QARoMCPDtyLEGEPm+nfgCIkBlYTk4MjYwODkzMTFmZTQ0ZDc1OTA0MDhlZGU5MTUwZjdjNjM3YjZjYWIwYTkxZWU2ZmUxYWE1ZDlmYjM2NmY2";

async fn plant(store: &dyn KeyStore, name: &str) {
    let name = KeyName::stored(name).expect("a name that can be stored");
    let planted = store.create(&name, &SecretBytes::from(STORED.as_bytes())).await.expect("stored");
    assert_eq!(planted, Created::New);
}

fn no_key_name(name: &str) -> String {
    error(400, &format!("key name '{name}' is empty, too long or contains invalid characters"))
}

fn absent() -> String {
    error(404, "key does not exist")
}

/// A byte as it has to stand in a URL.
fn escaped(byte: u8) -> String {
    format!("%{byte:02X}")
}

async fn line(connection: &mut Connection, method: Method, path: &str, body: &str) -> String {
    connection.send(method, path, body).await.expect("an answer").line()
}

#[tokio::test]
async fn names_have_1_to_80_bytes() {
    let server = TestServer::start().await;
    for admin in server.admin().over_both() {
        let mut connection = admin.connect().await.expect("a connection");
        let (longest, too_long) = ("a".repeat(80), "a".repeat(81));
        for (method, route) in LENIENT {
            assert_eq!(line(&mut connection, method.clone(), route, "{}").await, no_key_name(""), "{route}");
            for name in ["a", longest.as_str()] {
                assert_eq!(line(&mut connection, method.clone(), &format!("{route}{name}"), "{}").await, absent());
            }
            let path = format!("{route}{too_long}");
            assert_eq!(line(&mut connection, method, &path, "{}").await, no_key_name(&too_long), "{route}");
        }
        for (method, route) in STRICT {
            assert_eq!(line(&mut connection, method.clone(), route, BODY).await, no_key_name(""), "{route}");
            let path = format!("{route}{too_long}");
            assert_eq!(line(&mut connection, method.clone(), &path, BODY).await, no_key_name(&too_long), "{route}");
            for name in ["a", longest.as_str()] {
                assert_eq!(line(&mut connection, method.clone(), &format!("{route}{name}"), BODY).await, "200");
                let path = format!("/v1/key/delete/{name}");
                assert_eq!(line(&mut connection, Method::DELETE, &path, "").await, "200");
            }
        }
        // Bytes count after they were decoded.
        let decoded = format!("/v1/key/describe/{}", escaped(b'a').repeat(80));
        assert_eq!(line(&mut connection, Method::GET, &decoded, "").await, absent());
        let two_each = |count: usize| format!("/v1/key/describe/{}", "%C3%A9".repeat(count));
        assert_eq!(line(&mut connection, Method::GET, &two_each(40), "").await, absent());
        assert_eq!(line(&mut connection, Method::GET, &two_each(41), "").await, no_key_name(&"é".repeat(41)));
    }
}

#[tokio::test]
async fn every_byte_is_decided_in_names_of_new_keys() {
    let server = TestServer::start().await;
    let mut connection = server.admin().connect().await.expect("a connection");
    for (method, route) in STRICT {
        let operation = &route["/v1/key/".len()..route.len() - 1];
        for byte in 0..=u8::MAX {
            let path = format!("{route}{operation}-a{}x", escaped(byte));
            let answer = connection.send(method.clone(), &path, BODY).await.expect("an answer");
            let is_name_byte = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            assert_eq!(answer.status, if is_name_byte { 200 } else { 400 }, "byte {byte} on {route}");
            if !is_name_byte {
                let shown = if byte.is_ascii() { char::from(byte) } else { '\u{fffd}' };
                let message =
                    format!("key name '{operation}-a{shown}x' is empty, too long or contains invalid characters");
                assert_eq!(answer.member("message"), message, "byte {byte} on {route}");
            }
        }
    }
}

/// Whatever older releases took as a name goes on working, as far as a store can have it (decision 19).
#[tokio::test]
async fn every_byte_is_decided_in_names_of_keys_that_exist() {
    let server = TestServer::start().await;
    let mut connection = server.admin().connect().await.expect("a connection");
    for (method, route) in LENIENT {
        for byte in 0..=u8::MAX {
            let answer = connection.send(method.clone(), &format!("{route}a{}x", escaped(byte)), "{}").await;
            let answer = answer.expect("an answer");
            if byte == b'/' || byte.is_ascii_control() || !byte.is_ascii() {
                let shown = if byte.is_ascii() { char::from(byte) } else { '\u{fffd}' };
                let message = format!("key name 'a{shown}x' is empty, too long or contains invalid characters");
                assert_eq!(
                    (answer.status.as_u16(), answer.member("message")),
                    (400, message),
                    "byte {byte} on {route}"
                );
            } else {
                assert_eq!(answer.line(), absent(), "byte {byte} on {route}");
            }
        }
    }
}

#[tokio::test]
async fn a_name_is_one_segment_of_text() {
    let server = TestServer::start().await;
    let mut connection = server.admin().connect().await.expect("a connection");
    for (name, status) in [
        ("%2e", 400),
        ("%2e%2e", 400),
        ("%2e%2e%2fx", 400),
        ("a/b", 400),
        ("a%2fb", 400),
        ("a%00", 400),
        ("a%0A", 400),
        ("a%7F", 400),
        // A control character of two bytes; a text cut short; a surrogate; longer than it need be.
        ("a%C2%85", 400),
        ("a%C3", 400),
        ("%ED%A0%80", 400),
        ("%C0%AF", 400),
        ("%FF%FE", 400),
        // The replacement character itself is text like any other.
        ("%EF%BF%BD", 404),
        ("%E2%98%B0", 404),
        ("a%252Fb", 404),
        ("a%5Cb", 404),
        ("%2Ehidden", 404),
        ("...", 404),
        ("a%20b", 404),
        ("my*", 404),
        ("~a", 404),
        ("-a", 404),
        ("_", 404),
    ] {
        for (method, route) in LENIENT {
            let answer = connection.send(method, &format!("{route}{name}"), "{}").await.expect("an answer");
            assert_eq!(answer.status, status, "{route}{name}");
        }
        let answer = connection.send(Method::PUT, &format!("/v1/key/create/{name}"), "").await.expect("an answer");
        assert_eq!(answer.status, 400, "no new key is named {name}");
    }
}

#[tokio::test]
async fn a_key_with_a_name_of_older_releases_goes_on_working() {
    let store = Arc::new(MemoryStore::new());
    for name in ["my.key", "old-", "-a", "a b", "☰"] {
        plant(&*store, name).await;
    }
    let server = TestServer::with(Build::default().store(store)).await;
    let admin = server.admin();
    for (name, raw) in [("my.key", "my.key"), ("old-", "old-"), ("-a", "-a"), ("a b", "a%20b"), ("☰", "%E2%98%B0")] {
        let path = |operation: &str| format!("/v1/key/{operation}/{raw}");
        assert_eq!(admin.get(&path("describe")).await.member("name"), name);
        let sealed = admin.put(&path("encrypt"), r#"{"plaintext":"eA=="}"#).await.member("ciphertext");
        let opened = admin.put(&path("decrypt"), &format!(r#"{{"ciphertext":"{sealed}"}}"#)).await;
        assert_eq!(opened.line(), r#"200 {"plaintext":"eA=="}"#, "{name}");
        assert_eq!(admin.put(&path("generate"), "").await.status, 200, "{name}");
        assert_eq!(admin.put(&path("hmac"), "{}").await.status, 200, "{name}");
        assert_eq!(admin.put(&path("create"), "").await.line(), no_key_name(name));
        assert_eq!(admin.put(&path("import"), BODY).await.line(), no_key_name(name));
        assert_eq!(admin.get("/v1/key/list/").await.line(), r#"200 {"names":[]}"#, "{name} is not listed");
        assert_eq!(admin.delete(&path("delete")).await.line(), "200", "{name}");
        assert_eq!(admin.get(&path("describe")).await.line(), absent(), "{name}");
    }
}

/// What a directory cannot hold safely is refused like any bad name.
#[tokio::test]
async fn a_name_that_the_store_cannot_address_is_400() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = FileStore::open(directory.path().to_owned(), Start::Process, |value| stored::decode(value).is_ok());
    let store = store.await.expect("a store");
    plant(&store, "my.key").await;
    let server = TestServer::with_store(store).await;
    let mut connection = server.admin().connect().await.expect("a connection");
    for (name, raw, reachable) in
        [("my.key", "my.key", true), (".hidden", ".hidden", false), ("...", "...", false), ("a\\\\b", "a%5Cb", false)]
    {
        for (method, route) in LENIENT {
            let answer = line(&mut connection, method, &format!("{route}{raw}"), "{}").await;
            if reachable {
                assert!(answer.starts_with("200") || answer.starts_with("400 {\"message\":\"decryption"), "{answer}");
            } else {
                assert_eq!(answer, no_key_name(name), "{route}{raw}");
            }
        }
    }
}

/// `<name>--<letter><digits>-` is the service's own (decision 33).
#[tokio::test]
async fn reserved_names_cannot_be_named_and_are_not_listed() {
    let store = Arc::new(MemoryStore::new());
    let longest = format!("{}--v{}-", "a".repeat(60), "1".repeat(16));
    let reserved = ["my-key--v2-", "my-key--b1700000000-", "----v1-", longest.as_str()];
    for name in ["my-key", "my-key--v2", "my-key--2-x"].into_iter().chain(reserved) {
        plant(&*store, name).await;
    }
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let admin = server.admin();
    for name in reserved {
        for (method, route) in LENIENT.into_iter().chain(STRICT) {
            let answer = admin.send(method, &format!("{route}{name}"), BODY).await;
            assert_eq!(answer.line(), no_key_name(name), "{route}");
        }
        let kept = store.get(&KeyName::stored(name).expect("a name")).await.expect("read");
        assert!(kept.is_some(), "{name} is untouched");
    }
    for pattern in ["", "*", "my-key*", "my-key--", "my-key--v2-~my-key"] {
        let listed = admin.get(&format!("/v1/key/list/{pattern}")).await.body;
        assert!(!listed.contains("--v2-\"") && !listed.contains("--b17"), "{pattern}: {listed}");
    }
    assert_eq!(admin.get("/v1/key/list/").await.line(), r#"200 {"names":["my-key","my-key--2-x","my-key--v2"]}"#);
    assert_eq!(admin.get("/v1/key/list/my-key--v2-").await.line(), r#"200 {"names":[]}"#, "a pattern is no name");
}

#[tokio::test]
async fn policies_and_identities_have_strict_names() {
    let server = TestServer::start().await;
    let mut connection = server.admin().connect().await.expect("a connection");
    for (route, what) in
        [("/v1/policy/describe/", "policy"), ("/v1/policy/read/", "policy"), ("/v1/identity/describe/", "identity")]
    {
        let called = if what == "policy" { "policy name" } else { what };
        let unnamed =
            |name: &str| error(400, &format!("{called} '{name}' is empty, too long or contains invalid characters"));
        let none = error(404, &format!("{what} does not exist"));
        let (longest, too_long) = ("a".repeat(80), "a".repeat(81));
        for name in ["a", &longest, "_-___---_", "0", "_0"] {
            assert_eq!(line(&mut connection, Method::GET, &format!("{route}{name}"), "").await, none, "{name}");
        }
        for name in ["", &too_long, "_", "-a", "a-", "my.key", "my*", "a~b"] {
            assert_eq!(line(&mut connection, Method::GET, &format!("{route}{name}"), "").await, unnamed(name));
        }
        for byte in 0..=u8::MAX {
            let answer = connection.send(Method::GET, &format!("{route}a{}x", escaped(byte)), "").await;
            let is_name_byte = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            assert_eq!(answer.expect("an answer").status, if is_name_byte { 404 } else { 400 }, "byte {byte}");
        }
    }
}

#[tokio::test]
async fn every_length_and_byte_of_a_pattern_is_decided() {
    let server = TestServer::start().await;
    for route in ["/v1/key/list/", "/v1/policy/list/", "/v1/identity/list/"] {
        let mut connection = server.admin().connect().await.expect("a connection");
        let (a80, a81) = ("a".repeat(80), "a".repeat(81));
        let good = ["", "*", "a", "my*", "_-*", "my-", "my-*", "_*", "__", &a80, &format!("{}*", &a80[1..])];
        for pattern in good.into_iter().chain([format!("{a80}~{a80}").as_str(), "~a", "my-~a"]) {
            let answer = connection.send(Method::GET, &format!("{route}{pattern}"), "").await.expect("an answer");
            assert_eq!(answer.status, 200, "{route}{pattern}");
        }
        let bad = ["_", "-a", "-*", "**", "m*y", "*-*", "my.key", "a/b", &a81, &format!("{a80}*"), "~", "a~", "a~-b"];
        for pattern in bad.into_iter().chain([format!("{a80}a~b").as_str(), &format!("b~{a80}a"), "a~b~c", "a*~b"]) {
            let refused = error(400, &format!("listing pattern '{pattern}' is empty, too long or is invalid"));
            assert_eq!(line(&mut connection, Method::GET, &format!("{route}{pattern}"), "").await, refused);
        }
        for byte in 0..=u8::MAX {
            let answer = connection.send(Method::GET, &format!("{route}a{}x", escaped(byte)), "").await;
            // With `~` inside, the pattern is a token.
            let fits = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
            assert_eq!(answer.expect("an answer").status, if fits { 200 } else { 400 }, "byte {byte} on {route}");
            let answer = connection.send(Method::GET, &format!("{route}a{}", escaped(byte)), "").await;
            let fits = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'*');
            assert_eq!(answer.expect("an answer").status, if fits { 200 } else { 400 }, "byte {byte} ends {route}");
        }
    }
}
