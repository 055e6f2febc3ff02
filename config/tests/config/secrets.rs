//! No secret leaves the file, whatever is wrong with it.

use std::collections::HashMap;

use kes_config::Config;

/// What must not appear anywhere. Everything that is a secret begins with it.
const CANARY: &str = "CANARY";

/// Every secret field, in stores that are wrong everywhere else; `SECRET` is replaced.
const STORES: [&str; 8] = [
    "vault: {endpoint: 1, approle: {id: i, secret: SECRET}, token: {value: SECRET, file: f}, kubernetes: {jwt: SECRET}, \
     jwt: {jwt: SECRET}, version: v3, transit: {}, tls: {key: k}, bad: 1}",
    "openbao: {endpoint: 'https://user:CANARY@v', kubernetes: {jwt: SECRET}, bad: 1}",
    "fortanix: {sdkms: {endpoint: x, credentials: {key: SECRET, bad: 1}}}",
    "gemalto: {keysecure: {endpoint: x, credentials: {token: SECRET, bad: 1}}}",
    "gcp: {secretmanager: {project_id: p, credentials: {private_key: SECRET, bad: 1}}}",
    "aws: {secretsmanager: {endpoint: '', region: r, credentials: {secretkey: SECRET, token: SECRET, bad: 1}}}",
    "azure: {keyvault: {endpoint: x, credentials: {client_secret: SECRET, bad: 1}, managed_identity: {}}}",
    "entrust: {keycontrol: {endpoint: x, credentials: {password: SECRET, bad: 1}}}",
];

/// How a secret may be written, rightly or wrongly.
const FORMS: [&str; 9] = [
    "CANARY",
    "'CANARY/with/slashes'",
    "{CANARY: CANARY}",
    "[CANARY]",
    "'${HIDDEN}'",
    "'${MISSING:-CANARY}'",
    "'<CANARY>'",
    "'${CANARY-is no name}'",
    "!!str CANARY",
];

fn everything_wrong(stores: &str, secret: &str) -> String {
    format!(
        "version: v9\naddress: x\nadmin: 1\ntls: {{password: SECRET, auth: x, watch: x, proxy: 1, bad: 1}}\n\
         policy: 1\ncache: 1\napi: 1\nlog: {{error: x}}\nkeys: 1\nlimits: {{streams: x}}\nbad: 1\nbad: 1\n\
         keystore: {{retries: x, {stores}}}\n"
    )
    .replace("SECRET", secret)
}

fn problems(text: &str) -> String {
    let environment = HashMap::from([("HIDDEN", "CANARY")]);
    let problems = kes_config::parse("kes.yaml", text, &environment).expect_err("everything is wrong");
    format!("{problems}\n{problems:?}")
}

#[test]
fn no_message_holds_a_secret() {
    for form in FORMS {
        for stores in STORES.into_iter().chain([STORES.join(", ").as_str()]) {
            let said = problems(&everything_wrong(stores, form));
            assert!(said.contains("is no setting") && said.contains("keystore."), "{said}");
            assert!(!said.contains(CANARY), "{form} in {stores}:\n{said}");
        }
    }
}

#[test]
fn no_syntax_error_holds_a_secret() {
    for broken in [
        "tls: {password: CANARY",
        "tls:\n  password: CANARY: CANARY\n",
        "tls:\n  password: \"CANARY\\q\"\n",
        "tls:\n  password: 'CANARY\n",
        "tls:\n  password: *CANARY\n",
        "tls:\n  password: @CANARY\n",
        "tls:\n  password: %CANARY\n",
        "tls:\n  password: !!binary CANARY\n",
        "tls:\n  password: |\n  CANARY\n CANARY\n",
        "tls:\n\tpassword: CANARY\n",
        "tls: &a\n  password: CANARY\n  key: *b\n",
    ] {
        let said = problems(broken);
        assert!(!said.contains(CANARY), "{broken}\n{said}");
    }
}

#[test]
fn no_debug_output_of_a_configuration_holds_a_secret() {
    for (stores, what) in [
        ("vault: {endpoint: 'https://v', approle: {id: i, secret: CANARY}}", "AppRole"),
        ("vault: {endpoint: 'https://v', kubernetes: {jwt: CANARY}}", "Kubernetes"),
        ("vault: {endpoint: 'https://v', token: {value: CANARY}}", "Token"),
        ("fortanix: {sdkms: {endpoint: 'https://f', credentials: {key: CANARY}}}", "Sdkms"),
        ("gemalto: {keysecure: {endpoint: 'https://g', credentials: {token: CANARY}}}", "KeySecure"),
        (
            "gcp: {secretmanager: {project_id: p, credentials: {client_email: e, client_id: i, private_key_id: k, \
             private_key: CANARY}}}",
            "SecretManager",
        ),
        (
            "aws: {secretsmanager: {endpoint: a, region: r, credentials: {accesskey: a, secretkey: CANARY, token: CANARY}}}",
            "SecretsManager",
        ),
        (
            "azure: {keyvault: {endpoint: 'https://a', credentials: {tenant_id: t, client_id: c, client_secret: CANARY}}}",
            "KeyVault",
        ),
        (
            "entrust: {keycontrol: {endpoint: 'https://e', vault_id: v, box_id: b, credentials: {username: u, \
             password: CANARY}}}",
            "KeyControl",
        ),
    ] {
        let text = crate::File::base()
            .with("tls", "tls: {key: k, cert: c, password: CANARY}")
            .with("keystore", format!("keystore: {{{stores}}}"))
            .text();
        let config: Config = crate::config(&text);
        let shown = format!("{config:?}");
        assert!(shown.contains(what) && !shown.contains(CANARY), "{shown}");
    }
}
