//! The policies are enough, and the least that is.

use kes_core::{KeyName, SecretBytes};
use kes_keystores::{Created, Deleted, KeyStore, VaultStore};
use reqwest::Method;
use serde_json::{Value, json};

use super::Site;
use crate::text;

const DENIED: [&str; 1] = ["deny"];

/// One line of a policy: a path, and one thing that may be done there.
type Rule = (String, String);

/// The rules of policies in the form that the examples have.
fn rules(files: &[&str]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for file in files {
        let text = text(&format!("examples/vault/{file}"));
        for block in text.split("\npath ").skip(1) {
            let quoted: Vec<&str> = block.split_inclusive('}').next().unwrap_or_default().split('"').collect();
            let mut words = quoted.iter().skip(1).step_by(2).map(|word| (*word).to_owned());
            let path = words.next().expect("a path");
            rules.extend(words.map(|capability| (path.clone(), capability)));
        }
    }
    assert!(rules.len() >= 4, "{rules:?}");
    rules
}

fn policy(rules: &[Rule]) -> String {
    rules.iter().map(|(path, may)| format!("path \"{path}\" {{ capabilities = [\"{may}\"] }}\n")).collect()
}

fn name() -> KeyName {
    format!("key-{:016x}", fastrand::u64(..)).parse().expect("a name")
}

/// What a server does that does not work with `key`, of all that it does.
async fn failing(store: &VaultStore, key: &KeyName) -> Vec<&'static str> {
    let value = SecretBytes::from(b"value".as_slice());
    let created = matches!(store.create(key, &value).await, Ok(Created::New));
    let refused = matches!(store.create(key, &value).await, Ok(Created::NameTaken));
    let read = matches!(store.get(key).await, Ok(Some(there)) if there.expose() == value.expose());
    let listed = matches!(store.list("", None, 1000).await, Ok(page) if page.names.contains(key));
    let deleted = matches!(store.delete(key).await, Ok(Deleted::Gone));
    let works = [("create", created && refused), ("read", read), ("list", listed), ("delete", deleted)];
    works.into_iter().filter(|(_, works)| !works).map(|(what, _)| what).collect()
}

/// A layout, and the policies that it needs.
struct Layout {
    files: &'static [&'static str],
    engine: &'static str,
    version: &'static str,
    /// Where entries can be removed past the store.
    entries: &'static str,
    transit: bool,
}

impl Layout {
    fn rules(&self) -> Vec<Rule> {
        // The engine of version 1 has another name here, beside one of version 2.
        let rename = |(path, may): Rule| match path.strip_prefix("kv/") {
            Some(rest) => (format!("{}/{rest}", self.engine), may),
            None => (path, may),
        };
        rules(self.files).into_iter().map(rename).collect()
    }

    /// What does not work with these rules.
    async fn failing(&self, site: &Site, token: &str, rules: &[Rule]) -> Vec<&'static str> {
        site.allow(&policy(rules)).await;
        let store = site.store(token, self.engine, self.version, self.transit).await;
        let key = name();
        let failing = failing(&store, &key).await;
        site.admin.done(Method::DELETE, &format!("{}/{key}", self.entries), Value::Null).await;
        failing
    }

    /// With all rules everything works, and without any one of them something does not.
    async fn needs_every_rule(&self) {
        let Some(site) = Site::new().await else { return };
        let (token, rules) = (site.token().await, self.rules());
        let failing = self.failing(&site, &token, &rules).await;
        assert!(failing.is_empty(), "{:?} is not enough for {failing:?}", self.files);
        for left_out in 0..rules.len() {
            let mut fewer = rules.clone();
            let rule = fewer.remove(left_out);
            let failing = self.failing(&site, &token, &fewer).await;
            assert!(!failing.is_empty(), "everything works without {rule:?}");
        }
    }

    /// What may be done at each of these paths is what stands beside it.
    async fn opens_only(&self, expected: &[(&str, &[&str])]) {
        let Some(site) = Site::new().await else { return };
        let token = site.token().await;
        site.allow(&policy(&self.rules())).await;
        let paths: Vec<&str> = expected.iter().map(|(path, _)| *path).collect();
        let question = json!({"token": token, "paths": paths});
        let answer = site.admin.done(Method::POST, "sys/capabilities", question).await;
        for (path, may) in expected {
            assert_eq!(answer["data"][path], json!(may), "{path}");
        }
    }
}

const V1: Layout = Layout { files: &["kv-v1.hcl"], engine: "kv1", version: "v1", entries: "kv1/kes", transit: false };

const V2: Layout =
    Layout { files: &["kv-v2.hcl"], engine: "kv", version: "v2", entries: "kv/metadata/kes", transit: false };

const TRANSIT: Layout = Layout { files: &["kv-v2.hcl", "transit.hcl"], transit: true, ..V2 };

#[tokio::test]
async fn with_version_1_every_rule_is_needed() {
    V1.needs_every_rule().await;
}

#[tokio::test]
async fn with_version_2_every_rule_is_needed() {
    V2.needs_every_rule().await;
}

#[tokio::test]
async fn with_transit_every_rule_is_needed() {
    TRANSIT.needs_every_rule().await;
}

#[tokio::test]
async fn with_version_1_nothing_else_is_open() {
    V1.opens_only(&[
        ("kv1/kes/my-key", &["create", "delete", "read"]),
        ("kv1/kes", &["list"]),
        ("kv1/", &DENIED),
        ("kv1/other/my-key", &DENIED),
        ("kv1/kes-2/my-key", &DENIED),
        ("sys/mounts/kv1", &DENIED),
    ])
    .await;
}

#[tokio::test]
async fn with_version_2_and_transit_nothing_else_is_open() {
    TRANSIT
        .opens_only(&[
            ("kv/data/kes/my-key", &["create", "read"]),
            ("kv/metadata/kes/my-key", &["delete"]),
            ("kv/metadata/kes", &["list"]),
            ("kv/metadata/", &DENIED),
            ("kv/data/other/my-key", &DENIED),
            ("kv/delete/kes/my-key", &DENIED),
            ("kv/destroy/kes/my-key", &DENIED),
            ("kv/undelete/kes/my-key", &DENIED),
            ("kv/config", &DENIED),
            ("transit/encrypt/kes", &["update"]),
            ("transit/decrypt/kes", &["update"]),
            ("transit/encrypt/other", &DENIED),
            ("transit/decrypt/other", &DENIED),
            ("transit/keys/kes", &DENIED),
            ("transit/keys/kes/rotate", &DENIED),
            ("transit/rewrap/kes", &DENIED),
            ("transit/export/encryption-key/kes", &DENIED),
            ("sys/mounts/kv", &DENIED),
            ("sys/policies/acl/kes", &DENIED),
            ("auth/approle/role/kes", &DENIED),
        ])
        .await;
}
