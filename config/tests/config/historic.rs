//! Files of older releases.

use std::path::PathBuf;

use kes_config::keystore::{FileSystem, KeyStore};

use crate::{File, config, problems, warnings};

#[test]
fn root_is_the_administrator() {
    let file = File::base().with("admin", "root: ${ID}");
    assert_eq!(config(&file.text()).access.admin().as_str(), "x1");
    let same = File::base().with("root", "root: disabled");
    assert!(warnings(&same.text()).iter().any(|text| text.contains("root: replaced by `admin.identity`")));
    let other = File::base().with("root", "root: x1");
    assert!(problems(&other.text()).iter().any(|text| text.contains("says something else")));
}

#[test]
fn paths_are_what_a_policy_allows() {
    let file = File::base().with("policy", "policy: {a: {paths: [/v1/status], identities: [x1]}}");
    let access = config(&file.text()).access;
    assert!(access.admit(&"x1".parse().expect("an identity"), "/v1/status").is_ok());
    let both = File::base().with("policy", "policy: {a: {paths: [/v1/status], allow: [/v1/ready]}}");
    assert!(problems(&both.text())[0].contains("policy.a.paths: replaced by `allow`"));
}

#[test]
fn keys_as_a_mapping_are_the_key_store() {
    let file = File::base().with("keystore", "keys: {fs: {path: old}}");
    let expected = KeyStore::FileSystem(FileSystem { path: PathBuf::from("old") });
    assert_eq!(config(&file.text()).keystore, expected);
    let both = File::base().with("keys", "keys: {fs: {path: old}}");
    assert!(problems(&both.text())[0].contains("`keystore` is one too"));
}

#[test]
fn all_is_any() {
    let file = File::base().with("cache", "cache: {expiry: {all: 7m}}");
    assert_eq!(config(&file.text()).cache.any.as_secs(), 420);
    assert_eq!(warnings(&file.text()).len(), 1);
}

#[test]
fn what_does_nothing_any_more_is_ignored_with_one_warning_each() {
    let file = File::base().with("log", "log: {error: {file: [a]}, audit: {file: b}}").with(
        "keystore",
        "keystore: {fs: {path: p}, generic: {endpoint: \"\"}, aws: {secrets_manager: {region: r}}, \
             vault: {name: n, address: a, approle: {retry: 15s}}}",
    );
    let warnings = warnings(&file.text());
    for path in [
        "log.error.file",
        "log.audit.file",
        "keystore.generic",
        "keystore.aws.secrets_manager",
        "keystore.vault.name",
        "keystore.vault.address",
        "keystore.vault.approle.retry",
    ] {
        assert_eq!(
            warnings.iter().filter(|text| text.contains(&format!("{path}: "))).count(),
            1,
            "{path} {warnings:#?}"
        );
    }
}

#[test]
fn a_store_that_is_gone_is_named() {
    for gone in ["kes: {endpoint: [\"https://k\"]}", "generic: {endpoint: \"https://g\"}"] {
        let file = File::base().with("keystore", format!("keystore: {{fs: {{path: p}}, {gone}}}"));
        assert!(problems(&file.text())[0].contains("no longer supported"));
    }
}
