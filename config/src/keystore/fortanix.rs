//! `keystore.fortanix.sdkms`: Fortanix DSM.

use crate::keystore::endpoint::{self, Scheme};
use crate::keystore::tls::{self, OwnCa, StoreTls};
use crate::keystore::{Credential, KeyStore};
use crate::report::Report;
use crate::section::Section;

pub(crate) const REQUIRED: &[&str] = &["endpoint", "credentials.key"];

/// `keystore.fortanix.sdkms`
#[derive(Debug, PartialEq, Eq)]
pub struct Sdkms {
    /// `endpoint`: a URL without a slash at its end.
    pub endpoint: String,
    /// `group_id` of new objects; `None`: the application's default group.
    pub group_id: Option<String>,
    /// `credentials.key`: the application's API key, base64 as Fortanix gives it.
    pub api_key: Credential,
    /// `tls`
    pub tls: StoreTls,
}

pub(crate) fn check(mut store: Section<'_>, report: &mut Report<'_>) -> Option<KeyStore> {
    let endpoint = endpoint::required(&mut store, Scheme::Required, report);
    let group_id = store.string("group_id", report);
    let mut credentials = store.section("credentials", report);
    let api_key = credentials.required_secret("key", "the API key", report);
    credentials.finish(report);
    let tls = tls::check(&mut store, OwnCa::ReplacesSystemRoots, report);
    store.finish(report);
    Some(KeyStore::Fortanix(Sdkms { endpoint: endpoint?, group_id, api_key: api_key?.into(), tls }))
}
