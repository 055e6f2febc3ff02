//! What a test server is made of.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kes::keys::CacheSettings;
use kes::server::{
    ClientMode, ConnectionLimits, ListenerLimits, Logs, Metrics, Proxies, RouteSettings, Settings, TlsFiles, TlsState,
};
use kes_client::certificate;
use kes_client::pem;
use kes_config::{Level, Log, ProxyProtocol};
use kes_core::caller::Admin;
use kes_core::{Access, KeyName, Policy, Rule};
use kes_keystores::KeyStore;
use rustls_pki_types::CertificateDer;

use super::{ADMIN, USER};

/// The header in which the proxies of test servers pass certificates on.
pub const PROXY_HEADER: &str = "X-Tls-Client-Cert";

/// A policy's name, what it allows and denies, and the identities that it binds.
pub type PolicyOf = (&'static str, Vec<&'static str>, Vec<&'static str>, Vec<String>);

/// Changes to the usual settings.
pub struct Build {
    pub store: Option<Arc<dyn KeyStore>>,
    pub cache: CacheSettings,
    pub mode: ClientMode,
    /// PEM of further roots for client certificates.
    pub ca: Option<String>,
    /// The identities of TLS proxies, which use [`PROXY_HEADER`].
    pub proxies: Vec<String>,
    pub skip_auth: Vec<&'static str>,
    pub timeouts: Vec<(&'static str, Duration)>,
    pub limits: ListenerLimits,
    pub proxy_protocol: Option<ProxyProtocol>,
    pub requests: usize,
    pub keys: Vec<KeyName>,
    pub grace: Duration,
    pub legacy_error_texts: bool,
    pub extended_metrics: bool,
    pub log: Log,
    pub metrics: Metrics,
    pub admin: String,
    pub policies: Vec<PolicyOf>,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            store: None,
            cache: CacheSettings {
                any: Duration::from_secs(300),
                unused: Duration::from_secs(30),
                offline: Duration::ZERO,
                call_limit: Duration::from_secs(10),
                refresh_ahead: Duration::from_secs(60),
                max_keys: 100_000,
            },
            mode: ClientMode { required: true, verified: false },
            ca: None,
            proxies: Vec::new(),
            skip_auth: Vec::new(),
            timeouts: Vec::new(),
            limits: ListenerLimits {
                connections: 16_384,
                streams: 250,
                connection: ConnectionLimits {
                    handshake: Duration::from_secs(5),
                    header: Duration::from_secs(5),
                    idle: Duration::from_secs(90),
                },
            },
            proxy_protocol: None,
            requests: 4096,
            keys: Vec::new(),
            grace: Duration::from_secs(5),
            legacy_error_texts: false,
            extended_metrics: true,
            log: Log { error: Level::OFF, audit: Level::OFF, repeat_interval: Duration::ZERO, ..Log::default() },
            metrics: Metrics::default(),
            admin: ADMIN.to_owned(),
            policies: vec![(
                "my-app",
                vec!["/v1/key/create/my-*", "/v1/key/generate/my-*", "/v1/key/describe/exact", "/v1/status"],
                vec!["/v1/key/create/my-internal*"],
                vec![USER.to_owned()],
            )],
        }
    }
}

impl Build {
    pub fn store(mut self, store: Arc<dyn KeyStore>) -> Self {
        self.store = Some(store);
        self
    }

    pub fn cache(mut self, change: impl FnOnce(&mut CacheSettings)) -> Self {
        change(&mut self.cache);
        self
    }

    pub fn connection(mut self, change: impl FnOnce(&mut ConnectionLimits)) -> Self {
        change(&mut self.limits.connection);
        self
    }

    /// Has a TLS proxy with this identity.
    pub fn proxy(mut self, identity: &str) -> Self {
        self.proxies.push(identity.to_owned());
        self
    }

    /// Makes a certificate optional, as `skip_auth` on any route does.
    pub fn skip_auth(mut self, path: &'static str) -> Self {
        self.skip_auth.push(path);
        self.mode.required = false;
        self
    }

    pub fn timeout(mut self, path: &'static str, timeout: Duration) -> Self {
        self.timeouts.push((path, timeout));
        self
    }

    pub fn policy(
        mut self,
        name: &'static str,
        allow: &[&'static str],
        deny: &[&'static str],
        identities: &[&str],
    ) -> Self {
        let identities = identities.iter().map(|&identity| identity.to_owned()).collect();
        self.policies.push((name, allow.to_vec(), deny.to_vec(), identities));
        self
    }

    /// The settings, and the certificate that clients verify the server with.
    pub fn settings(self) -> (Settings, CertificateDer<'static>) {
        let addresses = [IpAddr::from([127, 0, 0, 1])];
        let (certificate, key) =
            certificate::of_development_server(&addresses, SystemTime::now()).expect("a certificate");
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("cert"), pem::write_certificate(&certificate)).expect("written");
        std::fs::write(path("key"), pem::write_private_key(&key, None).expect("PEM").expose()).expect("written");
        let ca = self.ca.map(|ca| {
            std::fs::write(path("ca"), ca).expect("written");
            path("ca")
        });
        let files = TlsFiles { key: path("key"), cert: path("cert"), password: None, ca };
        let rules = |texts: Vec<&'static str>| texts.into_iter().map(Rule::new).collect();
        let policies = self
            .policies
            .into_iter()
            .map(|(name, allow, deny, identities)| {
                let policy = Policy::new(name.parse().expect("a name"), rules(allow), rules(deny));
                (policy, identities.iter().map(|identity| identity.parse().expect("an identity")).collect())
            })
            .collect();
        let api = self.skip_auth.into_iter().map(|path| (path, true, None));
        let api = api.chain(self.timeouts.into_iter().map(|(path, timeout)| (path, false, Some(timeout))));
        let proxies = self.proxies.iter().map(|identity| identity.parse().expect("an identity"));
        let logs = Logs::new(&self.metrics);
        logs.change(self.log).expect("the logs can be written");
        let settings = Settings {
            access: Access::new(Admin::new(self.admin), policies).expect("a consistent configuration"),
            tls: TlsState::load(files, self.mode).expect("TLS"),
            proxies: (!self.proxies.is_empty()).then(|| Proxies::new(proxies, PROXY_HEADER).expect("a header's name")),
            routes: RouteSettings::new(api.collect::<Vec<_>>()),
            cache: self.cache,
            keys: self.keys,
            listener: self.limits,
            proxy_protocol: self.proxy_protocol,
            requests: self.requests,
            grace: self.grace,
            legacy_error_texts: self.legacy_error_texts,
            logs,
            metrics: self.metrics,
            extended_metrics: self.extended_metrics,
        };
        (settings, certificate)
    }
}
