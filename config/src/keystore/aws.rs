//! `keystore.aws.secretsmanager`: AWS Secrets Manager.

use crate::keystore::endpoint::{self, Scheme};
use crate::keystore::tls::{self, OwnCa, StoreTls};
use crate::keystore::{Credential, KeyStore};
use crate::report::Report;
use crate::section::Section;

pub(crate) const REQUIRED: &[&str] = &["endpoint", "region"];

/// `keystore.aws.secretsmanager`
#[derive(Debug, PartialEq, Eq)]
pub struct SecretsManager {
    /// `endpoint`: a URL without a slash at its end.
    pub endpoint: String,
    /// `region`
    pub region: String,
    /// `kmskey`: id, ARN or alias of the key that encrypts the secrets; `None`: the account's default.
    pub kms_key: Option<String>,
    /// `credentials`; `None`: the usual chain of environment, files and metadata services.
    pub credentials: Option<AwsCredentials>,
    /// `tls`
    pub tls: StoreTls,
}

/// An access key.
#[derive(Debug, PartialEq, Eq)]
pub struct AwsCredentials {
    /// `accesskey`: its id.
    pub access_key: String,
    /// `secretkey`
    pub secret_key: Credential,
    /// `token` of a session.
    pub session_token: Option<Credential>,
}

pub(crate) fn check(mut store: Section<'_>, report: &mut Report<'_>) -> Option<KeyStore> {
    let endpoint = endpoint::required(&mut store, Scheme::Assumed, report);
    let region = store.required("region", "the region", report);
    let kms_key = store.string("kmskey", report);
    let credentials = credentials(store.section("credentials", report), report);
    let tls = tls::check(&mut store, OwnCa::AddsToSystemRoots, report);
    store.finish(report);
    Some(KeyStore::Aws(SecretsManager {
        endpoint: endpoint?,
        region: region?.value.to_string(),
        kms_key,
        credentials: credentials?,
        tls,
    }))
}

/// An access key with its secret, or nothing at all; `None` if half of it is missing.
fn credentials(mut section: Section<'_>, report: &mut Report<'_>) -> Option<Option<AwsCredentials>> {
    let access_key = section.string("accesskey", report);
    let secret_key = section.secret("secretkey", report);
    let session_token = section.secret("token", report);
    let place = section.place.clone();
    section.finish(report);
    match (access_key, secret_key, session_token) {
        (Some(access_key), Some(secret_key), session_token) => Some(Some(AwsCredentials {
            access_key,
            secret_key: secret_key.into(),
            session_token: session_token.map(Credential::from),
        })),
        (None, None, None) => Some(None),
        _ => {
            let message = "`accesskey` and `secretkey` belong together";
            report.error(&place, message, "set both, or leave all credentials out to use those of the machine");
            None
        }
    }
}
