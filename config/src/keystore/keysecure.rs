//! `keystore.gemalto.keysecure`: Thales CipherTrust Manager, Gemalto KeySecure before.

use crate::keystore::endpoint::{self, Scheme};
use crate::keystore::tls::{self, OwnCa, StoreTls};
use crate::keystore::{Credential, KeyStore};
use crate::report::Report;
use crate::section::Section;

pub(crate) const REQUIRED: &[&str] = &["endpoint", "credentials.token"];

/// `keystore.gemalto.keysecure`
#[derive(Debug, PartialEq, Eq)]
pub struct KeySecure {
    /// `endpoint`: a URL without a slash at its end.
    pub endpoint: String,
    /// `credentials.token`: the refresh token.
    pub refresh_token: Credential,
    /// `credentials.domain`; `None`: the root domain.
    pub domain: Option<String>,
    /// `tls`
    pub tls: StoreTls,
}

pub(crate) fn check(mut store: Section<'_>, report: &mut Report<'_>) -> Option<KeyStore> {
    let endpoint = endpoint::required(&mut store, Scheme::Required, report);
    let mut credentials = store.section("credentials", report);
    let refresh_token = credentials.required_secret("token", "the refresh token", report);
    let domain = credentials.string("domain", report);
    credentials.finish(report);
    let tls = tls::check(&mut store, OwnCa::ReplacesSystemRoots, report);
    store.finish(report);
    Some(KeyStore::KeySecure(KeySecure { endpoint: endpoint?, refresh_token: refresh_token?.into(), domain, tls }))
}
