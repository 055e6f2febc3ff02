//! `kes config check`: all that is wrong with a configuration and its files, in one run.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Kes, Outcome, kes};

/// A directory with a configuration that is in order, and with what it names.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().expect("a directory"));
        let arguments =
            ["identity", "new", "--key", "key.pem", "--cert", "cert.pem", "--ip", "127.0.0.1", "--expiry", "8760h"];
        kes(arguments).in_directory(site.0.path()).run().ok();
        site.write("kes.yaml", &site.least());
        site
    }

    fn least(&self) -> String {
        "version: v1\nadmin:\n  identity: disabled\ntls:\n  key: key.pem\n  cert: cert.pem\nkeystore:\n  fs:\n    \
         path: keys\n"
            .to_owned()
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path().join(name), content).expect("written");
    }

    /// A certificate with its key, in the place of the good ones.
    fn certify(&self, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("names");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        self.write("cert.pem", &params.self_signed(&key).expect("a certificate").pem());
        self.write("key.pem", &key.serialize_pem());
    }

    fn check(&self) -> Kes {
        kes(["config", "check", "kes.yaml"]).in_directory(self.path())
    }

    /// What is said of a configuration that no server would start with.
    fn refused(&self) -> String {
        let Outcome { code, stdout, stderr } = self.check().run();
        assert_eq!((code, stderr.as_str()), (Some(1), ""), "{stdout}");
        stdout
    }

    /// `kes server --check` of the same file.
    fn server_check(&self) -> Outcome {
        kes(["server", "--check", "--config", "kes.yaml"]).in_directory(self.path()).run()
    }
}

#[test]
fn a_configuration_in_order_is_said_to_be_valid_and_nothing_is_made() {
    let site = Site::new();
    assert_eq!(site.check().run().ok(), "kes.yaml: the configuration is valid\n");
    assert!(!site.path().join("keys").exists());
    let json = kes(["config", "check", "--json", "kes.yaml"]).in_directory(site.path()).run().ok();
    assert_eq!(json, "{\"problems\":[],\"warnings\":[]}\n");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_in_the_files_order() {
    let site = Site::new();
    let text = site.least().replace("key: key.pem", "key: nokey.pem\n  auth: perhaps").replace("disabled", "${NOBODY}");
    site.write(
        "kes.yaml",
        &format!("{text}  retries: many\npolicy:\n  app:\n    allow: [/v1/key/*/my-key]\nunknown: 1\n"),
    );
    let told = site.refused();
    let lines: Vec<&str> = told.lines().filter(|line| !line.starts_with("    hint: ")).collect();
    let begins = [
        "kes.yaml:3:13: problem: admin.identity: the environment variable `NOBODY` is not set",
        "kes.yaml:5:8: problem: tls.key: failed to read TLS certificate: nokey.pem: No such file",
        "kes.yaml:6:9: problem: tls.auth: `perhaps` is neither on nor off",
        "kes.yaml:11:12: problem: keystore.retries: ",
        "kes.yaml:14:13: warning: policy.app.allow[0]: `/v1/key/*/my-key` has wildcards of older releases",
        "kes.yaml:15:1: problem: unknown: `unknown` is no setting",
        "5 problems, 1 warning",
    ];
    assert_eq!(lines.len(), begins.len(), "{told}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line} does not begin with {begin}");
    }
    assert_eq!(told.matches("\n    hint: ").count(), 6, "each has its cure: {told}");
}

#[test]
fn programs_get_one_object_with_places_and_cures() {
    let site = Site::new();
    site.write("kes.yaml", &format!("{}log: {{error: loud}}\nroot: disabled\n", site.least()));
    let Outcome { code, stdout, stderr } =
        kes(["config", "check", "kes.yaml", "--json"]).in_directory(site.path()).run();
    assert_eq!((code, stderr.as_str()), (Some(1), ""));
    let json: Value = serde_json::from_str(&stdout).expect("JSON");
    let problem = &json["problems"][0];
    assert_eq!((&problem["line"], &problem["column"], &problem["path"]), (&json!(10), &json!(14), &json!("log.error")));
    assert!(problem["message"].is_string() && problem["hint"].is_string(), "{json}");
    assert_eq!(json["warnings"][0]["path"], "root", "{json}");
}

#[test]
fn warnings_alone_are_no_failure() {
    let site = Site::new();
    site.write("kes.yaml", &format!("{}policy: {{app: {{allow: [/v1/statu]}}}}\n", site.least()));
    let told = site.check().run().ok();
    assert!(told.contains("hint: did you mean `/v1/status`?\n"), "{told}");
    assert!(told.ends_with("kes.yaml: the configuration is valid, with 1 warning\n"), "{told}");
}

#[test]
fn files_of_tls_are_looked_into() {
    for (spoil, place, message) in [
        (
            (|site| site.write("key.pem", "no key")) as fn(&Site),
            "kes.yaml:5:8: problem: tls.key: ",
            "failed to read TLS certificate: key.pem: ",
        ),
        (|site| site.write("cert.pem", ""), "kes.yaml:6:9: problem: tls.cert: ", "cert.pem: "),
        (
            |site| {
                let key = std::fs::read_to_string(site.path().join("key.pem")).expect("a key");
                site.certify(|_| {});
                site.write("key.pem", &key);
            },
            "kes.yaml:5:8: problem: tls.key: ",
            "private key does not match public key",
        ),
        (
            |site| site.certify(|params| params.subject_alt_names.clear()),
            "kes.yaml:6:9: problem: tls.cert: ",
            "does not contain any DNS or IP address as SAN",
        ),
        (
            |site| {
                std::fs::remove_file(site.path().join("key.pem")).expect("removed");
                let new = ["identity", "new", "--force", "--key", "key.pem", "--cert", "cert.pem", "--dns", "a"];
                let new = kes(new.iter().chain(&["--encrypt"])).in_directory(site.path());
                new.with("MINIO_KMS_KES_KEY_PASSWORD", "canary").run();
            },
            "kes.yaml:5:8: problem: tls.key: ",
            "private key is encrypted",
        ),
        (
            |site| {
                site.write("kes.yaml", &site.least().replace("tls:\n", "tls:\n  ca: ca.pem\n"));
                site.write("ca.pem", "no certificate");
            },
            "kes.yaml:5:7: problem: tls.ca: ",
            "failed to read TLS CA certificates: ca.pem: ",
        ),
    ] {
        let site = Site::new();
        spoil(&site);
        let told = site.refused();
        assert!(told.starts_with(place) && told.contains(message), "{told}");
        assert!(told.contains("\n    hint: ") && told.ends_with("\n1 problem\n"), "{told}");
        let Outcome { code, stdout, stderr } = site.server_check();
        assert!(code == Some(78) && stdout.is_empty() && stderr.contains(message), "the server agrees: {stderr}");
    }
}

#[test]
fn a_certificate_that_has_ended_or_will_soon_is_a_warning_as_for_the_server() {
    let site = Site::new();
    site.certify(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let told = site.check().run().ok();
    assert!(told.starts_with("kes.yaml:6:9: warning: tls.cert: the certificate cert.pem expired on "), "{told}");
    assert_eq!(site.server_check().code, Some(0));
    site.certify(|params| params.not_before = date_time_ymd(4000, 1, 1));
    assert!(site.check().run().ok().contains("is not valid before"));
    let new = ["identity", "new", "--force", "--key", "key.pem", "--cert", "cert.pem", "--dns", "a", "--expiry", "80h"];
    kes(new).in_directory(site.path()).run().ok();
    let told = site.check().run().ok();
    assert!(told.contains("the certificate cert.pem expires in 3 days, on "), "{told}");
}

#[test]
fn a_key_store_that_cannot_be_is_told_before_anything_is_connected() {
    let site = Site::new();
    site.write("keys", "a file");
    let told = site.refused();
    assert!(told.starts_with("kes.yaml:9:11: problem: keystore.fs.path: `keys` is not a directory\n"), "{told}");
    let stores = "keystore: {azure: {keyvault: {endpoint: \"https://vault.example.net\"}}}\n";
    let others = site.least().split("keystore:").next().unwrap_or_default().to_owned();
    site.write("kes.yaml", &format!("{others}{stores}"));
    assert!(site.refused().contains("problem: keystore.azure.keyvault: not available in this build\n"));
}

#[test]
fn what_cannot_be_read_as_a_configuration_is_one_problem() {
    let site = Site::new();
    for (text, problem) in [("", "the file is empty"), ("a: 'b\n", ""), ("- a\n", "not a mapping of settings")] {
        site.write("kes.yaml", text);
        let told = site.refused();
        assert!(told.contains(problem) && told.ends_with("\n1 problem\n"), "{told}");
    }
    let Outcome { code, stdout, .. } = kes(["config", "check", "/nonexistent"]).run();
    assert_eq!(code, Some(1));
    assert!(stdout.starts_with("/nonexistent: problem: the configuration cannot be read: "), "{stdout}");
}

#[test]
fn no_secret_of_a_configuration_is_shown() {
    let site = Site::new();
    let tls = site.least().replace("tls:\n", "tls:\n  password: canary-1\n  passwort: canary-2\n");
    site.write(
        "kes.yaml",
        &tls.replace("fs:\n    path: keys", "vault: {approle: {id: a, secret: canary-3, x: canary-4}}"),
    );
    let told = site.refused();
    assert!(!told.contains("canary"), "{told}");
}

#[test]
fn one_file_is_checked_at_a_time() {
    assert_eq!(
        kes(["config", "check"]).run().error(),
        "no configuration file specified. See 'kes config check --help'"
    );
    assert_eq!(kes(["config", "check", "a", "b"]).run().error(), "too many arguments. See 'kes config check --help'");
    assert_eq!(kes(["config", "x"]).run().error(), "\"x\" is not a config command. See 'kes config --help'");
}
