//! `keystore.gcp.secretmanager`: Google Cloud Secret Manager.

use kes_core::SecretText;

use crate::keystore::endpoint::{self, Scheme};
use crate::keystore::tls::{self, OwnCa, StoreTls};
use crate::keystore::{Credential, KeyStore};
use crate::report::Report;
use crate::section::Section;

pub(crate) const REQUIRED: &[&str] = &["project_id"];

/// The public service.
const PUBLIC_ENDPOINT: &str = "https://secretmanager.googleapis.com";

/// `keystore.gcp.secretmanager`
#[derive(Debug, PartialEq, Eq)]
pub struct SecretManager {
    /// `project_id`
    pub project_id: String,
    /// `endpoint`: a URL without a slash at its end. Default the public service.
    pub endpoint: String,
    /// `scopes` of the access token; empty: what the service needs.
    pub scopes: Vec<String>,
    /// `credentials` of a service account; `None`: what the machine has to offer.
    pub credentials: Option<GcpCredentials>,
    /// `tls`
    pub tls: StoreTls,
}

/// The key of a service account.
#[derive(Debug, PartialEq, Eq)]
pub struct GcpCredentials {
    /// `client_email`
    pub client_email: String,
    /// `client_id`
    pub client_id: String,
    /// `private_key_id`
    pub private_key_id: String,
    /// `private_key`: PEM, with real line breaks.
    pub private_key: Credential,
}

pub(crate) fn check(mut store: Section<'_>, report: &mut Report<'_>) -> Option<KeyStore> {
    let project_id = store.required("project_id", "the project", report);
    let endpoint = endpoint::optional(&mut store, Scheme::Assumed, report);
    let scopes = store.list("scopes", report).unwrap_or_default();
    let credentials = credentials(store.section("credentials", report), report);
    let tls = tls::check(&mut store, OwnCa::AddsToSystemRoots, report);
    store.finish(report);
    Some(KeyStore::Gcp(SecretManager {
        project_id: project_id?.value.to_string(),
        endpoint: endpoint.unwrap_or_else(|| PUBLIC_ENDPOINT.to_owned()),
        scopes: scopes.iter().map(|scope| scope.value.to_string()).filter(|scope| !scope.is_empty()).collect(),
        credentials: credentials?,
        tls,
    }))
}

/// All four values, or none of them; `None` if some are missing.
fn credentials(mut section: Section<'_>, report: &mut Report<'_>) -> Option<Option<GcpCredentials>> {
    let client_email = section.string("client_email", report);
    let client_id = section.string("client_id", report);
    let private_key_id = section.string("private_key_id", report);
    let private_key = section.secret("private_key", report);
    let missing: Vec<&str> = [
        ("`client_email`", client_email.is_none()),
        ("`client_id`", client_id.is_none()),
        ("`private_key_id`", private_key_id.is_none()),
        ("`private_key`", private_key.is_none()),
    ]
    .into_iter()
    .filter_map(|(name, is_missing)| is_missing.then_some(name))
    .collect();
    let place = section.place.clone();
    section.finish(report);
    match (client_email, client_id, private_key_id, private_key) {
        (Some(client_email), Some(client_id), Some(private_key_id), Some(private_key)) => Some(Some(GcpCredentials {
            client_email,
            client_id,
            private_key_id,
            private_key: with_line_breaks(&private_key).into(),
        })),
        (None, None, None, None) => Some(None),
        _ => {
            report.error(&place, format!("{} missing", missing.join(", ")), "set all four values, or none of them");
            None
        }
    }
}

/// In variables a key is often one line, with `\n` where lines end.
fn with_line_breaks(private_key: &SecretText) -> SecretText {
    SecretText::from(private_key.expose().replace("\\n", "\n"))
}
