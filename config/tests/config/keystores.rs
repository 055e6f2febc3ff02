//! Key stores: which one is chosen, and what each of them needs.

use std::path::Path;
use std::time::Duration;

use kes_config::keystore::{AzureLogin, CredentialSource, KeyStore, KvVersion, Login};

use crate::{File, config, parse, problems, warnings};

/// The settings of every store with nothing but what it needs, and the path of each of its required values.
const STORES: [(&str, &[&str]); 8] = [
    ("fs: {path: p}", &["path: p"]),
    (
        "vault: {endpoint: 'https://v', approle: {id: i, secret: s}}",
        &["endpoint: 'https://v'", "id: i", "secret: s", "approle: {id: i, secret: s}"],
    ),
    (
        "fortanix: {sdkms: {endpoint: 'https://f', credentials: {key: k}}}",
        &["endpoint: 'https://f'", "key: k", "credentials: {key: k}"],
    ),
    (
        "gemalto: {keysecure: {endpoint: 'https://g', credentials: {token: t}}}",
        &["endpoint: 'https://g'", "token: t", "credentials: {token: t}"],
    ),
    ("gcp: {secretmanager: {project_id: p}}", &["project_id: p"]),
    ("aws: {secretsmanager: {endpoint: a, region: r}}", &["endpoint: a", "region: r"]),
    (
        "azure: {keyvault: {endpoint: 'https://a', credentials: {tenant_id: t, client_id: c, client_secret: s}}}",
        &["endpoint: 'https://a'", "tenant_id: t", "client_id: c", "client_secret: s"],
    ),
    (
        "entrust: {keycontrol: {endpoint: 'https://e', vault_id: v, box_id: b, credentials: {username: u, password: p}}}",
        &[
            "endpoint: 'https://e'",
            "vault_id: v",
            "box_id: b",
            "username: u",
            "password: p",
            "credentials: {username: u, password: p}",
        ],
    ),
];

fn with_store(store: &str) -> String {
    File::base().with("keystore", format!("keystore: {{{store}}}")).text()
}

fn store(text: &str) -> KeyStore {
    config(&with_store(text)).keystore
}

fn vault(settings: &str) -> String {
    with_store(&format!("vault: {{endpoint: 'https://v', {settings}}}"))
}

#[test]
fn every_store_loads_with_what_it_needs_and_not_with_less() {
    for (text, required) in STORES {
        assert!(warnings(&with_store(text)).is_empty(), "{text}");
        for value in required {
            let (key, _) = value.split_once(':').expect("a key");
            let without = text.replacen(&format!("{value}, "), "", 1).replacen(value, "", 1);
            assert_ne!(without, text);
            assert!(parse(&with_store(&without)).is_err(), "without `{value}`: {without}");
            let blank = text.replacen(value, &format!("{key}: \"\""), 1);
            assert!(parse(&with_store(&blank)).is_err(), "blank: {blank}");
        }
    }
}

#[test]
fn exactly_one_store_is_chosen() {
    for none in ["", "fs: ", "FS: {path: p}", "kes: {endpoint: [\"https://k\"]}", "etcd: {}", "fs: ./k", "deadline: 5s"]
    {
        assert!(parse(&with_store(none)).is_err(), "{none}");
    }
    for none in ["", "keystore:", "keystore: ~", "keystore: fs"] {
        assert!(parse(&File::base().with("keystore", none).text()).is_err(), "{none}");
    }
    for (other, _) in &STORES[1..] {
        let two = problems(&with_store(&format!("fs: {{path: p}}, {other}")));
        let name = other.split([':', ' ']).next().expect("a name");
        assert!(two.iter().any(|text| text.contains("more than one") && text.contains(name)), "{two:#?}");
    }
    assert!(problems(&File::base().with("keystore", "").text())[0].contains("`keystore.aws.secretsmanager`"));
    assert!(warnings(&with_store("fs: {path: p}, aws: ")).is_empty());
}

#[test]
fn stores_that_are_not_filled_in_are_ignored_beside_one_that_is() {
    let blank = "vault: {endpoint: \"\", approle: {id: \"\", secret: \"\", retry: 15s}}, \
                 aws: {secretsmanager: {endpoint: \"${UNSET}\", region: \"\"}}, \
                 fortanix: {sdkms: {endpoint: <your-endpoint>, credentials: {key: \"\"}}}, kes: {endpoint: [\"\"]}";
    let text = with_store(&format!("fs: {{path: p}}, {blank}"));
    let warnings = warnings(&text);
    for name in ["vault", "aws.secretsmanager", "fortanix.sdkms"] {
        let ignored = format!("keystore.{name}: not filled in: ignored");
        assert_eq!(warnings.iter().filter(|text| text.contains(&ignored)).count(), 1, "{warnings:#?}");
    }
    assert!(matches!(config(&text).keystore, KeyStore::FileSystem(_)));

    let lacking = problems(&with_store(blank));
    for what in ["keystore.vault.endpoint", "keystore.aws.secretsmanager.region", "keystore.fortanix.sdkms"] {
        assert!(lacking.iter().any(|text| text.contains(what)), "{what}: {lacking:#?}");
    }
}

#[test]
fn vault_wants_one_login_and_what_belongs_together() {
    for refused in [
        "",
        "approle: {}",
        "approle: {id: i}",
        "approle: {secret: s}",
        "approle: {id: i, secret: s, secret_file: f}",
        "approle: {id: i, secret: s}, kubernetes: {jwt: j}",
        "kubernetes: {role: r}",
        "kubernetes: {jwt: /nowhere/at/all}",
        "kubernetes: {jwt: /}",
        "approle: {id: i, secret: s}, transit: {}",
        "approle: {id: i, secret: s}, transit: {key: k, key_version: 2}",
        "approle: {id: i, secret: s}, transit: {key: ../k}",
        "approle: {id: i, secret: s}, transit: {key: /}",
        "approle: {id: i, secret: s}, tls: {key: k}",
        "approle: {id: i, secret: s}, tls: {cert: c}",
        "approle: {id: i, secret: s}, tls: {system_roots: false}",
        "approle: {id: i, secret: s}, version: v3",
        "approle: {id: i, secret: s}, status: {ping: -1s}",
        "approle: {id: i, secret: s}, engine: ../kv",
        "cert: {}",
        "token: {}",
        "token: {value: t, file: f}",
    ] {
        assert!(parse(&vault(refused)).is_err(), "{refused}");
    }
    for accepted in [
        "approle: {id: i, secret_file: /run/secret, secret_wrapped: true}",
        "kubernetes: {jwt: token}",
        "jwt: {role: r, jwt: token}",
        "cert: {role: r}, tls: {key: k, cert: c}",
        "token: {file: /run/token}",
    ] {
        assert!(warnings(&vault(accepted)).is_empty(), "{accepted}");
    }
    let both = "vault: {endpoint: 'https://v', token: {value: t}}, openbao: {endpoint: 'https://v', token: {value: t}}";
    assert!(parse(&with_store(both)).is_err());
    assert!(parse(&with_store("vault: {endpoint: v.example, token: {value: t}}")).is_err());
}

#[test]
fn vault_settings_mean_what_they_say() {
    let all = "engine: /kv//team/, version: v2, namespace: a/b/, prefix: /p/q, \
               transit: {key: tk, key_version: 1}, approle: {namespace: /, id: i, secret: s}, login_timeout: 1s, \
               tls: {ca: ca.crt, server_name: vault.example}, status: {ping: 3s}, forward_active: on, exact_delete: off";
    let KeyStore::Vault(vault) = config(&vault(all)).keystore else { panic!("another store") };
    assert_eq!((vault.engine.as_str(), vault.version), ("kv/team", KvVersion::V2));
    assert_eq!((vault.namespace.as_deref(), vault.prefix.as_deref()), (Some("a/b"), Some("p/q")));
    let transit = vault.transit.as_ref().expect("transit");
    assert_eq!((transit.engine.as_str(), transit.key.as_str(), transit.pinned), ("transit", "tk", true));
    assert_eq!((vault.ping, vault.login_timeout), (Duration::from_secs(3), Duration::from_secs(1)));
    assert!(!vault.tls.system_roots && vault.forward_active && !vault.exact_delete);
    let Login::AppRole { mount, id, secret, wrapped } = &vault.login else { panic!("another login") };
    assert_eq!(
        (mount.engine.as_str(), mount.namespace.as_deref(), id.as_str(), *wrapped),
        ("approle", None, "i", false)
    );
    assert!(matches!(secret, CredentialSource::Value(secret) if secret.expose() == "s"));
}

#[test]
fn vault_defaults_are_the_documented_ones() {
    let KeyStore::Vault(vault) = store("openbao: {endpoint: 'https://v/', jwt: {jwt: t}}") else {
        panic!("another store")
    };
    assert_eq!(vault.endpoint, "https://v");
    assert_eq!(
        (vault.engine.as_str(), vault.version, &vault.namespace, &vault.prefix),
        ("kv", KvVersion::V1, &None, &None)
    );
    assert_eq!((vault.ping, vault.login_timeout), (Duration::from_secs(15), Duration::from_secs(30)));
    assert!(vault.tls.system_roots && vault.tls.client.is_none() && !vault.forward_active && vault.exact_delete);
    assert!(matches!(&vault.login, Login::Jwt { mount, role: None, .. } if mount.engine == "jwt"));
}

#[test]
fn vault_takes_what_the_file_leaves_open_from_the_environment() {
    let environment = std::collections::HashMap::from([
        ("VAULT_NAMESPACE", "team"),
        ("VAULT_CACERT", "ca.crt"),
        ("VAULT_CLIENT_CERT", "c.crt"),
        ("VAULT_CLIENT_KEY", "c.key"),
        ("VAULT_SKIP_VERIFY", "true"),
        ("VAULT_AGENT_ADDR", "http://elsewhere"),
    ]);
    let load = |settings: &str| {
        let loaded = kes_config::parse("kes.yaml", &vault(settings), &environment).expect("a configuration");
        let KeyStore::Vault(vault) = loaded.config.keystore else { panic!("another store") };
        vault
    };
    let open = load("cert: {}");
    assert_eq!((open.namespace.as_deref(), open.endpoint.as_str()), (Some("team"), "https://v"));
    assert_eq!(open.tls.ca.as_deref(), Some(Path::new("ca.crt")));
    assert_eq!(open.tls.client.as_ref().map(|client| client.key.as_path()), Some(Path::new("c.key")));
    let closed = load("cert: {}, namespace: mine, tls: {ca: my.crt, cert: my.crt, key: my.key}");
    assert_eq!(closed.namespace.as_deref(), Some("mine"));
    assert_eq!(closed.tls.client.as_ref().map(|client| client.key.as_path()), Some(Path::new("my.key")));
    assert_eq!(load("cert: {}, namespace: /").namespace, None);
}

#[test]
fn vaults_variables_are_checked_as_what_stands_in_the_file() {
    let load = |variable: &'static str, value: &'static str| {
        let environment = std::collections::HashMap::from([(variable, value)]);
        kes_config::parse("kes.yaml", &vault("token: {value: t}"), &environment)
    };
    for (written, meant) in [("/", None), (" ", None), ("/a//b/", Some("a/b"))] {
        let KeyStore::Vault(vault) = load("VAULT_NAMESPACE", written).expect("a configuration").config.keystore else {
            panic!("another store")
        };
        assert_eq!(vault.namespace.as_deref(), meant, "{written}");
    }
    let problems = load("VAULT_NAMESPACE", "a\nb").expect_err("no header can have it").to_string();
    assert!(problems.contains("VAULT_NAMESPACE: "), "{problems}");
    let half = load("VAULT_CLIENT_CERT", "c.crt").expect("a configuration").warnings;
    assert!(half.len() == 1 && half[0].to_string().contains("VAULT_CLIENT_KEY only one is set"), "{half:?}");
}

#[test]
fn a_secret_that_cannot_be_read_is_not_missing_as_well() {
    let problems = parse(&vault("approle: {id: i, secret: '${NOT_SET}'}")).expect_err("not set").to_string();
    assert!(problems.contains("NOT_SET") && !problems.contains("missing"), "{problems}");
}

#[test]
fn a_jwt_with_a_slash_is_a_file_that_must_be_readable() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    let text = vault(&format!("kubernetes: {{jwt: {}}}", file.display()));
    assert!(problems(&text)[0].contains("cannot be read"));
    std::fs::write(&file, "header.claims.signature\n").expect("a file");
    let KeyStore::Vault(vault) = config(&text).keystore else { panic!("another store") };
    assert!(matches!(vault.login, Login::Kubernetes { jwt: CredentialSource::File(path), .. } if path == file));
}

#[test]
fn credentials_are_complete_or_not_there() {
    for refused in [
        "gcp: {secretmanager: {project_id: p, credentials: {client_email: e}}}",
        "gcp: {secretmanager: {project_id: p, credentials: {client_email: e, client_id: i, private_key: k}}}",
        "aws: {secretsmanager: {endpoint: a, region: r, credentials: {accesskey: a}}}",
        "aws: {secretsmanager: {endpoint: a, region: r, credentials: {token: t}}}",
        "azure: {keyvault: {endpoint: 'https://a', credentials: {}}}",
        "azure: {keyvault: {endpoint: 'https://a', managed_identity: {}}}",
        "azure: {keyvault: {endpoint: 'https://a', managed_identity: {client_id: i}, credentials: {}}}",
    ] {
        assert!(parse(&with_store(refused)).is_err(), "{refused}");
    }
    let KeyStore::Gcp(gcp) = store(
        "gcp: {secretmanager: {project_id: p, scopes: [\"\", s], credentials: \
         {client_email: e, client_id: i, private_key_id: 1, private_key: 'a\\nb'}}}",
    ) else {
        panic!("another store")
    };
    assert_eq!((gcp.endpoint.as_str(), gcp.scopes), ("https://secretmanager.googleapis.com", vec!["s".to_owned()]));
    assert_eq!(gcp.credentials.expect("credentials").private_key.expose(), "a\nb");

    let KeyStore::Gcp(gcp) = store("gcp: {secretmanager: {project_id: p, endpoint: 'sm.example:443'}}") else {
        panic!("another store")
    };
    assert_eq!((gcp.endpoint.as_str(), gcp.credentials), ("https://sm.example:443", None));

    let KeyStore::Azure(azure) = store("azure: {keyvault: {endpoint: 'https://a'}}") else { panic!("another store") };
    assert_eq!(azure.login, AzureLogin::Default);
    let KeyStore::Aws(aws) = store("aws: {secretsmanager: {endpoint: a, region: r, credentials: {accesskey: \"\"}}}")
    else {
        panic!("another store")
    };
    assert_eq!((aws.endpoint.as_str(), aws.credentials), ("https://a", None));
}

#[test]
fn equal_settings_are_equal_and_another_secret_is_another_store() {
    let text = "entrust: {keycontrol: {endpoint: 'https://e', vault_id: v, box_id: b, credentials: {username: u, password: PW}}}";
    let one = store(&text.replace("PW", "one"));
    assert_eq!(one, store(&text.replace("PW", "one")));
    assert_ne!(one, store(&text.replace("PW", "two")));
}

#[test]
fn a_connection_in_the_clear_is_pointed_out() {
    let at = |endpoint: &str| warnings(&with_store(&format!("vault: {{endpoint: '{endpoint}', token: {{value: t}}}}")));
    assert_eq!(at("http://vault.example:8200").len(), 1);
    assert!(at("http://127.0.0.1:8200").is_empty());
}

#[test]
fn calls_to_a_store_are_bounded_as_the_file_says() {
    let calls = config(&with_store("fs: {path: p}, deadline: 3s, retries: 0, queue: 0, outage_wait: 0s")).store_calls;
    assert_eq!((calls.deadline, calls.retries, calls.queue), (Duration::from_secs(3), 0, 0));
    assert_eq!((calls.outage_wait, calls.concurrency), (Duration::ZERO, 64));
    for refused in ["deadline: 0s", "concurrency: 0", "breaker_failures: 0", "probe_interval: 0s", "retries: -1"] {
        assert!(parse(&with_store(&format!("fs: {{path: p}}, {refused}"))).is_err(), "{refused}");
    }
}
