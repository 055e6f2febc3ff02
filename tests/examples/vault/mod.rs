//! `examples/vault` and `docs/vault.md`, against a real OpenBao.

mod dev;
mod documents;
mod moving;
#[path = "../../shared/openbao.rs"]
#[allow(dead_code, reason = "what the tests of the store itself need")]
mod openbao;
mod policies;

use kes_config::keystore::KeyStore as Store;
use kes_keystores::VaultStore;
use openbao::{Administrator, OpenBao};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{IDENTITY, configuration, text};

/// A namespace of its own in the shared OpenBao, with the engines that the examples name and one of version 1.
struct Site {
    admin: Administrator,
    namespace: String,
}

impl Site {
    /// `None` if there is no OpenBao.
    async fn new() -> Option<Self> {
        let server = OpenBao::shared()?;
        let namespace = format!("examples-{:016x}", fastrand::u64(..));
        server.administrator(None).done(Method::POST, &format!("sys/namespaces/{namespace}"), Value::Null).await;
        let admin = server.administrator(Some(&namespace));
        for (path, kind, version) in [("kv", "kv", "2"), ("kv1", "kv", "1"), ("transit", "transit", "")] {
            let engine = json!({"type": kind, "options": {"version": version}});
            admin.done(Method::POST, &format!("sys/mounts/{path}"), engine).await;
        }
        admin.done(Method::POST, "transit/keys/kes", json!({})).await;
        Some(Self { admin, namespace })
    }

    async fn allow(&self, policy: &str) {
        self.admin.done(Method::PUT, "sys/policies/acl/kes", json!({"policy": policy})).await;
    }

    /// A token with the policy.
    async fn token(&self) -> String {
        let answer = self.admin.done(Method::POST, "auth/token/create", json!({"policies": ["kes"]})).await;
        answer["auth"]["client_token"].as_str().expect("a token").to_owned()
    }

    /// The configuration of the example, for these engines and with a token to log in with.
    fn configuration(&self, token: &str, engine: &str, version: &str, transit: bool) -> String {
        let example = text("examples/vault/config.yaml");
        let (before, rest) = example.split_once("    approle:\n").expect("a login");
        let (_, encryption) = rest.split_once("    # Vault encrypts").expect("transit");
        let encryption = if transit { format!("    # Vault encrypts{encryption}") } else { String::new() };
        let namespace = &self.namespace;
        format!("{before}    token: {{value: {token}}}\n    namespace: {namespace}\n{encryption}")
            .replace("engine: kv\n", &format!("engine: {engine}\n"))
            .replace("version: v2", &format!("version: {version}"))
    }

    /// The store of such a configuration.
    async fn store(&self, token: &str, engine: &str, version: &str, transit: bool) -> VaultStore {
        let text = self.configuration(token, engine, version, transit);
        let config = configuration("config.yaml", &text, &self.variables());
        let Store::Vault(settings) = config.keystore else { panic!("it is no Vault") };
        VaultStore::connect(&settings, &config.store_calls).await.expect("a store")
    }

    /// The environment that the example expects.
    fn variables(&self) -> [(&str, &str); 4] {
        [
            ("KES_TLS_KEY", "server.key"),
            ("KES_TLS_CERT", "server.crt"),
            ("MY_APP_IDENTITY", IDENTITY),
            ("VAULT_ADDR", &self.admin.server.url),
        ]
    }
}
