//! Configuration text: what is accepted fits together and means the same however its lines end, and what is refused is
//! refused with problems that can be printed.
#![no_main]

use std::collections::{BTreeMap, HashMap, HashSet};

use kes_config::api::{PATHS, SKIP_AUTH_PATHS};
use kes_config::{Config, Loaded, Problem, Problems, Severity};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(loaded) => {
            check_problems(text, &loaded.warnings);
            assert!(loaded.warnings.iter().all(|warning| warning.severity == Severity::Warning));
            check_config(&loaded.config);
            check_same_meaning(text, &loaded.config);
        }
        Err(problems) => {
            check_problems(text, problems.as_slice());
            assert!(problems.as_slice().iter().any(|problem| problem.severity == Severity::Error));
        }
    }
});

fn parse(text: &str) -> Result<Loaded, Problems> {
    let variables =
        HashMap::from([("ADDR", "127.0.0.1:7373"), ("EMPTY", ""), ("ID", "x1"), ("D", "7s"), ("T", "true")]);
    kes_config::parse("kes.yaml", text, &variables)
}

/// Problems are single lines that stand in the file, in its order.
fn check_problems(text: &str, problems: &[Problem]) {
    let lines = text.split(['\n', '\r']).count() + 1;
    for problem in problems {
        let shown = problem.to_string();
        assert!(!shown.chars().any(char::is_control), "{shown:?} has a control character");
        assert!(problem.line as usize <= lines, "{shown}: the file has {lines} lines");
    }
    assert!(problems.is_sorted_by_key(|problem| (problem.line, problem.column)), "{problems:#?}");
}

/// What every configuration that is accepted promises to the rest of the program.
fn check_config(config: &Config) {
    let access = &config.access;
    for identity in access.identities() {
        assert!(!access.admin().is(identity), "{identity} is the administrator and has a policy");
        assert!(access.policy_of(identity).is_some(), "{identity} has a policy that is not there");
    }
    for identity in config.tls.proxy.iter().flat_map(|proxy| &proxy.identities) {
        assert!(!access.admin().is(identity) && access.policy_of(identity).is_none(), "{identity} has two roles");
    }
    for (path, api) in &config.api {
        assert!(PATHS.contains(&path.as_str()), "{path} is no API");
        assert!(!api.skip_auth || SKIP_AUTH_PATHS.contains(&path.as_str()), "{path} is open to everybody");
        assert!(api.timeout.is_none_or(|timeout| !timeout.is_zero()), "{path} has no time");
    }
    assert!(config.keys.iter().all(|name| name.is_strict() && !name.is_reserved()));
    assert_eq!(config.keys.iter().collect::<HashSet<_>>().len(), config.keys.len(), "a key is there twice");
    assert!(!config.cache.any.is_zero() && !config.cache.unused.is_zero());
    assert!(config.cache.refresh_ahead_percent < 100);
    let limits = &config.limits;
    assert!(limits.connections > 0 && limits.requests > 0 && limits.streams > 0);
    for time in [limits.handshake_timeout, limits.header_timeout, limits.idle_timeout] {
        assert!(!time.is_zero());
    }
}

/// The ends of lines, a byte order mark and a comment at the end make no difference.
fn check_same_meaning(text: &str, config: &Config) {
    let mut variants = vec![format!("{text}\n# the end\n")];
    if !text.starts_with('\u{feff}') {
        variants.push(format!("\u{feff}{text}"));
    }
    if !text.contains('\r') {
        variants.push(text.replace('\n', "\r\n"));
    }
    let meaning = meaning(config);
    for variant in variants {
        match parse(&variant) {
            Ok(loaded) => assert_eq!(self::meaning(&loaded.config), meaning, "{variant:?}"),
            Err(problems) => panic!("{variant:?} is refused: {problems}"),
        }
    }
}

/// All of a configuration, in an order that does not depend on hash maps. Secrets show as their type.
fn meaning(config: &Config) -> String {
    let access = &config.access;
    let assigned: BTreeMap<_, _> = access
        .identities()
        .map(|identity| (identity, access.policy_of(identity).map(|policy| policy.name())))
        .collect();
    let policies: Vec<_> = access.policies().collect();
    let who = format!("{:?} {policies:?} {assigned:?}", access.admin());
    let Config { address, tls, cache, api, log, keys, keystore, store_calls, limits, .. } = config;
    let Config { shutdown_grace, health, proxy_protocol, metrics_extended, legacy_error_texts, .. } = config;
    let what = format!("{address} {tls:?} {cache:?} {api:?} {log:?} {keys:?} {keystore:?} {store_calls:?} {limits:?}");
    format!("{who} {what} {shutdown_grace:?} {health:?} {proxy_protocol:?} {metrics_extended} {legacy_error_texts}")
}
