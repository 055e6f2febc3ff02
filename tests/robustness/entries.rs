//! Entries that are no keys, or not any more.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;

use crate::log;
use crate::store::Directory;

/// What entries can turn into, by name.
fn damaged(whole: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut flipped = whole.to_vec();
    flipped[0] ^= 1;
    vec![
        ("damaged-empty", Vec::new()),
        ("damaged-half", whole[..whole.len() / 2].to_vec()),
        ("damaged-short", whole[..whole.len() - 1].to_vec()),
        ("damaged-bit", flipped),
        ("damaged-zeros", vec![0; whole.len()]),
        ("damaged-text", b"not a key".to_vec()),
        ("damaged-json", br#"{"bytes":"AAAA"}"#.to_vec()),
        ("damaged-object", b"{}".to_vec()),
        ("damaged-null", b"null".to_vec()),
        ("damaged-deep", b"[".repeat(100_000)),
        ("damaged-protobuf", STANDARD.encode([0x1a, 0]).into_bytes()),
        ("damaged-length", STANDARD.encode([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]).into_bytes()),
        ("damaged-huge", vec![b'A'; 1024 * 1024 + 1]),
        ("damaged-large", vec![b'A'; 1024 * 1024]),
    ]
}

#[tokio::test]
async fn a_damaged_entry_is_a_failure_that_is_logged_once_and_can_be_cleared() {
    let directory = Directory::new();
    let server = directory.server().await;
    let admin = server.admin();
    admin.create("whole").await;
    let whole = std::fs::read(directory.file("whole")).expect("a key");
    for (name, content) in damaged(&whole) {
        directory.plant(name, &content);
        for (method, operation, body) in [
            (Method::GET, "describe", ""),
            (Method::PUT, "encrypt", "{}"),
            (Method::PUT, "decrypt", "{}"),
            (Method::PUT, "generate", ""),
            (Method::PUT, "hmac", "{}"),
        ] {
            let path = format!("/v1/key/{operation}/{name}");
            let answer = admin.send(method, &path, body).await;
            assert_eq!(answer.line(), r#"502 {"message":"failed to read key"¶}"#, "{path}");
            let lines = log::lines_with(&format!("req.path={path} "));
            assert_eq!(lines.len(), 1, "{path}: {lines:?}");
            assert!(lines[0].contains(" level=ERROR ") && lines[0].contains(&format!("`{name}`")), "{}", lines[0]);
        }
        // Nothing is written over it, and the name is free when somebody says so.
        let taken = r#"400 {"message":"key already exists"¶}"#;
        assert_eq!(admin.put(&format!("/v1/key/create/{name}"), "").await.line(), taken);
        assert_eq!(std::fs::read(directory.file(name)).expect("the same"), content);
        assert_eq!(admin.delete(&format!("/v1/key/delete/{name}")).await.line(), "200", "{name}");
        admin.create(name).await;
        assert_eq!(admin.get(&format!("/v1/key/describe/{name}")).await.status, 200);
    }
    assert_eq!(admin.get("/v1/key/describe/whole").await.status, 200);
    assert_eq!(admin.get("/v1/ready").await.line(), "200");
}

/// The archived server broke off the connection over it (D-15). It is a key, as older releases had them.
#[tokio::test]
async fn an_entry_without_an_hmac_key_is_a_key_without_hmac() {
    let directory = Directory::new();
    let server = directory.server().await;
    let admin = server.admin();
    // A message of the key, its 32 bytes and its algorithm, and nothing else.
    let message = [[0x0a, 0x24, 0x0a, 0x20].as_slice(), &[7; 32], &[0x10, 1]].concat();
    directory.plant("half", STANDARD.encode(message));
    assert_eq!(admin.get("/v1/key/describe/half").await.member("algorithm"), "AES256");
    let made = admin.put("/v1/key/generate/half", "").await;
    let opened =
        admin.put("/v1/key/decrypt/half", &format!(r#"{{"ciphertext":"{}"}}"#, made.member("ciphertext"))).await;
    assert_eq!(opened.member("plaintext"), made.member("plaintext"));
    assert_eq!(admin.put("/v1/key/hmac/half", "{}").await.line(), r#"501 {"message":"key does not support HMAC"¶}"#);
}

#[tokio::test]
async fn a_key_is_usable_as_soon_as_its_entry_is_mended() {
    let directory = Directory::new();
    let server = directory.server().await;
    let admin = server.admin();
    admin.create("mended").await;
    let whole = std::fs::read(directory.file("mended")).expect("a key");
    directory.plant("mended", &whole[..100]);
    assert_eq!(admin.get("/v1/key/describe/mended").await.status, 502);
    directory.plant("mended", &whole);
    assert_eq!(admin.get("/v1/key/describe/mended").await.status, 200);
}
