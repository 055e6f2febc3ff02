//! Keys in a namespace of OpenBao, and a login in the same one or another.

use http::Method;
use serde_json::{Value, json};

use crate::engine::{Cache, Engine};
use crate::openbao::{Administrator, OpenBao};
use crate::program::Program;
use crate::server::Server;
use crate::support::Client;
use crate::traffic::{assert_opens, generate, line};

/// What somebody else keeps under the name of a key.
const FOREIGN: &str = "not a key of ours";

const MISSING: &str = r#"404 {"message":"key does not exist"¶}"#;

/// An engine in a namespace of its own, and one of the same name in each of some other namespaces, with entries that
/// nobody must see or touch.
struct Quarters {
    engine: Engine,
    others: Vec<Engine>,
}

impl Quarters {
    async fn new(inner: &Administrator, others: &[&Administrator]) -> Self {
        let name = format!("kv-{:016x}", fastrand::u64(..));
        let mut quarters = Self { engine: Engine::named(&name, inner.clone(), 2).await, others: Vec::new() };
        for other in others {
            let other = Engine::named(&name, (*other).clone(), 2).await;
            other.plant("my-key", FOREIGN).await;
            other.plant("foreign", FOREIGN).await;
            quarters.others.push(other);
        }
        quarters
    }

    /// Key store settings but for the login.
    fn section(&self) -> String {
        let namespace = self.engine.admin.namespace.as_deref().expect("a namespace");
        format!("namespace: {namespace}\n    {}", self.engine.transit())
    }

    async fn assert_others_untouched(&self) {
        for other in &self.others {
            for key in ["my-key", "foreign"] {
                assert_eq!(other.stored(key).await, FOREIGN, "{:?}", other.admin.namespace);
            }
        }
    }
}

async fn assert_only_key(client: &Client, key: &str) {
    let listed = line(client, Method::GET, "/v1/key/list/*", "").await;
    assert_eq!(listed, format!(r#"200 {{"names":["{key}"]}}"#));
    assert_eq!(line(client, Method::GET, "/v1/key/describe/foreign", "").await, MISSING);
}

/// The life of a key: made, found after a restart, listed, deleted.
async fn assert_a_key_lives(quarters: &Quarters, login: &str) {
    let engine = &quarters.engine;
    let server = engine.server(&format!("{}\n    {login}", quarters.section()), Cache::None);
    let client = server.admin();
    assert_eq!(line(&client, Method::GET, "/v1/ready", "").await, "200", "health is not that of a namespace");
    client.create("my-key").await;
    assert!(engine.stored("my-key").await.starts_with("vault:v1:"), "transit is that of the namespace");
    let sealed = generate(&client, "my-key").await;

    let Server { program, site } = server;
    drop(program);
    let server = Server::of(site);
    let client = server.admin();
    assert_opens(&client, "my-key", &sealed).await;
    assert_only_key(&client, "my-key").await;

    assert_eq!(line(&client, Method::DELETE, "/v1/key/delete/my-key", "").await, "200");
    assert_eq!(line(&client, Method::GET, "/v1/key/describe/my-key", "").await, MISSING);
    let (status, _) = engine.admin.call(Method::GET, &engine.entry("my-key"), Value::Null).await;
    assert_eq!(status, 404, "it is gone from OpenBao");
    quarters.assert_others_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_lives_in_its_namespace_wherever_the_login_is_and_nothing_of_another_one_is_seen() {
    let Some(bao) = OpenBao::shared() else { return };
    let root = bao.administrator(None);
    let outer = root.new_namespace().await;
    let inner = outer.new_namespace().await;
    let beside = outer.new_namespace().await;
    for home in [&inner, &outer, &root] {
        let quarters = Quarters::new(&inner, &[&root, &outer, &beside]).await;
        let login = quarters.engine.app_role_in(home).await;
        assert_a_key_lives(&quarters, &login).await;
    }
    // Where the login names no namespace it is that of the keys.
    let quarters = Quarters::new(&inner, &[&root, &outer, &beside]).await;
    let login = quarters.engine.app_role(json!({})).await;
    assert_a_key_lives(&quarters, &login).await;
}

#[tokio::test]
async fn a_namespace_that_is_not_there_ends_the_start_and_is_named() {
    let Some(bao) = OpenBao::shared() else { return };
    let engine = Engine::new(&bao, 2).await;
    let missing = "keystore.vault.namespace: vault has no namespace `nowhere`; hint: ";
    let keys = format!("namespace: nowhere\n    {}", engine.app_role_in(&engine.admin).await);
    // The login is looked for in the namespace of the keys.
    let both = keys.replace("namespace: /, ", "");
    for (login, said) in [(keys, missing), (both, "cannot log in to vault: ")] {
        let end = Program::run(engine.site(&bao.url, &login, Cache::None).arguments());
        assert_eq!(end.status.code(), Some(78), "{}", end.stderr);
        assert!(end.stderr.contains(said), "{}", end.stderr);
    }
}
