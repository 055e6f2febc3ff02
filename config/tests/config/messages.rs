//! What is said, where, and that all of it is said at once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use kes_config::{Overrides, Severity, load, load_with, parse_with};

use crate::{File, config, parse, problems, warnings};

#[test]
fn every_problem_is_reported_with_its_line_and_column() {
    let text = "\
version: v2
adress: 127.0.0.1:7373
tls:
  key: private.key
  auth: maybe
cache:
  expiry:
    any: 5 days
api:
  /v1/key/create/:
    skip_auth: true
policy:
  my app:
    allow: /v1/status
  ok:
    identities:
      - x1
      -   x1
keys:
  - name: k1
  - {name: k1}
keystore:
  fs: {path: ''}
";
    assert_eq!(
        problems(text),
        [
            "kes.yaml:1:1: admin.identity: the identity of the administrator is missing; hint: set this key",
            "kes.yaml:1:10: version: `v2` is not a version of this file; hint: write `v1`",
            "kes.yaml:2:1: adress: `adress` is no setting; hint: did you mean `address`?",
            "kes.yaml:3:1: tls.cert: the file of the certificate is missing; hint: set this key",
            "kes.yaml:5:9: tls.auth: `maybe` is neither on nor off; hint: write `on` or `off`",
            "kes.yaml:8:10: cache.expiry.any: `5 days` is not a duration; hint: write numbers with the units ns, us, ms, \
             s, m or h and no blanks, such as `30s` or `1h30m`; there are no days",
            "kes.yaml:10:3: api./v1/key/create/: `/v1/key/create/` cannot skip authentication; \
             hint: only /v1/ready, /v1/status, /v1/metrics, /v1/api can",
            "kes.yaml:13:3: policy.my app: the policy name `my app` is empty, too long or contains invalid characters; \
             hint: use 1 to 80 letters, digits, `-` and `_`; no `-` at either end, and not `_` alone",
            "kes.yaml:14:12: policy.my app.allow: must be a list, and is text; hint: write `allow: [...]`",
            "kes.yaml:18:11: policy.ok.identities[1]: the identity `x1` already has the policy `ok`; \
             hint: an identity stands in one policy, once",
            "kes.yaml:21:12: keys[1].name: the key `k1` stands here twice; hint: remove one of the two",
            "kes.yaml:23:14: keystore.fs.path: the directory of the keys is missing: the value is empty; \
             hint: set this key",
        ]
    );
}

#[test]
fn columns_count_characters() {
    assert!(
        problems("'ключ': 1\nadmin: {identity: disabled, 'имя': 2}\n")
            .iter()
            .any(|text| { text.starts_with("kes.yaml:2:29: admin.имя: `имя` is no setting") })
    );
}

#[test]
fn duplicate_keys_are_all_reported_with_the_other_line_and_everything_else() {
    let text =
        "admin: {identity: disabled}\ntls:\n  key: a\n  cert: c\n  key: b\nadmin:\n  identity: x\nkeystore: {fs: {}}\n";
    assert_eq!(
        problems(text),
        [
            "kes.yaml:5:3: tls.key: this key stands in line 3 already; hint: remove one of the two",
            "kes.yaml:6:1: admin: this key stands in line 1 already; hint: remove one of the two",
            "kes.yaml:8:12: keystore.fs.path: the directory of the keys is missing; hint: set this key",
        ]
    );
}

#[test]
fn syntax_errors_have_a_place_and_repeat_nothing() {
    for (text, start) in [
        ("", "kes.yaml:1:1: the file is empty; hint:"),
        ("- a\n", "kes.yaml:1:1: the file is not a mapping of settings; hint:"),
        ("a: b\n---\nc: d\n", "kes.yaml:2:1: a second document begins here; hint:"),
        ("admin:\n\tidentity: x\n", "kes.yaml:2:"),
        ("a: *b\n", "kes.yaml:1:4: this alias names no anchor above it; hint:"),
        ("a: &a [*a]\n", "kes.yaml:1:8: this alias stands inside its own anchor; hint:"),
        ("a: 'b\n", "kes.yaml:"),
        ("a: !!binary aGk=\n", "kes.yaml:1:13: `!!binary` is not supported; hint:"),
        ("? [a]\n: b\n", "kes.yaml:1:3: a key must be text; hint:"),
        ("<<: text\n", "kes.yaml:1:5: `<<` takes a mapping or a list of mappings; hint:"),
    ] {
        let found = problems(text);
        assert!(found.len() == 1 && found[0].starts_with(start), "{text:?}: {found:#?}");
    }
}

#[test]
fn warnings_are_problems_of_another_severity() {
    let text = File::base().with("admin", "admin: {identity: Someone}").text();
    let loaded = parse(&text).expect("a configuration");
    assert_eq!(loaded.warnings[0].severity, Severity::Warning);
    assert_eq!(
        warnings(&text),
        ["kes.yaml:2:19: warning: admin.identity: `Someone` is no identity, so nobody is the administrator; \
          hint: write 64 hex digits as `kes identity of FILE` prints them, or `disabled` if that is meant"]
    );
    let both = problems(&File::base().with("admin", "admin: {identity: Someone}").with("tls", "").text());
    assert_eq!(both.len(), 3, "errors and warnings are told together: {both:#?}");
}

#[test]
fn the_nearest_known_key_is_suggested() {
    for (text, hint) in [
        ("policies: {}", "did you mean `policy`?"),
        ("limits: {connection: 1}", "did you mean `connections`?"),
        ("telemetry: {}", "known here: version, address, admin,"),
    ] {
        let found = problems(&File::base().with("extra", text).text());
        assert!(found[0].contains(hint), "{found:#?}");
    }
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let found = problems(&File::base().with("address", "address: ${KES_ADDRESS}").text());
    assert!(
        found[0].starts_with("kes.yaml:1:10: address: the environment variable `KES_ADDRESS` is not set"),
        "{found:#?}"
    );
}

#[test]
fn upper_case_identities_are_read_as_identities() {
    let upper = "3ECFCDF38FCBE141AE26A1030F81E96B753365A46760AE6B578698A97C59FD22";
    let text = File::base().with("policy", format!("policy: {{a: {{identities: [{upper}]}}}}")).text();
    let access = config(&text).access;
    assert!(access.policy_of(&upper.to_lowercase().parse().expect("an identity")).is_some());
    assert_eq!(warnings(&text).len(), 1);
}

#[test]
fn the_command_line_beats_the_file() {
    let environment = HashMap::<&str, &str>::new();
    let address: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    let overrides = Overrides {
        address: Some(address),
        key: Some(PathBuf::from("cli.key")),
        cert: Some(PathBuf::from("cli.crt")),
        verify_clients: true,
    };
    for tls in ["", "tls: {key: file.key, auth: off}"] {
        let text = File::base().with("tls", tls).with("address", "address: nowhere").text();
        let config = parse_with("kes.yaml", &text, &environment, &overrides).expect("a configuration").config;
        assert_eq!(config.address, address);
        assert_eq!((config.tls.key.to_str(), config.tls.cert.to_str()), (Some("cli.key"), Some("cli.crt")));
        assert!(config.tls.verify_clients);
    }
    let text = File::base().with("tls", "tls: {key: k, cert: c, auth: on}").text();
    let config = parse_with("kes.yaml", &text, &environment, &Overrides::default()).expect("a configuration").config;
    assert!(config.tls.verify_clients);
}

#[test]
fn files_are_read_within_their_limit() {
    let environment = HashMap::<&str, &str>::new();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("kes.yaml");
    let missing = load(&file, &environment).expect_err("no file").to_string();
    assert!(missing.starts_with(&format!("{}: the configuration cannot be read", file.display())), "{missing}");
    assert!(load(directory.path(), &environment).is_err());

    let text = File::base().text();
    let padded = |bytes: usize| format!("{text}#{}", "-".repeat(bytes - text.len() - 1));
    std::fs::write(&file, padded(1024 * 1024)).expect("a file");
    assert!(load_with(&file, &environment, &Overrides::default()).is_ok());
    std::fs::write(&file, padded(1024 * 1024 + 1)).expect("a file");
    let large = load(&file, &environment).expect_err("too large").to_string();
    assert!(large.contains("more than 1048576 bytes"), "{large}");
    assert!(parse(&padded(1024 * 1024 + 1)).is_err());

    std::fs::write(&file, b"a: b\ncd\xff").expect("a file");
    let binary = load(&file, &environment).expect_err("not text").to_string();
    assert!(binary.contains("kes.yaml:2:3: the configuration is not UTF-8"), "{binary}");
}
