//! Values that transit has encrypted.

use kes_config::keystore::KvVersion::V2;
use kes_core::SecretBytes;
use reqwest::Method;
use serde_json::{Value, json};

use super::site::Site;
use super::site_or_return;
use super::vault;
use crate::conformance::{Backend, GENERATION_2, name};
use crate::{Created, KeyStore, StoreError, VaultStore};

async fn create(store: &VaultStore, key: &str) {
    let value = SecretBytes::from(GENERATION_2.as_bytes());
    assert_eq!(store.create(&name(key), &value).await.expect("create"), Created::New);
}

async fn assert_reads(store: &VaultStore, keys: &[&str]) {
    for key in keys {
        let value = store.get(&name(key)).await.expect(key).expect(key);
        assert_eq!(value.expose(), GENERATION_2.as_bytes(), "{key}");
    }
}

async fn stored(site: &Site, key: &str) -> String {
    site.members(key).await.expect("an entry")[key].as_str().expect("text").to_owned()
}

async fn rotate(site: &Site) {
    site.admin.done(Method::POST, &format!("transit-{}/keys/kes/rotate", site.engine), Value::Null).await;
}

#[tokio::test]
async fn keys_are_written_with_the_newest_version_and_read_with_any() {
    let site = site_or_return!(version: V2, transit: true);
    let store = site.store().await;
    site.plant("plain", GENERATION_2.as_bytes()).await;
    create(&store, "before").await;
    rotate(&site).await;
    create(&store, "after").await;
    assert!(stored(&site, "before").await.starts_with("vault:v1:"));
    assert!(stored(&site, "after").await.starts_with("vault:v2:"));
    let rewrap = json!({"ciphertext": stored(&site, "before").await});
    let rewrapped = site.admin.done(Method::POST, &format!("transit-{}/rewrap/kes", site.engine), rewrap).await;
    site.put("rewrapped", json!({"rewrapped": rewrapped["data"]["ciphertext"]})).await;
    assert_reads(&store, &["plain", "before", "after", "rewrapped"]).await;
}

#[tokio::test]
async fn writing_can_be_pinned_to_the_first_version() {
    let site = site_or_return!(version: V2, transit: true);
    let mut settings = site.settings();
    settings.transit.as_mut().expect("transit").pinned = true;
    let store = vault(&settings).await.expect("a store");
    rotate(&site).await;
    create(&store, "my-key").await;
    assert!(stored(&site, "my-key").await.starts_with("vault:v1:"));
    assert_reads(&store, &["my-key"]).await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_decrypted_is_not_taken_for_a_key() {
    let site = site_or_return!(version: V2, transit: true);
    let store = site.store().await;
    create(&store, "my-key").await;
    site.put("damaged", json!({"damaged": "vault:v1:AAAA"})).await;
    let mut settings = site.settings();
    settings.transit = None;
    let without = vault(&settings).await.expect("a store");
    for (store, key) in [(&store, "damaged"), (&without, "my-key")] {
        match store.get(&name(key)).await {
            Err(StoreError::Corrupt(reason)) => assert!(reason.contains(key) && !reason.contains("AAAA"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn without_the_transit_key_nothing_is_stored() {
    let site = site_or_return!(version: V2, transit: true);
    let mut settings = site.settings();
    settings.transit.as_mut().expect("transit").key = "another".to_owned();
    let store = vault(&settings).await.expect("a store");
    let refused = store.create(&name("my-key"), &SecretBytes::from(&b"x"[..])).await;
    assert!(refused.unwrap_err().to_string().contains("permission denied"));
    assert_eq!(site.members("my-key").await, None);
}
