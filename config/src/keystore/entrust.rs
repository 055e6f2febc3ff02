//! `keystore.entrust.keycontrol`: Entrust KeyControl.

use crate::keystore::endpoint::{self, Scheme};
use crate::keystore::tls::{self, OwnCa, StoreTls};
use crate::keystore::{Credential, KeyStore};
use crate::report::Report;
use crate::section::Section;

pub(crate) const REQUIRED: &[&str] =
    &["endpoint", "vault_id", "box_id", "credentials.username", "credentials.password"];

/// `keystore.entrust.keycontrol`
#[derive(Debug, PartialEq, Eq)]
pub struct KeyControl {
    /// `endpoint`: a URL without a slash at its end.
    pub endpoint: String,
    /// `vault_id`
    pub vault_id: String,
    /// `box_id`: id or name of the box in the vault.
    pub box_id: String,
    /// `credentials.username`
    pub username: String,
    /// `credentials.password`
    pub password: Credential,
    /// `tls`
    pub tls: StoreTls,
}

pub(crate) fn check(mut store: Section<'_>, report: &mut Report<'_>) -> Option<KeyStore> {
    let endpoint = endpoint::required(&mut store, Scheme::Required, report);
    let vault_id = store.required("vault_id", "the vault", report);
    let box_id = store.required("box_id", "the box", report);
    let mut credentials = store.section("credentials", report);
    let username = credentials.required("username", "the user name", report);
    let password = credentials.required_secret("password", "the password", report);
    credentials.finish(report);
    let tls = tls::check(&mut store, OwnCa::AddsToSystemRoots, report);
    store.finish(report);
    Some(KeyStore::Entrust(KeyControl {
        endpoint: endpoint?,
        vault_id: vault_id?.value.to_string(),
        box_id: box_id?.value.to_string(),
        username: username?.value.to_string(),
        password: password?.into(),
        tls,
    }))
}
