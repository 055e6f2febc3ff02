//! Passwords and tokens in configurations that cannot be used.

use std::collections::HashMap;

use kes_config::Problems;

use crate::secrets::{Canary, Secrets};

/// Every setting that is a secret, in a file that is wrong in all other places.
const WRONG: &str = "
version: v1
address: nowhere
admin: {identity: 7}
tls: {key: k, cert: c, password: SECRET, auth: perhaps}
unknown: 1
keystore:
  retries: many
  vault:
    endpoint: 1
    approle: {id: i, secret: SECRET}
    token: {value: SECRET}
    kubernetes: {jwt: SECRET}
    jwt: {jwt: SECRET}
  fortanix: {sdkms: {endpoint: x, credentials: {key: SECRET, unknown: 1}}}
  gemalto: {keysecure: {endpoint: x, credentials: {token: SECRET, unknown: 1}}}
  gcp: {secretmanager: {project_id: p, credentials: {private_key: SECRET, unknown: 1}}}
  aws: {secretsmanager: {endpoint: '', credentials: {accesskey: a, secretkey: SECRET, token: SECRET, unknown: 1}}}
  azure: {keyvault: {endpoint: x, credentials: {client_secret: SECRET, unknown: 1}, managed_identity: {}}}
  entrust: {keycontrol: {endpoint: x, credentials: {password: SECRET, unknown: 1}}}
";

fn load(text: &[u8], environment: &HashMap<&str, &str>) -> Result<kes_config::Loaded, Problems> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("kes.yaml");
    std::fs::write(&path, text).expect("written");
    kes_config::load(&path, environment)
}

fn secrets_of(canary: &Canary) -> Secrets {
    let mut secrets = Secrets::default();
    secrets.add_key("secret of the configuration", &canary.0);
    secrets
}

#[test]
fn no_problem_quotes_a_secret() {
    let canary = Canary::letters();
    let (secrets, text, base64) = (secrets_of(&canary), canary.text(), canary.base64());
    let environment = HashMap::from([("HIDDEN", text.as_str())]);
    let missing = format!("'${{MISSING:-{text}}}'");
    let (object, list, quoted) = (format!("{{{text}: {text}}}"), format!("[{text}]"), format!("'{base64}'"));
    for written in [&text, &quoted, &object, &list, &missing, "'${HIDDEN}'"] {
        let problems = load(WRONG.replace("SECRET", written).as_bytes(), &environment).expect_err("wrong");
        let said = format!("{problems} {problems:?} {problems:#?}");
        assert!(said.contains("address") && said.contains("keystore.retries"), "{said}");
        secrets.assert_absent(&said, written);
    }
}

#[test]
fn no_syntax_error_quotes_a_secret() {
    let canary = Canary::letters();
    let (secrets, text) = (secrets_of(&canary), canary.text());
    let broken = [
        format!("tls: {{password: {text}"),
        format!("tls:\n  password: \"{text}\\q\"\n"),
        format!("tls:\n  password: '{text}\n"),
        format!("tls:\n\tpassword: {text}\n"),
        format!("tls:\n  password: *{text}\n"),
        format!("tls:\n  password: @{text}\n"),
        text.clone(),
        format!("- {text}\n"),
    ];
    let invalid = [b"tls: {password: ".as_slice(), text.as_bytes(), b"\xff}"].concat();
    for file in broken.iter().map(|text| text.as_bytes()).chain([invalid.as_slice()]) {
        let problems = load(file, &HashMap::new()).expect_err("wrong");
        secrets.assert_absent(format!("{problems} {problems:?}"), &String::from_utf8_lossy(file));
    }
}

#[test]
fn a_configuration_shows_no_secret() {
    let canary = Canary::letters();
    let (secrets, text) = (secrets_of(&canary), canary.text());
    let file = format!(
        "version: v1\nadmin: {{identity: disabled}}\ntls: {{key: k, cert: c, password: {text}}}\n\
         keystore: {{vault: {{endpoint: 'https://v', approle: {{id: i, secret: {text}}}}}}}\n"
    );
    let loaded = load(file.as_bytes(), &HashMap::new()).expect("a good file");
    let said = format!("{loaded:?} {loaded:#?}");
    assert!(said.contains("AppRole"), "{said}");
    secrets.assert_absent(&said, "a configuration");
}
