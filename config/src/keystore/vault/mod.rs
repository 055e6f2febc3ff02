//! `keystore.vault`, also written `keystore.openbao`: HashiCorp Vault or OpenBao.

mod login;

use std::path::PathBuf;
use std::time::Duration;

use crate::keystore::KeyStore;
use crate::keystore::endpoint::{self, Scheme};
use crate::keystore::tls::{self, ClientCertificate, OwnCa, StoreTls};
use crate::problem::{Wrong, shown};
use crate::report::Report;
use crate::section::Section;

pub use login::{Login, Mount};

pub(crate) const REQUIRED: &[&str] = &[
    "endpoint",
    "approle.id",
    "approle.secret",
    "approle.secret_file",
    "kubernetes.jwt",
    "jwt.jwt",
    "token.value",
    "token.file",
];

/// How often the seal is looked at if the file does not say.
const DEFAULT_PING: Duration = Duration::from_secs(15);

/// How long a login may take if the file does not say.
const DEFAULT_LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// `keystore.vault`
#[derive(Debug, PartialEq, Eq)]
pub struct Vault {
    /// `endpoint`: a URL without a slash at its end.
    pub endpoint: String,
    /// `engine`: where the K/V engine is mounted. Default `kv`.
    pub engine: String,
    /// `version` of the K/V engine. Default 1.
    pub version: KvVersion,
    /// `namespace` of everything but, perhaps, the login; `None`: the root namespace. Falls back to `VAULT_NAMESPACE`.
    pub namespace: Option<String>,
    /// `prefix`: the folder in the engine; `None`: its top.
    pub prefix: Option<String>,
    /// `transit`: further encryption by Vault.
    pub transit: Option<Transit>,
    /// How to log in: exactly one method.
    pub login: Login,
    /// `login_timeout`: the longest that a login takes. Default 30 seconds.
    pub login_timeout: Duration,
    /// `tls`. Certificate, key and CA fall back to `VAULT_CLIENT_CERT`, `VAULT_CLIENT_KEY` and `VAULT_CACERT`.
    pub tls: StoreTls,
    /// `status.ping`: how often the seal is looked at. Default 15 seconds.
    pub ping: Duration,
    /// `forward_active`: whether reads go to the active node, so that they see every write. Default no.
    pub forward_active: bool,
    /// `exact_delete`: whether a delete reads first, to tell a missing key. Default yes.
    pub exact_delete: bool,
}

/// The version of a K/V engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KvVersion {
    /// `v1`: create is not atomic.
    #[default]
    V1,
    /// `v2`
    V2,
}

/// `keystore.vault.transit`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transit {
    /// `engine`: where the transit engine is mounted. Default `transit`.
    pub engine: String,
    /// `key`: the name of the key.
    pub key: String,
    /// `key_version` 1: writes use the first version of the key, so that KES can read them. Default no: the newest.
    pub pinned: bool,
}

pub(crate) fn check(mut vault: Section<'_>, report: &mut Report<'_>) -> Option<KeyStore> {
    let endpoint = endpoint::required(&mut vault, Scheme::Required, report);
    let engine = path(&mut vault, "engine", report).unwrap_or_else(|| "kv".to_owned());
    let version = vault.filled("version", report).and_then(|text| text.parse(report, kv_version));
    let namespace = match vault.filled("namespace", report) {
        Some(text) => text.parse(report, segments).filter(|namespace| !namespace.is_empty()),
        None => namespace_of_environment(&vault, report),
    };
    let prefix = path(&mut vault, "prefix", report);
    let transit = transit(vault.section("transit", report), report);
    let tls = tls(&mut vault, report);
    let login = login::check(&mut vault, namespace.as_deref(), &tls, report);
    let login_timeout = vault.positive_duration("login_timeout", report);
    let mut status = vault.section("status", report);
    let ping = status.duration("ping", report).filter(|ping| !ping.is_zero());
    status.finish(report);
    let forward_active = vault.boolean("forward_active", report);
    let exact_delete = vault.boolean("exact_delete", report);
    vault.finish(report);
    Some(KeyStore::Vault(Box::new(Vault {
        endpoint: endpoint?,
        engine,
        version: version.unwrap_or_default(),
        namespace,
        prefix,
        transit: transit?,
        login: login?,
        login_timeout: login_timeout.unwrap_or(DEFAULT_LOGIN_TIMEOUT),
        tls,
        ping: ping.unwrap_or(DEFAULT_PING),
        forward_active: forward_active.unwrap_or(false),
        exact_delete: exact_delete.unwrap_or(true),
    })))
}

/// The transit settings, if there is such a section; `None` if it lacks its key.
fn transit(mut section: Section<'_>, report: &mut Report<'_>) -> Option<Option<Transit>> {
    let is_present = section.is_present();
    let engine = path(&mut section, "engine", report).unwrap_or_else(|| "transit".to_owned());
    let key = if is_present { section.required("key", "the name of the transit key", report) } else { None };
    let key = key.and_then(|key| key.parse(report, transit_key));
    let pinned = section.parsed("key_version", report, |text| match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(Wrong::new(format!("{} is not a choice", shown(text)), "write 0 for the newest version, or 1")),
    });
    section.finish(report);
    if !is_present {
        return Some(None);
    }
    Some(Some(Transit { engine, key: key?, pinned: pinned.unwrap_or(false) }))
}

fn tls(vault: &mut Section<'_>, report: &mut Report<'_>) -> StoreTls {
    let mut section = vault.section("tls", report);
    let key = section.path("key", report);
    let cert = section.path("cert", report);
    let client = match (cert, key) {
        (Some(cert), Some(key)) => Some(ClientCertificate { cert, key }),
        (None, None) => match (fallback("VAULT_CLIENT_CERT", report), fallback("VAULT_CLIENT_KEY", report)) {
            (Some(cert), Some(key)) => Some(ClientCertificate { cert: cert.into(), key: key.into() }),
            (None, None) => None,
            // Not an error: it never was one.
            _ => {
                let message = "of VAULT_CLIENT_CERT and VAULT_CLIENT_KEY only one is set: ignored";
                report.warning(&section.place, message, "set both, or neither");
                None
            }
        },
        (cert, _) => {
            let missing = if cert.is_none() { "certificate" } else { "private key" };
            let message = format!("there is no TLS {missing}: `key` and `cert` belong together");
            report.error(&section.place, message, "set both, or neither");
            None
        }
    };
    let ca = section.path("ca", report).or_else(|| fallback("VAULT_CACERT", report).map(PathBuf::from));
    let server = tls::server(&mut section, ca, OwnCa::ReplacesSystemRoots, report);
    section.finish(report);
    StoreTls { client, ..server }
}

/// What Vault's own tools take from the environment, for what the file leaves open.
fn fallback(variable: &str, report: &Report<'_>) -> Option<String> {
    report.environment.get(variable).filter(|value| !value.is_empty())
}

/// The namespace that the environment names, as if it stood in the file.
fn namespace_of_environment(vault: &Section<'_>, report: &mut Report<'_>) -> Option<String> {
    match segments(fallback("VAULT_NAMESPACE", report)?.trim()) {
        Ok(namespace) => Some(namespace).filter(|namespace| !namespace.is_empty()),
        Err(wrong) => {
            report.wrong(&vault.place, Wrong { message: format!("VAULT_NAMESPACE: {}", wrong.message), ..wrong });
            None
        }
    }
}

/// A path in Vault, such as a mount, unless it is empty.
fn path(section: &mut Section<'_>, name: &'static str, report: &mut Report<'_>) -> Option<String> {
    section.filled(name, report)?.parse(report, segments).filter(|path| !path.is_empty())
}

/// The segments of a path, with one slash between them and none at the ends.
fn segments(text: &str) -> Result<String, Wrong> {
    let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
    if text.chars().any(char::is_control) || segments.iter().any(|segment| matches!(*segment, "." | "..")) {
        return Err(Wrong::new(format!("{} is not a path in Vault", shown(text)), "write it without `.` and `..`"));
    }
    Ok(segments.join("/"))
}

fn transit_key(text: &str) -> Result<String, Wrong> {
    match segments(text)?.as_str() {
        key if key.is_empty() || key.contains('/') => {
            Err(Wrong::new(format!("{} is not the name of a transit key", shown(text)), "write it without `/`"))
        }
        key => Ok(key.to_owned()),
    }
}

fn kv_version(text: &str) -> Result<KvVersion, Wrong> {
    match text {
        "v1" => Ok(KvVersion::V1),
        "v2" => Ok(KvVersion::V2),
        _ => Err(Wrong::new(format!("{} is not a version of the K/V engine", shown(text)), "write `v1` or `v2`")),
    }
}
