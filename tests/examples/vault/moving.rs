//! What `docs/vault.md` says of moving keys and of rotating the transit key.

use std::path::Path;
use std::process::Command;

use kes_core::{KeyName, SecretBytes};
use kes_keystores::{Created, KeyStore, VaultStore};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Site;
use crate::{KES, text};

/// A stored key, as `number` makes it differ from others.
fn stored(number: usize) -> String {
    format!("CiQKIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhsc{number:04}EAE=")
}

fn name(number: usize) -> KeyName {
    format!("key-{number}").parse().expect("a name")
}

/// Makes keys with these numbers.
async fn fill(store: &VaultStore, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let value = SecretBytes::from(stored(number).into_bytes());
        assert!(matches!(store.create(&name(number), &value).await, Ok(Created::New)), "key {number}");
    }
}

/// Whether a store has such a key.
async fn has(store: &VaultStore, number: usize) -> bool {
    let value = store.get(&name(number)).await;
    matches!(value, Ok(Some(value)) if value.expose() == stored(number).as_bytes())
}

/// Both policies for K/V and the one for transit.
fn policies() -> String {
    let v1 = text("examples/vault/kv-v1.hcl").replace("\"kv/", "\"kv1/");
    [v1, text("examples/vault/kv-v2.hcl"), text("examples/vault/transit.hcl")].concat()
}

/// Two configurations to migrate between.
struct Move(TempDir);

impl Move {
    fn new(from: &str, to: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in [("from.yaml", from), ("to.yaml", to)] {
            std::fs::write(directory.path().join(name), text).expect("a configuration");
        }
        Self(directory)
    }

    /// Runs it, and returns how many keys were copied and how many were there.
    fn run(&self, site: &Site) -> (u64, u64) {
        let output = Command::new(KES)
            .args(["migrate", "--json", "--from", "from.yaml", "--to", "to.yaml"])
            .current_dir(self.0.path())
            .env_clear()
            .envs(site.variables())
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{output:?}");
        let summary: Value = serde_json::from_slice(&output.stdout).expect("an object");
        let count = |name: &str| summary[name].as_u64().expect("a number");
        (count("copied"), count("present"))
    }
}

/// The configuration of a server with keys in files.
fn files(directory: &Path) -> String {
    let example = text("examples/vault/config.yaml");
    let (before, _) = example.split_once("  vault:\n").expect("a store");
    format!("{before}  fs: {{path: {}}}\n", directory.display())
}

#[tokio::test]
async fn keys_move_from_version_1_to_version_2() {
    let Some(site) = Site::new().await else { return };
    site.allow(&policies()).await;
    let token = site.token().await;
    let (old, new) = (site.store(&token, "kv1", "v1", false).await, site.store(&token, "kv", "v2", true).await);
    fill(&old, 0..3).await;
    let from = site.configuration(&token, "kv1", "v1", false);
    let to = site.configuration(&token, "kv", "v2", true);
    let migration = Move::new(&from, &to);
    assert_eq!(migration.run(&site), (3, 0));
    // A key that came meanwhile, by a server that was still on the old one.
    fill(&old, 3..4).await;
    assert_eq!(migration.run(&site), (1, 3));
    for number in 0..4 {
        assert!(has(&new, number).await, "key {number}");
    }
}

#[tokio::test]
async fn keys_move_from_files_to_vault_and_back() {
    let Some(site) = Site::new().await else { return };
    site.allow(&policies()).await;
    let token = site.token().await;
    let (old, again) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    for number in 0..3 {
        std::fs::write(old.path().join(name(number).as_str()), stored(number)).expect("a key");
    }
    let vault = site.configuration(&token, "kv", "v2", true);
    assert_eq!(Move::new(&files(old.path()), &vault).run(&site), (3, 0));
    let store = site.store(&token, "kv", "v2", true).await;
    assert!(has(&store, 0).await && has(&store, 2).await);
    assert_eq!(Move::new(&vault, &files(again.path())).run(&site), (3, 0));
    for number in 0..3 {
        let there = std::fs::read_to_string(again.path().join(name(number).as_str())).expect("a key");
        assert_eq!(there, stored(number));
    }
}

#[tokio::test]
async fn an_engine_becomes_one_of_version_2_in_place() {
    let Some(site) = Site::new().await else { return };
    site.allow(&policies()).await;
    let token = site.token().await;
    fill(&site.store(&token, "kv1", "v1", false).await, 0..2).await;
    site.admin.done(Method::POST, "sys/mounts/kv1/tune", json!({"options": {"version": "2"}})).await;
    site.allow(&text("examples/vault/kv-v2.hcl").replace("\"kv/", "\"kv1/")).await;
    // Vault does it in the background, and answers 400 meanwhile.
    while site.admin.call(Method::GET, "kv1/data/kes/key-0", Value::Null).await.0 == 400 {
        tokio::task::yield_now().await;
    }
    let store = site.store(&token, "kv1", "v2", false).await;
    assert!(has(&store, 0).await && has(&store, 1).await);
    fill(&store, 2..3).await;
}

#[tokio::test]
async fn a_transit_key_may_rotate_but_not_forget_what_an_entry_needs() {
    let Some(site) = Site::new().await else { return };
    site.allow(&policies()).await;
    let token = site.token().await;
    let store = site.store(&token, "kv", "v2", true).await;
    fill(&store, 0..1).await;
    site.admin.done(Method::POST, "transit/keys/kes/rotate", json!({})).await;
    fill(&store, 1..2).await;
    assert!(has(&store, 0).await && has(&store, 1).await);

    let forget = |version: u8| json!({"min_decryption_version": version});
    site.admin.done(Method::POST, "transit/keys/kes/config", forget(2)).await;
    let error = store.get(&name(0)).await.expect_err("its version of the key is refused").to_string();
    assert!(error.contains("the entry of `key-0` cannot be decrypted"), "{error}");
    assert!(has(&store, 1).await);
    // What was forgotten in this way is remembered again.
    site.admin.done(Method::POST, "transit/keys/kes/config", forget(1)).await;
    assert!(has(&store, 0).await);
}

#[tokio::test]
async fn keys_in_another_folder_are_encrypted_with_the_newest_version_of_the_transit_key() {
    let Some(site) = Site::new().await else { return };
    site.allow(&(policies() + &text("examples/vault/kv-v2.hcl").replace("/kes", "/kes-2"))).await;
    let token = site.token().await;
    let store = site.store(&token, "kv", "v2", true).await;
    fill(&store, 0..2).await;
    site.admin.done(Method::POST, "transit/keys/kes/rotate", json!({})).await;

    let from = site.configuration(&token, "kv", "v2", true);
    let to = from.replace("prefix: kes ", "prefix: kes-2 ");
    assert_eq!(Move::new(&from, &to).run(&site), (2, 0));
    let entry = site.admin.done(Method::GET, "kv/data/kes-2/key-0", Value::Null).await;
    assert!(entry["data"]["data"]["key-0"].as_str().is_some_and(|text| text.starts_with("vault:v2:")), "{entry}");
}

#[tokio::test]
async fn an_entry_that_was_rewrapped_in_place_is_no_longer_the_first_version() {
    let Some(site) = Site::new().await else { return };
    site.allow(&policies()).await;
    let token = site.token().await;
    let store = site.store(&token, "kv", "v2", true).await;
    fill(&store, 0..1).await;
    site.admin.done(Method::POST, "transit/keys/kes/rotate", json!({})).await;
    let entry = site.admin.done(Method::GET, "kv/data/kes/key-0", Value::Null).await;
    let old = json!({"ciphertext": entry["data"]["data"]["key-0"]});
    let new = site.admin.done(Method::POST, "transit/rewrap/kes", old).await["data"]["ciphertext"].clone();
    site.admin.done(Method::PUT, "kv/data/kes/key-0", json!({"data": {"key-0": new}})).await;
    site.admin.done(Method::POST, "transit/keys/kes/config", json!({"min_decryption_version": 2})).await;
    assert!(!has(&store, 0).await, "the first version is read, whatever the second one is");
}
