//! From what the configuration means to what the server is made of.

use kes_config::keystore::StoreCalls;
use kes_config::{Cache, Config, Limits, Proxy, Tls};
use kes_core::SecretText;

use super::banner::Banner;
use super::harden::MemoryLocking;
use super::reload::Fixed;
use super::store::StorePlan;
use super::{Failure, Plan, say};
use crate::keys::CacheSettings;
use crate::server::{
    ClientMode, ConnectionLimits, ListenerLimits, Logs, Metrics, Proxies, RouteSettings, Settings, TlsFiles, TlsState,
    TlsWatch,
};

/// The plan of a configured server. Reads the TLS files.
pub(super) fn plan(config: Config) -> Result<Plan, Failure> {
    // Some key stores are read and cannot be had yet.
    kes_keystores::connect::check(&config.keystore).map_err(Failure::configuration)?;
    let mode = ClientMode { required: !config.any_skip_auth(), verified: config.tls.verify_clients };
    let files = files(&config.tls);
    let watch = TlsWatch { every: config.tls.watch, expiry_warnings: config.tls.expiry_warnings };
    let tls = TlsState::load(files, mode).map_err(Failure::configuration)?.watched(watch);
    if let Some(warning) = tls.warning() {
        say(&format!("WARNING: {warning}"));
    }
    let proxies = config.tls.proxy.map(proxies).transpose()?;
    let routes = config.api.iter().map(|(path, api)| (path.as_str(), api.skip_auth, api.timeout));
    let banner = Banner {
        admin: config.access.admin().as_str().to_owned(),
        api_key: None,
        log: config.log.clone(),
        memory_lock: MemoryLocking::Keys,
    };
    let metrics = Metrics::default();
    let listener = limits(&config.limits);
    Ok(Plan {
        fixed: Fixed {
            address: config.address,
            health: config.health,
            proxy_protocol: config.proxy_protocol.clone(),
            limits: config.limits.clone(),
            grace: config.shutdown_grace,
        },
        settings: Settings {
            routes: RouteSettings::new(routes),
            access: config.access,
            tls,
            proxies,
            cache: cache(&config.cache, &config.store_calls),
            keys: config.keys,
            listener,
            proxy_protocol: config.proxy_protocol,
            requests: config.limits.requests,
            grace: config.shutdown_grace,
            legacy_error_texts: config.legacy_error_texts,
            logs: Logs::new(&metrics),
            metrics,
            extended_metrics: config.metrics_extended,
        },
        store: StorePlan::Connect(Box::new(config.keystore), config.store_calls),
        banner,
        log: config.log,
    })
}

/// The files of TLS, and what opens them.
pub(super) fn files(tls: &Tls) -> TlsFiles {
    let password = tls.password.as_ref().map(|password| SecretText::from(password.expose()));
    TlsFiles { key: tls.key.clone(), cert: tls.cert.clone(), password, ca: tls.ca.clone() }
}

pub(super) fn proxies(proxy: Proxy) -> Result<Proxies, Failure> {
    let header = proxy.header;
    // The configuration has looked at the characters; what is left is the length.
    Proxies::new(proxy.identities, &header).map_err(|error| {
        let hint = "hint: a shorter name, such as `X-Tls-Client-Cert`";
        Failure::configuration(format!("`tls.proxy.header.cert` is not the name of a header: {error}; {hint}"))
    })
}

pub(super) fn cache(cache: &Cache, calls: &StoreCalls) -> CacheSettings {
    CacheSettings {
        any: cache.any,
        unused: cache.unused,
        offline: cache.offline,
        call_limit: calls.deadline.max(calls.attempt_timeout),
        refresh_ahead: cache.any.mul_f64(f64::from(cache.refresh_ahead_percent) / 100.0),
        max_keys: cache.max_keys,
    }
}

pub(super) fn limits(limits: &Limits) -> ListenerLimits {
    ListenerLimits {
        connections: limits.connections,
        streams: limits.streams,
        connection: ConnectionLimits {
            handshake: limits.handshake_timeout,
            header: limits.header_timeout,
            idle: limits.idle_timeout,
        },
    }
}
