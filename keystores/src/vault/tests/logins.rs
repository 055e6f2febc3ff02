//! Ways to log in to a real OpenBao, and tokens that it no longer takes.

use kes_config::keystore::KvVersion::V2;
use kes_config::keystore::{CredentialSource, Login, Mount, Vault as Settings};
use kes_core::SecretText;
use reqwest::Method;
use serde_json::{Value, json};

use super::site::Site;
use super::site_or_return;
use super::{assert_works, refused, vault};
use crate::KeyStore;
use crate::conformance::name;

/// Revokes every token that AppRole has issued here.
async fn revoke_all(site: &Site) {
    site.admin.done(Method::PUT, &format!("sys/leases/revoke-prefix/auth/{}", site.engine), Value::Null).await;
}

/// The settings with this AppRole secret.
fn with_secret(site: &Site, secret: CredentialSource, wrapped: bool) -> Settings {
    let mut settings = site.settings();
    let Login::AppRole { mount, id, .. } = settings.login else { panic!("the site has an AppRole") };
    settings.login = Login::AppRole { mount, id, secret, wrapped };
    settings
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_not_shown() {
    let site = site_or_return!(version: V2);
    let secret = SecretText::from("canary-secret");
    let reason = refused(&with_secret(&site, CredentialSource::Value(secret.into()), false)).await;
    assert!(reason.contains("cannot log in to vault") && reason.contains("invalid role or secret ID"), "{reason}");
    assert!(!reason.contains("canary"), "{reason}");
}

#[tokio::test]
async fn calls_go_on_after_the_token_was_revoked() {
    let site = site_or_return!(version: V2);
    let store = site.store().await;
    for round in ["one", "two"] {
        assert_works(&store, round).await;
        revoke_all(&site).await;
        if round == "one" {
            assert!(store.get(&name(round)).await.expect("get").is_some());
        }
    }
    // A second login within seconds is not made, so that a call that may not be made does not cost a login each time.
    assert!(store.get(&name("two")).await.is_err());
}

#[tokio::test]
async fn many_calls_with_a_revoked_token_all_succeed() {
    let site = site_or_return!(version: V2);
    let store = site.store().await;
    assert_works(&store, "my-key").await;
    revoke_all(&site).await;
    let key = name("my-key");
    for answer in futures_util::future::join_all((0..50).map(|_| store.get(&key))).await {
        assert!(answer.expect("get").is_some());
    }
}

#[tokio::test]
async fn the_secret_may_be_in_a_file_that_changes() {
    let site = site_or_return!(version: V2);
    let file = tempfile::NamedTempFile::new().expect("a file");
    let first = site.new_secret_id().await;
    std::fs::write(&file, format!("{first}\n")).expect("written");
    let source = CredentialSource::File(file.path().to_owned());
    let store = vault(&with_secret(&site, source, false)).await.expect("a store");
    assert_works(&store, "before").await;
    let second = site.new_secret_id().await;
    std::fs::write(&file, format!("  {second}\n")).expect("written");
    let destroy = format!("auth/{}/role/kes/secret-id/destroy", site.engine);
    site.admin.done(Method::POST, &destroy, json!({"secret_id": first})).await;
    revoke_all(&site).await;
    assert_works(&store, "after").await;
}

#[tokio::test]
async fn a_wrapped_secret_is_unwrapped_once_and_used_again() {
    let site = site_or_return!(version: V2);
    let secret = format!("auth/{}/role/kes/secret-id", site.engine);
    let wrapping = site.admin.wrapped(Method::POST, &secret, json!({})).await;
    let settings =
        |wrapping: &str| with_secret(&site, CredentialSource::Value(SecretText::from(wrapping).into()), true);
    let store = vault(&settings(&wrapping)).await.expect("a store");
    assert_works(&store, "before").await;
    revoke_all(&site).await;
    assert_works(&store, "after").await;
    let reason = refused(&settings(&wrapping)).await;
    assert!(reason.contains("wrapping token, which works once") && !reason.contains(&wrapping), "{reason}");
}

#[tokio::test]
async fn a_wrapping_token_of_something_else_is_refused_with_what_is_wanted() {
    let site = site_or_return!(version: V2);
    let wrapping = site.admin.wrapped(Method::POST, "sys/wrapping/wrap", json!({"note": "canary"})).await;
    let secret = CredentialSource::Value(SecretText::from(wrapping.as_str()).into());
    let reason = refused(&with_secret(&site, secret, true)).await;
    assert!(reason.contains("cannot unwrap the AppRole secret") && reason.contains("hint: "), "{reason}");
    assert!(!reason.contains("canary") && !reason.contains(&wrapping), "{reason}");
}

#[tokio::test]
async fn a_login_method_that_is_not_there_and_a_namespace_that_is_not_are_refused_with_a_hint() {
    let site = site_or_return!(version: V2);
    let mut settings = site.settings();
    settings.namespace = Some("missing".to_owned());
    let reason = refused(&settings).await;
    assert!(reason.contains("keystore.vault.namespace: vault has no namespace `missing`"), "{reason}");
    let mut settings = site.settings();
    let Login::AppRole { mount, .. } = &mut settings.login else { panic!("the site has an AppRole") };
    mount.engine = "missing".to_owned();
    let reason = refused(&settings).await;
    assert!(
        reason.contains("/v1/auth/missing/login: 403") && reason.contains("hint: look whether `engine`"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_token_that_was_given_is_used_and_left_alone() {
    let site = site_or_return!(version: V2);
    let token =
        site.admin.done(Method::POST, "auth/token/create", json!({"policies": [site.engine], "ttl": "1h"})).await;
    let token = text(&token["auth"]["client_token"]);
    let mut settings = site.settings();
    settings.login = Login::Token(CredentialSource::Value(SecretText::from(token.clone()).into()));
    let store = vault(&settings).await.expect("a store");
    assert_works(&store, "my-key").await;
    store.close().await;
    site.admin.done(Method::POST, "auth/token/lookup", json!({"token": token})).await;
    settings.login = Login::Token(CredentialSource::Value(SecretText::from("s.canary").into()));
    let reason = refused(&settings).await;
    assert!(reason.contains("vault refuses the token") && !reason.contains("canary"), "{reason}");
}

#[tokio::test]
async fn a_token_from_a_login_is_revoked_at_the_end() {
    let site = site_or_return!(version: V2);
    let store = site.store().await;
    let token = store.api.session.lease().token.header();
    let token = token.to_str().expect("text");
    site.admin.done(Method::POST, "auth/token/lookup", json!({"token": token})).await;
    store.close().await;
    let (status, _) = site.admin.call(Method::POST, "auth/token/lookup", json!({"token": token})).await;
    assert_eq!(status, 403, "it is gone");
}

#[tokio::test]
async fn batch_tokens_are_used() {
    let site = site_or_return!(version: V2);
    site.role(json!({"token_type": "batch", "token_ttl": "1m", "token_policies": [site.engine]})).await;
    assert_works(&site.store().await, "my-key").await;
}

#[tokio::test]
async fn the_login_may_be_in_another_namespace_than_the_keys() {
    let site = site_or_return!(version: V2, namespace: true);
    let root = site.admin.server.administrator(None);
    let namespace = site.admin.namespace.clone().expect("a namespace");
    let engine = &site.engine;
    let policy = site.policy().replace("path \"", &format!("path \"{namespace}/"));
    root.done(Method::PUT, &format!("sys/policies/acl/{engine}"), json!({"policy": policy})).await;
    root.done(Method::POST, &format!("sys/auth/{engine}"), json!({"type": "approle"})).await;
    let role = format!("auth/{engine}/role/kes");
    root.done(Method::POST, &role, json!({"token_policies": [engine], "token_ttl": "1h"})).await;
    let id = root.done(Method::GET, &format!("{role}/role-id"), Value::Null).await;
    let secret = root.done(Method::POST, &format!("{role}/secret-id"), json!({})).await;
    let mut settings = site.settings();
    settings.login = Login::AppRole {
        mount: Mount { engine: engine.clone(), namespace: None },
        id: text(&id["data"]["role_id"]),
        secret: CredentialSource::Value(SecretText::from(text(&secret["data"]["secret_id"])).into()),
        wrapped: false,
    };
    assert_works(&vault(&settings).await.expect("a store"), "my-key").await;
}
