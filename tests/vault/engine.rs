//! A K/V engine in OpenBao, and servers whose keys are in it.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::openbao::{Administrator, OpenBao};
use crate::server::Server;
use crate::site::Site;

/// The folder of the keys.
const FOLDER: &str = "tenant";

/// How often a server asks its store for keys.
#[derive(Clone, Copy)]
pub enum Cache {
    /// Once, for as long as a test lasts.
    Long,
    /// Every few seconds as long as the store answers, and early enough to notice in time that it does not: sealing takes
    /// a while, in which it says nothing. Then keys live on.
    Brief,
    /// For every request.
    None,
}

impl Cache {
    fn lines(self) -> &'static str {
        match self {
            Self::Long => "cache: {expiry: {any: 1h, unused: 1h}}\n",
            Self::Brief => "cache: {expiry: {any: 4s, unused: 4s, offline: 1h}, refresh_ahead: 50%}\n",
            Self::None => "cache: {max_keys: 0}\n",
        }
    }
}

/// An engine of its own, with transit, a policy with the least rights, and a login for them.
pub struct Engine {
    pub admin: Administrator,
    /// The engine; transit, the login, the policy and the role are named after it.
    pub name: String,
    /// Of the K/V engine: 1 or 2.
    version: u8,
}

impl Engine {
    /// In the OpenBao that tests share; `None` if there is none.
    pub async fn shared(version: u8) -> Option<Self> {
        Some(Self::new(&OpenBao::shared()?, version).await)
    }

    /// In this OpenBao.
    pub async fn new(bao: &Arc<OpenBao>, version: u8) -> Self {
        Self::named(&format!("kv-{:016x}", fastrand::u64(..)), bao.administrator(None), version).await
    }

    /// Of this name, in the administrator's namespace.
    pub async fn named(name: &str, admin: Administrator, version: u8) -> Self {
        let engine = Self { admin, name: name.to_owned(), version };
        let kv = json!({"type": "kv", "options": {"version": version.to_string()}});
        engine.write(&format!("sys/mounts/{}", engine.name), kv).await;
        engine.write(&format!("sys/mounts/transit-{}", engine.name), json!({"type": "transit"})).await;
        engine.write(&format!("transit-{}/keys/kes", engine.name), json!({})).await;
        engine.allow(&engine.admin).await;
        engine
    }

    /// Calls that only the administrator may make, and that have to succeed.
    pub async fn write(&self, path: &str, body: Value) -> Value {
        self.admin.done(Method::POST, path, body).await
    }

    /// The least rights, for somebody in the namespace whose path, from there on, is `way`.
    fn policy(&self, way: &str) -> String {
        let name = format!("{way}{}", self.name);
        let keys = match self.version {
            1 => format!(
                r#"path "{name}/{FOLDER}/*" {{ capabilities = ["create", "read", "delete"] }}
                   path "{name}/{FOLDER}" {{ capabilities = ["list"] }}"#
            ),
            _ => format!(
                r#"path "{name}/data/{FOLDER}/*" {{ capabilities = ["create", "read"] }}
                   path "{name}/metadata/{FOLDER}/*" {{ capabilities = ["delete"] }}
                   path "{name}/metadata/{FOLDER}" {{ capabilities = ["list"] }}"#
            ),
        };
        let transit = format!("{way}transit-{}", self.name);
        format!(
            r#"{keys}
               path "{transit}/encrypt/kes" {{ capabilities = ["update"] }}
               path "{transit}/decrypt/kes" {{ capabilities = ["update"] }}"#
        )
    }

    /// The path of an entry, past the server.
    pub fn entry(&self, key: &str) -> String {
        match self.version {
            1 => format!("{}/{FOLDER}/{key}", self.name),
            _ => format!("{}/data/{FOLDER}/{key}", self.name),
        }
    }

    /// Puts an entry there in the form that older releases gave it.
    pub async fn plant(&self, key: &str, value: &str) {
        let members = json!({key: value});
        let body = if self.version == 1 { members } else { json!({"options": {"cas": 0}, "data": members}) };
        self.admin.done(Method::PUT, &self.entry(key), body).await;
    }

    /// The only member of an entry, which has the name of the key.
    pub async fn stored(&self, key: &str) -> String {
        let answer = self.admin.done(Method::GET, &self.entry(key), Value::Null).await;
        let members = if self.version == 1 { &answer["data"] } else { &answer["data"]["data"] };
        assert_eq!(members.as_object().expect("members").len(), 1, "{key}");
        members[key].as_str().expect("text").to_owned()
    }

    /// A login by AppRole with further settings of the role, as a line of the key store's configuration.
    pub async fn app_role(&self, settings: Value) -> String {
        let (id, secret) = self.role(&self.admin, settings).await;
        format!("approle: {{engine: {}, id: {id}, secret: {secret}}}", self.name)
    }

    /// The same in the namespace of `home`, which is that of the engine or one around it.
    pub async fn app_role_in(&self, home: &Administrator) -> String {
        self.allow(home).await;
        let (id, secret) = self.role(home, json!({})).await;
        let namespace = home.namespace.as_deref().unwrap_or("/");
        format!("approle: {{namespace: {namespace}, engine: {}, id: {id}, secret: {secret}}}", self.name)
    }

    /// Gives its logins the right to overwrite entries, which they need not have.
    pub async fn allow_to_overwrite(&self) {
        let policy = self.policy("").replace(r#""create""#, r#""create", "update""#);
        self.write(&format!("sys/policies/acl/{}", self.name), json!({"policy": policy})).await;
    }

    /// Makes or changes the policy in the namespace of `home`.
    async fn allow(&self, home: &Administrator) {
        let path = |admin: &Administrator| admin.namespace.as_ref().map(|path| format!("{path}/")).unwrap_or_default();
        let (outer, own) = (path(home), path(&self.admin));
        let way = own.strip_prefix(&outer).expect("the engine is in the namespace of the login, or in one within");
        let policy = json!({"policy": self.policy(way)});
        home.done(Method::POST, &format!("sys/policies/acl/{}", self.name), policy).await;
    }

    async fn role(&self, home: &Administrator, settings: Value) -> (Value, Value) {
        let name = &self.name;
        home.done(Method::POST, &format!("sys/auth/{name}"), json!({"type": "approle"})).await;
        let role = format!("auth/{name}/role/kes");
        let mut terms = json!({"token_policies": [name]});
        terms.as_object_mut().expect("members").extend(settings.as_object().expect("members").clone());
        home.done(Method::POST, &role, terms).await;
        let id = home.done(Method::GET, &format!("{role}/role-id"), Value::Null).await;
        let secret = home.done(Method::POST, &format!("{role}/secret-id"), json!({})).await;
        (id["data"]["role_id"].clone(), secret["data"]["secret_id"].clone())
    }

    /// Ends all tokens that its logins have granted.
    pub async fn revoke_all(&self) {
        let path = format!("sys/leases/revoke-prefix/auth/{}", self.name);
        self.admin.done(Method::PUT, &path, Value::Null).await;
    }

    /// A server with this login.
    pub fn server(&self, login: &str, cache: Cache) -> Server {
        self.server_at(&self.admin.server.url, login, cache)
    }

    /// The same, which finds OpenBao at another address. `login` may have more lines of the section than the login.
    pub fn server_at(&self, endpoint: &str, login: &str, cache: Cache) -> Server {
        Server::of(self.site(endpoint, login, cache))
    }

    /// The site of such a server.
    pub fn site(&self, endpoint: &str, login: &str, cache: Cache) -> Site {
        let site = Site::new();
        let section = format!(
            "keystore:\n  vault:\n    endpoint: {endpoint}\n    engine: {}\n    version: v{}\n    prefix: {FOLDER}\n    {login}\n",
            self.name, self.version
        );
        site.configure(&format!("{}{section}{}", site.without_store(), cache.lines()));
        site
    }

    /// Lines of the key store's configuration that have its values encrypted by transit.
    pub fn transit(&self) -> String {
        format!("transit: {{engine: transit-{}, key: kes}}", self.name)
    }
}
