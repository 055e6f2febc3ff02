//! TLS towards a key store: the same settings for every store that is reached over a network.

use std::path::PathBuf;

use crate::report::Report;
use crate::section::Section;

/// How the server of a key store is recognised, and what it is shown. The files are read when the store is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreTls {
    /// `ca`: file or directory with the CAs of the store.
    pub ca: Option<PathBuf>,
    /// `system_roots`: whether the system's CAs are trusted, be it alone or beside `ca`.
    pub system_roots: bool,
    /// `server_name`: the name in the store's certificate, if it is not the host of the endpoint.
    pub server_name: Option<String>,
    /// `cert` and `key`: what the store is shown. Only Vault takes one.
    pub client: Option<ClientCertificate>,
}

/// A client certificate and its private key, in PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// `cert`
    pub cert: PathBuf,
    /// `key`
    pub key: PathBuf,
}

/// What a CA of the operator's own means for the system's if the file does not say (`keystores.md` §1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnCa {
    ReplacesSystemRoots,
    AddsToSystemRoots,
}

/// The `tls` section of a store that takes no client certificate.
pub(crate) fn check(store: &mut Section<'_>, own_ca: OwnCa, report: &mut Report<'_>) -> StoreTls {
    let mut tls = store.section("tls", report);
    let ca = tls.path("ca", report);
    let checked = server(&mut tls, ca, own_ca, report);
    tls.finish(report);
    checked
}

/// How the store's server is recognised.
pub(crate) fn server(tls: &mut Section<'_>, ca: Option<PathBuf>, own_ca: OwnCa, report: &mut Report<'_>) -> StoreTls {
    let server_name = tls.string("server_name", report);
    let system_roots = tls.boolean("system_roots", report);
    if system_roots == Some(false) && ca.is_none() {
        report.error(&tls.place, "without the system's CAs and without `ca` no server is trusted", "set `ca`");
    }
    let system_roots = system_roots.unwrap_or(ca.is_none() || own_ca == OwnCa::AddsToSystemRoots);
    StoreTls { ca, system_roots, server_name, client: None }
}
