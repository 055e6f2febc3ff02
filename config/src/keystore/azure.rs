//! `keystore.azure.keyvault`: Azure Key Vault.

use crate::keystore::endpoint::{self, Scheme};
use crate::keystore::tls::{self, OwnCa, StoreTls};
use crate::keystore::{Credential, KeyStore};
use crate::report::Report;
use crate::section::Section;

pub(crate) const REQUIRED: &[&str] = &["endpoint"];

/// `keystore.azure.keyvault`
#[derive(Debug, PartialEq, Eq)]
pub struct KeyVault {
    /// `endpoint`: the URL of the vault, without a slash at its end.
    pub endpoint: String,
    /// How to log in.
    pub login: AzureLogin,
    /// `tls`
    pub tls: StoreTls,
}

/// How to log in to Azure.
#[derive(Debug, PartialEq, Eq)]
pub enum AzureLogin {
    /// Neither section: environment, workload identity, managed identity of the machine.
    Default,
    /// `credentials` of an application.
    ClientSecret {
        /// `tenant_id`
        tenant_id: String,
        /// `client_id`
        client_id: String,
        /// `client_secret`
        client_secret: Credential,
    },
    /// `managed_identity`, user-assigned.
    ManagedIdentity {
        /// `client_id`
        client_id: String,
    },
}

pub(crate) fn check(mut store: Section<'_>, report: &mut Report<'_>) -> Option<KeyStore> {
    let endpoint = endpoint::required(&mut store, Scheme::Required, report);
    let credentials = store.section("credentials", report);
    let identity = store.section("managed_identity", report);
    if credentials.is_present() && identity.is_present() {
        let message = "there is more than one authentication method: `credentials` and `managed_identity`";
        report.error(&store.place, message, "keep one of the two");
    }
    let login = match (credentials.is_present(), identity.is_present()) {
        (false, false) => Some(AzureLogin::Default),
        (true, false) => client_secret(credentials, report),
        (false, true) => managed_identity(identity, report),
        (true, true) => {
            client_secret(credentials, report);
            managed_identity(identity, report)
        }
    };
    let tls = tls::check(&mut store, OwnCa::AddsToSystemRoots, report);
    store.finish(report);
    Some(KeyStore::Azure(KeyVault { endpoint: endpoint?, login: login?, tls }))
}

fn client_secret(mut section: Section<'_>, report: &mut Report<'_>) -> Option<AzureLogin> {
    let tenant_id = section.required("tenant_id", "the tenant", report);
    let client_id = section.required("client_id", "the client", report);
    let client_secret = section.required_secret("client_secret", "the client's secret", report);
    section.finish(report);
    Some(AzureLogin::ClientSecret {
        tenant_id: tenant_id?.value.to_string(),
        client_id: client_id?.value.to_string(),
        client_secret: client_secret?.into(),
    })
}

fn managed_identity(mut section: Section<'_>, report: &mut Report<'_>) -> Option<AzureLogin> {
    let client_id = section.required("client_id", "the client of the managed identity", report);
    section.finish(report);
    Some(AzureLogin::ManagedIdentity { client_id: client_id?.value.to_string() })
}
