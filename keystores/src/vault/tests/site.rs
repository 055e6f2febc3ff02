//! A K/V engine with what a server needs to work on it, and no right more (specification: `keystores.md` §4.11).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kes_config::keystore::{CredentialSource, KvVersion, Login, Mount, StoreTls, Transit, Vault as Settings};
use kes_core::SecretText;
use reqwest::Method;
use serde_json::{Value, json};

use super::openbao::{Administrator, OpenBao};
use super::vault;
use crate::conformance::Backend;
use crate::{KeyStore, VaultStore};

/// How a site is laid out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    pub(super) version: KvVersion,
    pub(super) namespace: bool,
    pub(super) prefix: Option<&'static str>,
    pub(super) transit: bool,
}

/// An engine of its own in the shared OpenBao.
pub(super) struct Site {
    pub(super) admin: Administrator,
    pub(super) layout: Layout,
    /// The engine; the mounts of transit and AppRole, the policy and the role are named after it.
    pub(super) engine: String,
    role_id: String,
    secret_id: String,
}

impl Site {
    /// `None` if there is no OpenBao.
    pub(super) async fn new(layout: Layout) -> Option<Self> {
        Some(Self::at(OpenBao::shared()?, layout).await)
    }

    /// In this server.
    pub(super) async fn at(server: Arc<OpenBao>, layout: Layout) -> Self {
        let engine = format!("kv-{:016x}", fastrand::u64(..));
        let mut admin = server.administrator(None);
        if layout.namespace {
            let namespace = format!("ns-{engine}");
            admin.done(Method::POST, &format!("sys/namespaces/{namespace}"), Value::Null).await;
            admin = server.administrator(Some(&namespace));
        }
        let version = if layout.version == KvVersion::V1 { "1" } else { "2" };
        let kv = json!({"type": "kv", "options": {"version": version}});
        admin.done(Method::POST, &format!("sys/mounts/{engine}"), kv).await;
        admin.done(Method::POST, &format!("sys/mounts/transit-{engine}"), json!({"type": "transit"})).await;
        admin.done(Method::POST, &format!("transit-{engine}/keys/kes"), json!({})).await;
        admin.done(Method::POST, &format!("sys/auth/{engine}"), json!({"type": "approle"})).await;
        let mut site = Self { admin, layout, engine, role_id: String::new(), secret_id: String::new() };
        site.allow(&site.policy()).await;
        let engine = site.engine.clone();
        let role = json!({"token_policies": [engine], "token_ttl": "1h"});
        site.role(role).await;
        let role_id = site.admin.done(Method::GET, &format!("auth/{engine}/role/kes/role-id"), Value::Null).await;
        site.role_id = text(&role_id["data"]["role_id"]);
        site.secret_id = site.new_secret_id().await;
        site
    }

    pub(super) async fn new_secret_id(&self) -> String {
        let path = format!("auth/{}/role/kes/secret-id", self.engine);
        text(&self.admin.done(Method::POST, &path, json!({})).await["data"]["secret_id"])
    }

    /// Makes or changes the role.
    pub(super) async fn role(&self, role: Value) {
        self.admin.done(Method::POST, &format!("auth/{}/role/kes", self.engine), role).await;
    }

    /// Makes or changes the policy.
    pub(super) async fn allow(&self, policy: &str) {
        let path = format!("sys/policies/acl/{}", self.engine);
        self.admin.done(Method::PUT, &path, json!({"policy": policy})).await;
    }

    /// The least that a server needs.
    pub(super) fn policy(&self) -> String {
        let (engine, folder) = (&self.engine, self.folder());
        let kv = match self.layout.version {
            KvVersion::V1 => format!(
                r#"path "{engine}{folder}/*" {{ capabilities = ["create", "read", "delete"] }}
                   path "{engine}{folder}" {{ capabilities = ["list"] }}
                   path "{engine}{folder}/" {{ capabilities = ["list"] }}"#
            ),
            KvVersion::V2 => format!(
                r#"path "{engine}/data{folder}/*" {{ capabilities = ["create", "read"] }}
                   path "{engine}/metadata{folder}/*" {{ capabilities = ["delete"] }}
                   path "{engine}/metadata{folder}" {{ capabilities = ["list"] }}
                   path "{engine}/metadata{folder}/" {{ capabilities = ["list"] }}"#
            ),
        };
        format!(
            r#"{kv}
               path "transit-{engine}/encrypt/kes" {{ capabilities = ["update"] }}
               path "transit-{engine}/decrypt/kes" {{ capabilities = ["update"] }}"#
        )
    }

    fn folder(&self) -> String {
        self.layout.prefix.map(|prefix| format!("/{prefix}")).unwrap_or_default()
    }

    /// The settings of a server that logs in with the AppRole.
    pub(super) fn settings(&self) -> Settings {
        let namespace = self.admin.namespace.clone();
        let mount = Mount { engine: self.engine.clone(), namespace: namespace.clone() };
        let secret = CredentialSource::Value(SecretText::from(self.secret_id.clone()).into());
        Settings {
            endpoint: self.admin.server.url.clone(),
            engine: self.engine.clone(),
            version: self.layout.version,
            namespace,
            prefix: self.layout.prefix.map(str::to_owned),
            transit: self.layout.transit.then(|| Transit {
                engine: format!("transit-{}", self.engine),
                key: "kes".to_owned(),
                pinned: false,
            }),
            login: Login::AppRole { mount, id: self.role_id.clone(), secret, wrapped: false },
            login_timeout: Duration::from_secs(30),
            tls: StoreTls { ca: None, system_roots: false, server_name: None, client: None },
            ping: Duration::from_secs(15),
            forward_active: false,
            exact_delete: true,
        }
    }

    pub(super) async fn store(&self) -> VaultStore {
        vault(&self.settings()).await.expect("a store")
    }

    /// The path of an entry, past the store. With version 2 that of its `data` or `metadata`.
    pub(super) fn path(&self, kind: &str, name: &str) -> String {
        let name = name.replace(' ', "%20");
        match self.layout.version {
            KvVersion::V1 => format!("{}{}/{name}", self.engine, self.folder()),
            KvVersion::V2 => format!("{}/{kind}{}/{name}", self.engine, self.folder()),
        }
    }

    /// Writes any members, past the store.
    pub(super) async fn put(&self, name: &str, members: Value) {
        let body = if self.layout.version == KvVersion::V1 { members } else { json!({"data": members}) };
        self.admin.done(Method::PUT, &self.path("data", name), body).await;
    }

    /// The members, past the store.
    pub(super) async fn members(&self, name: &str) -> Option<Value> {
        let (status, answer) = self.admin.call(Method::GET, &self.path("data", name), Value::Null).await;
        let members = if self.layout.version == KvVersion::V1 { &answer["data"] } else { &answer["data"]["data"] };
        (status == 200).then(|| members.clone())
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

#[async_trait]
impl Backend for Site {
    async fn open(&self) -> Arc<dyn KeyStore> {
        Arc::new(self.store().await)
    }

    async fn plant(&self, name: &str, value: &[u8]) {
        self.put(name, json!({name: std::str::from_utf8(value).expect("text")})).await;
    }

    async fn inspect(&self, name: &str) -> Option<Vec<u8>> {
        let members = self.members(name).await?;
        assert_eq!(members.as_object().expect("members").len(), 1, "an entry has one member");
        let stored = text(&members[name]);
        if !self.layout.transit || !stored.starts_with("vault:") {
            return Some(stored.into_bytes());
        }
        let path = format!("transit-{}/decrypt/kes", self.engine);
        let answer = self.admin.done(Method::POST, &path, json!({"ciphertext": stored})).await;
        let plaintext = text(&answer["data"]["plaintext"]);
        let decoded = kes_core::key::encoding::decode_base64(plaintext.as_bytes()).expect("base64");
        Some(decoded.expose().to_vec())
    }

    async fn plant_foreign(&self) -> Vec<String> {
        for name in ["not.a.key", "folder/inner", "folder/deeper/inner", "two words"] {
            self.put(name, json!({"note": "not ours"})).await;
        }
        vec!["folder".to_owned(), "not.a.key".to_owned()]
    }

    fn creates_atomically(&self) -> bool {
        self.layout.version == KvVersion::V2
    }
}
