//! Engines that older releases wrote (`tests/data/README.md`): every ciphertext opens, every HMAC is
//! equal, and what we write has their form.

use http::Method;
use serde_json::json;

use crate::engine::{Cache, Engine};
use crate::recorded::releases;
use crate::traffic::{assert_opens, generate};

async fn assert_every_release_opens(version: u8) {
    for (release, recorded) in &releases() {
        let Some(engine) = Engine::shared(version).await else { return };
        for (key, value) in &recorded.keys {
            engine.plant(key, value).await;
        }
        let login = engine.app_role(json!({})).await;
        let server = engine.server(&login, Cache::Long);
        let connection = &mut server.admin().connect().await.expect("a connection");
        for sealed in &recorded.ciphertexts {
            let body = format!(r#"{{"ciphertext":"{}","context":"{}"}}"#, sealed.ciphertext, sealed.context);
            let path = format!("/v1/key/decrypt/{}", sealed.key);
            let opened = connection.send(Method::PUT, &path, &body).await.expect("an answer");
            assert_eq!(opened.line(), format!(r#"200 {{"plaintext":"{}"}}"#, sealed.plaintext), "{release}: {body}");
        }
        for hmac in &recorded.hmacs {
            let body = format!(r#"{{"message":"{}"}}"#, hmac.message);
            let path = format!("/v1/key/hmac/{}", hmac.key);
            let answer = connection.send(Method::PUT, &path, &body).await.expect("an answer");
            assert_eq!(answer.line(), format!(r#"200 {{"hmac":"{}"}}"#, hmac.hmac), "{release}: {}", hmac.key);
        }
        for (key, value) in &recorded.keys {
            assert_eq!(&engine.stored(key).await, value, "{release}: reading changes nothing");
        }
    }
}

#[tokio::test]
async fn what_any_release_left_in_kv_1_opens() {
    assert_every_release_opens(1).await;
}

#[tokio::test]
async fn what_any_release_left_in_kv_2_opens() {
    assert_every_release_opens(2).await;
}

/// What an entry is as of the newest release, and no more: it, too, can open what we write.
#[tokio::test]
async fn what_we_write_has_the_form_of_the_newest_release() {
    for version in [1, 2] {
        let Some(engine) = Engine::shared(version).await else { return };
        let login = engine.app_role(json!({})).await;
        let ours = engine.server(&login, Cache::Long);
        ours.admin().create("my-key").await;
        let sealed = generate(&ours.admin(), "my-key").await;

        let value = engine.stored("my-key").await;
        let newest = &releases()["2025-03-12T09-35-18Z"].keys["created"];
        // A first part of 36 bytes with a key of 32: the same bytes up to the key.
        assert_eq!((&value[..5], value.len()), (&newest[..5], newest.len()), "{value}");

        let Some(copy) = Engine::shared(version).await else { return };
        copy.plant("my-key", &value).await;
        let login = copy.app_role(json!({})).await;
        assert_opens(&copy.server(&login, Cache::Long).admin(), "my-key", &sealed).await;
    }
}
