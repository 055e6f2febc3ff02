//! Vault sealed, gone, or never there.

use std::sync::Arc;

use kes_config::keystore::KvVersion::V2;
use kes_core::SecretBytes;
use reqwest::Method;
use serde_json::{Value, json};

use super::openbao::OpenBao;
use super::site::{Layout, Site};
use super::site_or_return;
use super::vault;
use crate::conformance::name;
use crate::{ConnectError, Created, KeyStore, StoreError};

#[tokio::test]
async fn a_sealed_vault_is_unavailable_until_it_is_unsealed() {
    let Some(server) = OpenBao::start() else { return };
    let site = Site::at(Arc::new(server), Layout { version: V2, ..Layout::default() }).await;
    let store = site.store().await;
    let key = name("my-key");
    assert_eq!(store.create(&key, &SecretBytes::from(&b"x"[..])).await.expect("create"), Created::New);
    site.admin.done(Method::PUT, "sys/seal", Value::Null).await;
    for attempt in ["asks", "knows"] {
        match store.get(&key).await {
            Err(StoreError::Unavailable(reason)) => assert!(reason.contains("sealed"), "{attempt}: {reason}"),
            other => panic!("{attempt}: {other:?}"),
        }
    }
    assert!(matches!(store.status().await, Err(StoreError::Unavailable(_))));
    let sealed = vault(&site.settings()).await;
    assert!(matches!(sealed, Err(ConnectError::Unavailable(_))), "{sealed:?}");
    let unseal = json!({"key": site.admin.server.unseal_key()});
    site.admin.done(Method::PUT, "sys/unseal", unseal).await;
    store.status().await.expect("unsealed");
    assert!(store.get(&key).await.expect("get").is_some());
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable() {
    let site = site_or_return!(version: V2);
    let mut settings = site.settings();
    // A port that is taken and not listened to: nobody else gets it meanwhile.
    let taken = tokio::net::TcpSocket::new_v4().expect("a socket");
    taken.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    settings.endpoint = format!("http://{}", taken.local_addr().expect("an address"));
    match vault(&settings).await {
        Err(ConnectError::Unavailable(reason)) => assert!(reason.contains("refused"), "{reason}"),
        other => panic!("{other:?}"),
    }
}
