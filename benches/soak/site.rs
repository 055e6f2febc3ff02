//! What the server is configured with: a directory with certificates, a key store under two names, and logs.

use std::collections::VecDeque;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use fastrand::Rng;
use kes_client::{certificate, pem};
use kes_core::{ApiKey, Secret};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

use crate::Failure;

/// Clients with a policy and names of their own.
pub const HOLDERS: usize = 6;

/// Certificates that a server may still show: one is renewed about every second, and a handshake may take a while.
const RECENT_CERTIFICATES: usize = 20;

/// Who calls the server.
pub struct Identities {
    /// May do everything.
    pub admin: ApiKey,
    /// May do everything with keys of a prefix of their own, and with those that all contend for.
    pub holders: Vec<ApiKey>,
    /// Has a policy that comes and goes.
    pub fickle: ApiKey,
    /// Has no policy.
    pub outsider: ApiKey,
}

impl Identities {
    fn new(rng: &mut Rng) -> Result<Self, Failure> {
        let mut key = || ApiKey::from_seed(Secret::init_with(|seed: &mut [u8; 32]| rng.fill(seed)));
        let holders = (0..HOLDERS).map(|_| key()).collect::<Result<_, _>>()?;
        Ok(Self { holders, admin: key()?, fickle: key()?, outsider: key()? })
    }
}

/// What a reload changes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether the fickle client may do what it does.
    pub fickle: bool,
    /// The key store's other name, so that the server takes it for another store.
    pub alias: bool,
    /// `cache.expiry.any`, `cache.expiry.unused` and `cache.max_keys`.
    pub cache: (&'static str, &'static str, usize),
    /// The name of the audit file.
    pub audit_file: &'static str,
    /// `log.repeat_interval`.
    pub repeat_interval: &'static str,
}

/// Everything stays in memory as long as the store fails.
pub const ROOMY: (&str, &str, usize) = ("5m", "1m", 100_000);

impl Settings {
    /// What the server begins with.
    pub fn first() -> Self {
        Self { fickle: true, alias: false, cache: ROOMY, audit_file: "audit.log", repeat_interval: "10s" }
    }
}

/// See the module's text.
pub struct Site {
    directory: TempDir,
    /// Who calls.
    pub identities: Identities,
    certificates: Mutex<VecDeque<CertificateDer<'static>>>,
}

impl Site {
    /// A new directory, with all that a server needs.
    pub fn new(rng: &mut Rng) -> Result<Self, Failure> {
        let site =
            Self { directory: tempfile::tempdir()?, identities: Identities::new(rng)?, certificates: Mutex::default() };
        fs::DirBuilder::new().mode(0o700).create(site.path("keys"))?;
        symlink("keys", site.path("keys-again"))?;
        site.renew_certificate()?;
        site.configure(&Settings::first())?;
        Ok(site)
    }

    /// A file or directory of the site.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts another certificate and key where the server looks for them.
    pub fn renew_certificate(&self) -> Result<(), Failure> {
        let addresses = [IpAddr::from([127, 0, 0, 1])];
        let (certificate, key) = certificate::of_development_server(&addresses, SystemTime::now())?;
        let mut known = self.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        known.push_front(certificate.clone());
        known.truncate(RECENT_CERTIFICATES);
        drop(known);
        fs::write(self.path("cert.pem"), pem::write_certificate(&certificate))?;
        fs::write(self.path("key.pem"), pem::write_private_key(&key, None)?.expose())?;
        Ok(())
    }

    /// Whether this is a certificate that the server was given lately.
    pub fn knows(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner).contains(certificate)
    }

    /// Writes the configuration.
    pub fn configure(&self, settings: &Settings) -> Result<(), Failure> {
        Ok(fs::write(self.path("kes.yaml"), self.text(settings))?)
    }

    /// Writes a configuration that cannot be loaded.
    pub fn misconfigure(&self) -> Result<(), Failure> {
        Ok(fs::write(self.path("kes.yaml"), "version: v1\nnonsense: [\n")?)
    }

    fn text(&self, settings: &Settings) -> String {
        let path = |name: &str| self.path(name).display().to_string();
        let Settings { fickle, alias, cache: (any, unused, max_keys), audit_file, repeat_interval } = settings;
        let mut policies = String::new();
        for (index, key) in self.identities.holders.iter().enumerate() {
            let rules: String = [
                "create", "import", "describe", "list", "delete", "encrypt", "generate", "decrypt", "hmac",
            ]
            .iter()
            .map(|verb| {
                format!(
                    "      - /v1/key/{verb}/h{index}-*\n      - /v1/key/{verb}/race-*\n      - /v1/key/{verb}/hot\n"
                )
            })
            .collect();
            policies += &format!(
                "  holder-{index}:\n    allow:\n{rules}    deny:\n      - /v1/key/create/h{index}-never*\n    \
                 identities: [{}]\n",
                key.identity()
            );
        }
        let verb = if *fickle { "describe" } else { "encrypt" };
        let fickle = self.identities.fickle.identity();
        format!(
            "version: v1\n\
             address: 127.0.0.1:0\n\
             admin: {{identity: {admin}}}\n\
             tls: {{key: {key}, cert: {cert}, watch: 1s}}\n\
             policy:\n{policies}  fickle:\n    allow: [/v1/key/{verb}/hot]\n    identities: [{fickle}]\n\
             cache: {{expiry: {{any: {any}, unused: {unused}, offline: 5m}}, max_keys: {max_keys}}}\n\
             log:\n  queue: 1024\n  repeat_interval: {repeat_interval}\n  \
             file: {{audit: {{path: {audit}, max_size: 2MiB, keep: 2}}}}\n\
             health: {{address: 127.0.0.1:0}}\n\
             keys: [{{name: hot}}]\n\
             keystore:\n  deadline: 4s\n  attempt_timeout: 2s\n  outage_wait: 2s\n  retries: 1\n  probe_interval: 1s\n  \
             fs: {{path: {keys}}}\n",
            admin = self.identities.admin.identity(),
            key = path("key.pem"),
            cert = path("cert.pem"),
            audit = path(audit_file),
            keys = path(if *alias { "keys-again" } else { "keys" }),
        )
    }
}
