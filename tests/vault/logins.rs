//! Tokens that end in every way while clients go on, and keys of transit that are rotated.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use http::Method;
use serde_json::{Value, json};

use crate::engine::{Cache, Engine};
use crate::issuer::Issuer;
use crate::openbao::OpenBao;
use crate::server::PATIENCE;
use crate::traffic::{assert_opens, generate, line, until_given};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_that_the_token_was_revoked() {
    let Some(engine) = Engine::shared(2).await else { return };
    let login = engine.app_role(json!({})).await;
    // Every request asks for the key with the token.
    let server = engine.server(&login, Cache::None);
    server.admin().create("my-key").await;
    server
        .unnoticed(async {
            engine.revoke_all().await;
            for _ in 0..20 {
                generate(&server.admin(), "my-key").await;
            }
        })
        .await;
}

/// Tokens that were granted to anybody but the root.
async fn tokens(engine: &Engine) -> BTreeSet<String> {
    let list = Method::from_bytes(b"LIST").expect("a method");
    let all = engine.admin.done(list, "auth/token/accessors", Value::Null).await;
    all["data"]["keys"].as_array().expect("accessors").iter().map(Value::to_string).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_that_tokens_expire() {
    let Some(bao) = OpenBao::start() else { return };
    let engine = Engine::new(&Arc::new(bao), 2).await;
    let others = tokens(&engine).await;
    let login = engine.app_role(json!({"token_ttl": "2s", "token_max_ttl": "4s"})).await;
    let server = engine.server(&login, Cache::None);
    server.admin().create("my-key").await;
    server
        .unnoticed(async {
            let (mut seen, begin) = (BTreeSet::new(), Instant::now());
            // Each is prolonged until it cannot be any more, and another one takes its place.
            while seen.len() < 3 {
                seen.extend(tokens(&engine).await.difference(&others).cloned());
                assert!(begin.elapsed() < PATIENCE, "no new token: {seen:?}");
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cached_keys_go_on_without_a_login_and_others_when_there_is_one_again() {
    let Some(engine) = Engine::shared(2).await else { return };
    let name = &engine.name;
    let login = engine.app_role(json!({})).await;
    let server = engine.server(&login, Cache::Long);
    let client = server.admin();
    client.create("my-key").await;
    // A server that has made a key has it in its cache.
    engine.server(&login, Cache::None).admin().create("uncached").await;
    server
        .unnoticed(async {
            let role = format!("auth/{name}/role/kes");
            engine.write(&role, json!({"secret_id_bound_cidrs": ["192.0.2.1/32"], "token_policies": [name]})).await;
            engine.revoke_all().await;
            let refused = line(&client, Method::PUT, "/v1/key/generate/uncached", "").await;
            assert_eq!(refused, r#"502 {"message":"failed to read key"¶}"#);
            engine.write(&role, json!({"secret_id_bound_cidrs": [], "token_policies": [name]})).await;
            until_given(&client, "uncached").await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_that_transit_keys_are_rotated() {
    let Some(engine) = Engine::shared(2).await else { return };
    let login = engine.app_role(json!({})).await;
    let server = engine.server(&format!("{}\n    {login}", engine.transit()), Cache::None);
    let client = server.admin();
    client.create("my-key").await;
    let mut sealed = Vec::new();
    server
        .unnoticed(async {
            for version in 2..5 {
                engine.write(&format!("transit-{}/keys/kes/rotate", engine.name), Value::Null).await;
                let key = format!("of-version-{version}");
                client.create(&key).await;
                assert!(engine.stored(&key).await.starts_with(&format!("vault:v{version}:")));
                sealed.push((key.clone(), generate(&client, &key).await));
            }
        })
        .await;
    assert!(engine.stored("my-key").await.starts_with("vault:v1:"));
    for (key, ciphertext) in &sealed {
        assert_opens(&client, key, ciphertext).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_that_the_file_with_the_jwt_was_replaced() {
    let Some(engine) = Engine::shared(2).await else { return };
    let (name, issuer) = (&engine.name, Issuer::new());
    engine.write(&format!("sys/auth/{name}"), json!({"type": "jwt"})).await;
    let config = json!({"jwt_validation_pubkeys": [issuer.public_key()]});
    engine.write(&format!("auth/{name}/config"), config).await;
    let role = |subject: &str| {
        json!({
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["kes"], "bound_subject": subject,
            "token_policies": [name],
        })
    };
    engine.write(&format!("auth/{name}/role/kes"), role("first")).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, issuer.jwt(json!({"sub": "first", "aud": "kes"}))).expect("written");
    let login = format!("jwt: {{engine: {name}, role: kes, jwt: {}}}", file.path().display());
    let server = engine.server(&login, Cache::None);
    server.admin().create("my-key").await;
    server
        .unnoticed(async {
            // As a kubelet does; then the first one is good for nothing.
            std::fs::write(&file, format!("{}\n", issuer.jwt(json!({"sub": "second", "aud": "kes"}))))
                .expect("written");
            engine.write(&format!("auth/{name}/role/kes"), role("second")).await;
            engine.revoke_all().await;
            for _ in 0..20 {
                generate(&server.admin(), "my-key").await;
            }
        })
        .await;
}
