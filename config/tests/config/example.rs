//! The example file loads as it is, and has every setting.

use std::collections::HashMap;
use std::time::Duration;

use kes_config::log::Rotation;
use kes_config::{Cache, Level, Limits, Loaded, Log, Problems};

const EXAMPLE: &str = include_str!("../../../kes-config.yaml.example");

/// Every key of the specification, as it stands in the file: without the mapping that it belongs to.
const KEYS: &str = "
    version address admin identity tls key cert password auth ca proxy identities header policy allow deny cache
    expiry any unused offline api skip_auth timeout log error audit keys name keystore fs path
    vault endpoint engine prefix transit approle namespace id secret kubernetes role jwt status ping
    fortanix sdkms group_id credentials gemalto keysecure token domain
    gcp secretmanager project_id scopes client_email client_id private_key_id private_key
    aws secretsmanager region kmskey accesskey secretkey azure keyvault tenant_id client_secret managed_identity
    entrust keycontrol vault_id box_id username
    compat legacy_error_texts format file max_size keep queue repeat_interval health metrics extended
    proxy_protocol mode trusted watch expiry_warnings limits connections requests streams handshake_timeout
    header_timeout idle_timeout shutdown grace max_keys refresh_ahead deadline attempt_timeout retries concurrency
    outage_wait probe_interval breaker_failures startup_grace server_name system_roots openbao secret_file
    secret_wrapped value login_timeout key_version forward_active exact_delete
";

fn parse(text: &str) -> Result<Loaded, Problems> {
    let environment = HashMap::from([
        ("KES_TLS_PASSWORD", "p"),
        ("STORAGE_IDENTITY", "3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22"),
        ("VAULT_ROLE_ID", "role"),
        ("VAULT_SECRET_ID", "secret"),
        ("FORTANIX_API_KEY", "key"),
        ("KEYSECURE_REFRESH_TOKEN", "token"),
        ("GCP_PRIVATE_KEY", "key"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
        ("AZURE_CLIENT_SECRET", "secret"),
        ("KEYCONTROL_PASSWORD", "password"),
    ]);
    kes_config::parse("kes-config.yaml.example", text, &environment)
}

#[test]
fn the_example_loads_without_a_warning() {
    let loaded = parse(EXAMPLE).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(loaded.warnings.is_empty(), "{:#?}", loaded.warnings);
}

#[test]
fn the_example_shows_the_defaults() {
    let config = parse(EXAMPLE).expect("the example loads").config;
    assert_eq!(config.address, kes_config::address::DEFAULT_ADDRESS);
    assert_eq!(config.cache, Cache::default());
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.store_calls, kes_config::keystore::StoreCalls::default());
    assert_eq!(config.log, Log { error: Level::INFO, audit: Level::OFF, ..Log::default() });
    assert_eq!(config.shutdown_grace, kes_config::shutdown::DEFAULT_SHUTDOWN_GRACE);
    assert_eq!((config.health, &config.proxy_protocol), (None, &None));
    assert!(config.metrics_extended && !config.legacy_error_texts && !config.any_skip_auth());
    assert!(!config.tls.verify_clients && config.tls.proxy.is_none());
    assert_eq!(config.tls.watch, Some(Duration::from_secs(10)));
    assert_eq!(config.tls.expiry_warnings, [720, 168, 24].map(Duration::from_hours));

    let rotated = EXAMPLE.replace("path: \"\" # such as /var/log/kes/audit.log", "path: audit.log");
    let file = parse(&rotated).expect("the example loads").config.log.audit_file.expect("an audit file");
    assert_eq!(file.rotation, Some(Rotation::default()));
}

#[test]
fn every_documented_key_stands_in_the_example() {
    let missing: Vec<&str> = KEYS
        .split_whitespace()
        .filter(|key| {
            let written = |line: &str| {
                line.trim_start_matches(['#', ' ', '-']).strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))
            };
            !EXAMPLE.lines().any(written)
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The file with another store in place of `fs`: sections of stores are comments that begin with two blanks and `# `.
fn with_store(name: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for line in EXAMPLE.lines() {
        let comment = line.strip_prefix("  # ");
        if let Some(comment) = comment.filter(|comment| !comment.starts_with(' ')) {
            inside = comment == format!("{name}:");
        }
        match comment {
            Some(comment) if inside => text += &format!("  {comment}\n"),
            _ if line == "  fs:" || line.starts_with("    path: /var/lib/kes") => {}
            _ => text += &format!("{line}\n"),
        }
        inside &= comment.is_some();
    }
    text
}

#[test]
fn every_other_store_of_the_example_loads_when_its_comment_marks_go() {
    for name in ["vault", "fortanix", "gemalto", "gcp", "aws", "azure", "entrust"] {
        let text = with_store(name);
        let loaded = parse(&text).unwrap_or_else(|problems| panic!("{name}: {problems}"));
        assert!(loaded.warnings.is_empty(), "{name}: {:#?}", loaded.warnings);
        let store = format!("{:?}", loaded.config.keystore).to_lowercase();
        assert!(!store.starts_with("filesystem"), "{name}: {store}");
    }
}

/// The annotated example of the specification (`config.md` §15), which is the shape of files in use.
#[test]
fn a_file_as_they_are_in_use_loads() {
    let text = "\
version: v1
address: 0.0.0.0:7373
admin:
  identity: disabled
tls:
  key: /etc/kes/tls/private.key
  cert: /etc/kes/tls/public.crt
  password: ${KES_TLS_PASSWORD}
  auth: off
  ca: \"\"
  proxy:
    identities: []
    header:
      cert: X-Tls-Client-Cert
api:
  /v1/ready:
    skip_auth: true
    timeout: 15s
  /v1/metrics:
    skip_auth: true
policy:
  storage:
    allow:
      - /v1/key/create/storage-*
      - /v1/key/generate/storage-*
      - /v1/key/decrypt/storage-*
      - /v1/key/list/*
      - /v1/status
    deny:
      - /v1/key/create/storage-root*
    identities:
      - 3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22
  monitoring:
    allow:
      - /v1/status
      - /v1/log/audit
    identities: []
cache:
  expiry:
    any: 5m0s
    unused: 30s
    offline: 0s
log:
  error: on
  audit: on
keys:
  - name: storage-default
keystore:
  fs:
    path: /var/lib/kes/keys
";
    let loaded = parse(text).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(loaded.warnings.is_empty(), "{:#?}", loaded.warnings);
    let config = loaded.config;
    assert_eq!((config.log.error, config.log.audit), (Level::INFO, Level::INFO));
    assert_eq!(config.keys.len(), 1);
    assert_eq!(config.tls.password.as_ref().map(kes_core::SecretText::expose), Some("p"));
    assert!(config.any_skip_auth());
    assert_eq!(config.api["/v1/ready"].timeout, Some(Duration::from_secs(15)));
    let storage = "3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22".parse().expect("an identity");
    assert!(config.access.admit(&storage, "/v1/key/create/storage-1").is_ok());
    assert!(config.access.admit(&storage, "/v1/key/create/storage-root").is_err());
}
