//! Directories that older releases wrote (`tests/data/README.md`): every key is described, every ciphertext opened,
//! every HMAC equal.

use self::recorded::releases;
use crate::store::Directory;

#[path = "../data/releases.rs"]
mod recorded;

/// What describe has to say of an entry's JSON: its algorithm, or that of keys that do not say.
fn algorithm_of(entry: &str) -> Option<&'static str> {
    let entry: serde_json::Value = serde_json::from_str(entry).ok()?;
    match entry["algorithm"].as_str() {
        None | Some("AES256-GCM_SHA256") => Some("AES256"),
        Some("ChaCha20" | "XCHACHA20-POLY1305") => Some("ChaCha20"),
        Some(other) => panic!("{other} is unknown"),
    }
}

#[tokio::test]
async fn a_directory_of_any_release_can_be_used_over_http() {
    let releases = releases();
    assert_eq!(releases.len(), 13);
    for (release, recorded) in &releases {
        let directory = Directory::new();
        for (name, content) in &recorded.keys {
            directory.plant(name, content);
        }
        let server = directory.server().await;
        let connection = &mut server.admin().http2().connect().await.expect("a connection");
        for (name, content) in &recorded.keys {
            let described = connection.send(http::Method::GET, &format!("/v1/key/describe/{name}"), "").await;
            let described = described.expect("an answer");
            assert_eq!(described.status, 200, "{release}: {name}");
            if let Some(algorithm) = algorithm_of(content) {
                assert_eq!(described.member("algorithm"), algorithm, "{release}: {name}");
                let hmac = connection.send(http::Method::PUT, &format!("/v1/key/hmac/{name}"), "{}").await;
                assert_eq!(hmac.expect("an answer").line(), r#"501 {"message":"key does not support HMAC"¶}"#);
            }
        }
        for sealed in &recorded.ciphertexts {
            let body = format!(r#"{{"ciphertext":"{}","context":"{}"}}"#, sealed.ciphertext, sealed.context);
            let path = format!("/v1/key/decrypt/{}", sealed.key);
            let opened = connection.send(http::Method::POST, &path, &body).await.expect("an answer");
            assert_eq!(opened.line(), format!(r#"200 {{"plaintext":"{}"}}"#, sealed.plaintext), "{release}: {body}");
        }
        for hmac in &recorded.hmacs {
            let body = format!(r#"{{"message":"{}"}}"#, hmac.message);
            let path = format!("/v1/key/hmac/{}", hmac.key);
            let answer = connection.send(http::Method::PUT, &path, &body).await.expect("an answer");
            assert_eq!(answer.line(), format!(r#"200 {{"hmac":"{}"}}"#, hmac.hmac), "{release}: {}", hmac.key);
        }
        // Reading changes nothing, so that an operator can go back.
        for (name, content) in &recorded.keys {
            assert_eq!(&std::fs::read_to_string(directory.file(name)).expect("a key"), content);
        }
    }
}
