//! What real releases wrote (`tests/data/README.md`), through the server: every key is described, every ciphertext
//! opens, every HMAC is equal.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use kes_core::{KeyName, SecretBytes};
use kes_keystores::{KeyStore, MemoryStore};
use serde_json::Value;

use self::recorded::{Release, releases};
use crate::support::{Build, Connection, TestServer, error};

#[path = "../data/releases.rs"]
mod recorded;

/// What the entries of the present format say: release, key, algorithm, moment of creation. Not read by this
/// project's code.
const DESCRIBED: [(&str, &str, &str, &str); 9] = [
    ("2024-02-29T08-12-28Z", "created", "AES256", "2026-11-21T09:56:27.586577198Z"),
    ("2024-02-29T08-12-28Z", "imported-cipher-aes", "AES256", "2026-11-21T09:56:27.637206691Z"),
    ("2024-02-29T08-12-28Z", "imported-cipher-chacha", "ChaCha20", "2026-11-21T09:56:27.649380787Z"),
    ("2025-03-12T09-35-18Z", "created", "AES256", "2026-11-21T09:57:03.184027005Z"),
    ("2025-03-12T09-35-18Z", "imported-cipher-aes", "AES256", "2026-11-21T09:57:03.22281035Z"),
    ("2025-03-12T09-35-18Z", "imported-cipher-chacha", "ChaCha20", "2026-11-21T09:57:03.235320189Z"),
    ("2025-03-12T09-35-18Z without AES hardware", "created", "ChaCha20", "2026-11-21T09:57:03.726540378Z"),
    ("2025-03-12T09-35-18Z without AES hardware", "imported-cipher-aes", "AES256", "2026-11-21T09:57:03.765059328Z"),
    (
        "2025-03-12T09-35-18Z without AES hardware",
        "imported-cipher-chacha",
        "ChaCha20",
        "2026-11-21T09:57:03.773917317Z",
    ),
];

/// Who made the keys of the later recordings.
const RECORDER: &str = "59865ec46937fb5da1bef73c73b0df0abb6b051e87e0e768c0c8e1b71656cc8d";

/// A server whose store holds the keys of a release, byte for byte.
async fn server_with(release: &Release) -> TestServer {
    let store = Arc::new(MemoryStore::new());
    for (name, value) in &release.keys {
        let name = KeyName::stored(name).expect("a name");
        let _ = store.create(&name, &SecretBytes::from(value.as_bytes())).await.expect("stored");
    }
    TestServer::with(Build::default().store(store)).await
}

async fn put(connection: &mut Connection, operation: &str, key: &str, body: &str) -> String {
    let path = format!("/v1/key/{operation}/{key}");
    connection.send(Method::PUT, &path, body).await.expect("an answer").line()
}

#[tokio::test]
async fn everything_that_releases_wrote_can_be_used() {
    let releases = releases();
    let (mut keys, mut ciphertexts, mut hmacs) = (0, 0, 0);
    for (index, (name, release)) in releases.iter().enumerate() {
        let server = server_with(release).await;
        let admin = if index % 2 == 0 { server.admin() } else { server.admin().http2() };
        let connection = &mut admin.connect().await.expect("a connection");
        for sealed in &release.ciphertexts {
            let place = format!("{name}: {} under {}", sealed.ciphertext, sealed.key);
            let body = |context: &str| format!(r#"{{"ciphertext":"{}","context":"{context}"}}"#, sealed.ciphertext);
            let opened = put(connection, "decrypt", &sealed.key, &body(&sealed.context)).await;
            assert_eq!(opened, format!(r#"200 {{"plaintext":"{}"}}"#, sealed.plaintext), "{place}");
            let other = [&STANDARD.decode(&sealed.context).expect("base64")[..], b"/"].concat();
            let refused = put(connection, "decrypt", &sealed.key, &body(&STANDARD.encode(other))).await;
            assert_eq!(refused, error(400, "decryption failed: ciphertext is not authentic"), "{place}");
            ciphertexts += 1;
        }
        for hmac in &release.hmacs {
            let answer = put(connection, "hmac", &hmac.key, &format!(r#"{{"message":"{}"}}"#, hmac.message)).await;
            assert_eq!(answer, format!(r#"200 {{"hmac":"{}"}}"#, hmac.hmac), "{name}: {}", hmac.key);
            hmacs += 1;
        }
        for (key, value) in &release.keys {
            let path = format!("/v1/key/describe/{key}");
            let described = connection.send(Method::GET, &path, "").await.expect("an answer").line();
            assert_eq!(put(connection, "generate", key, "{}").await.split(' ').next(), Some("200"), "{name}: {key}");
            // Keys from before 2024 are JSON, and have no HMAC key.
            match serde_json::from_str::<Value>(value) {
                Ok(written) => {
                    assert_eq!(described, described_as_written(key, &written), "{name}: {key}");
                    let hmac = put(connection, "hmac", key, r#"{"message":""}"#).await;
                    assert_eq!(hmac, error(501, "key does not support HMAC"), "{name}: {key}");
                }
                Err(_) => {
                    let (.., algorithm, created_at) = DESCRIBED
                        .into_iter()
                        .find(|(release, of, ..)| release == name && of == key)
                        .unwrap_or_else(|| panic!("{name}: {key} is not known"));
                    let line = format!(
                        r#"200 {{"name":"{key}","algorithm":"{algorithm}","created_at":"{created_at}","created_by":"{RECORDER}"}}"#
                    );
                    assert_eq!(described, line, "{name}: {key}");
                }
            }
            keys += 1;
        }
    }
    // So that a cut recording does not pass for a whole one.
    assert_eq!((releases.len(), keys, ciphertexts, hmacs), (13, 47, 258, 9));
}

/// What describe prints of a key that was stored as JSON.
fn described_as_written(name: &str, written: &Value) -> String {
    let algorithm = match written["algorithm"].as_str() {
        None | Some("AES256-GCM_SHA256") => "AES256",
        Some("ChaCha20" | "XCHACHA20-POLY1305") => "ChaCha20",
        Some(other) => panic!("no release wrote {other}"),
    };
    let created_at = written["created_at"].as_str().unwrap_or("0001-01-01T00:00:00Z");
    let created_by = written["created_by"].as_str().map(|creator| format!(r#","created_by":"{creator}""#));
    let created_by = created_by.unwrap_or_default();
    format!(r#"200 {{"name":"{name}","algorithm":"{algorithm}","created_at":"{created_at}"{created_by}}}"#)
}
