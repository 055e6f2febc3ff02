//! The store against a real OpenBao, and what OpenBao cannot show against a script.

mod answers;
mod entries;
mod fake;
mod layouts;
mod limits;
mod logins;
mod node;
#[allow(dead_code, reason = "shared with the tests of the server, which also kill it")]
#[path = "../../../../tests/shared/openbao.rs"]
mod openbao;
mod outages;
mod session;
mod site;
mod strangers;
mod tls;
mod transit;

use kes_config::keystore::{StoreCalls, Vault as Settings};
use kes_core::SecretBytes;

use super::VaultStore;
use crate::conformance::name;
use crate::{ConnectError, Created, KeyStore};

/// A site of this layout; ends the test where there is no OpenBao.
macro_rules! site_or_return {
    ($($field:ident: $value:expr),* $(,)?) => {{
        #[allow(clippy::needless_update, reason = "some layouts name every field")]
        let layout = $crate::vault::tests::site::Layout { $($field: $value,)* ..Default::default() };
        match $crate::vault::tests::site::Site::new(layout).await {
            Some(site) => site,
            None => return,
        }
    }};
}
use site_or_return;

/// A store with calls as a server has them unless told otherwise.
async fn vault(settings: &Settings) -> Result<VaultStore, ConnectError> {
    VaultStore::connect(settings, &StoreCalls::default()).await
}

/// Fails unless a key can be made and read.
async fn assert_works(store: &VaultStore, key: &str) {
    let created = store.create(&name(key), &SecretBytes::from(&b"x"[..])).await;
    assert_eq!(created.expect("create"), Created::New);
    assert!(store.get(&name(key)).await.expect("get").is_some());
}

/// Why there is no store.
async fn refused(settings: &Settings) -> String {
    match vault(settings).await {
        Err(ConnectError::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}
