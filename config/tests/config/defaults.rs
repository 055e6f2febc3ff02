//! What holds where the file says nothing.

use std::time::Duration;

use kes_config::keystore::StoreCalls;
use kes_config::log::AuditFile;
use kes_config::{Cache, Limits, Log};

use crate::{File, config};

#[test]
fn a_file_without_sections_has_the_documented_defaults() {
    let config = config(&File::base().with("address", "").text());
    assert_eq!(config.address.to_string(), "0.0.0.0:7373");
    assert_eq!((config.cache, config.limits, config.log), (Cache::default(), Limits::default(), Log::default()));
    assert_eq!((config.store_calls, config.shutdown_grace), (StoreCalls::default(), Duration::from_secs(5)));
    assert_eq!((config.health, config.proxy_protocol), (None, None));
    assert!(config.keys.is_empty() && config.api.is_empty() && config.metrics_extended && !config.legacy_error_texts);
    assert!(!config.tls.verify_clients && config.tls.ca.is_none() && config.tls.password.is_none());
    assert_eq!(config.tls.watch, Some(Duration::from_secs(10)));
    assert_eq!(config.tls.expiry_warnings, [720, 168, 24].map(Duration::from_hours));
}

#[test]
fn expiry_times_do_not_depend_on_each_other_and_zero_means_the_default() {
    let cache =
        |expiry: &str| config(&File::base().with("cache", format!("cache: {{expiry: {{{expiry}}}}}")).text()).cache;
    let minutes = Duration::from_mins;
    assert_eq!((cache("any: 7m").any, cache("any: 7m").unused), (minutes(7), Duration::from_secs(30)));
    assert_eq!((cache("unused: 7m").any, cache("unused: 7m").unused), (minutes(5), minutes(7)));
    assert_eq!(cache("any: 0s, unused: 0s, offline: 0s"), Cache::default());
    assert_eq!(cache("offline: 1h").offline, minutes(60));
}

#[test]
fn switched_off_is_none() {
    let off = File::base()
        .with("tls", "tls: {key: k, cert: c, watch: 0s, expiry_warnings: []}")
        .with("api", "api: {/v1/key/create: {timeout: 0s}}")
        .with("log", "log: {file: {audit: {path: a, keep: 0}}}")
        .with("proxy_protocol", "proxy_protocol: {mode: off, trusted: [10.0.0.0/8]}");
    let config = config(&off.text());
    assert_eq!((config.tls.watch, config.tls.expiry_warnings.len()), (None, 0));
    assert_eq!(config.api["/v1/key/create/"].timeout, None);
    assert_eq!(config.log.audit_file, Some(AuditFile { path: "a".into(), rotation: None }));
    assert_eq!(config.proxy_protocol, None);
}

#[test]
fn a_proxy_without_a_header_has_the_customary_one() {
    let tls = |proxy: &str| {
        let text = File::base().with("tls", format!("tls: {{key: k, cert: c, proxy: {{{proxy}}}}}")).text();
        config(&text).tls.proxy
    };
    assert_eq!(tls("identities: [p1]").expect("a proxy").header, "X-Tls-Client-Cert");
    assert_eq!(tls("identities: [p1], header: {cert: X-Cert}").expect("a proxy").header, "X-Cert");
    assert_eq!(tls("identities: [], header: {cert: X-Cert}"), None);
}

#[test]
fn a_health_port_alone_is_this_machine_only() {
    for (address, expected) in [("7374", "127.0.0.1:7374"), (":7374", "127.0.0.1:7374"), ("'[::]:7374'", "[::]:7374")] {
        let text = File::base().with("health", format!("health: {{address: {address}}}")).text();
        assert_eq!(config(&text).health.map(|address| address.to_string()).as_deref(), Some(expected));
    }
}
