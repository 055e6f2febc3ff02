//! `docs/vault.md`: its configurations load, its commands work, and its lines are those of the log.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::{Site, openbao};
use crate::{IDENTITY, configuration, path, text};

/// A token as far as its form goes.
const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.e30.AAAA";

/// The blocks of YAML.
fn blocks(document: &str) -> Vec<String> {
    let blocks = document.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(str::to_owned).collect()
}

/// The commands for whoever administers Vault, in their order.
fn commands(document: &str) -> Vec<String> {
    let joined = document.replace("\\\n", " ");
    joined.lines().filter(|line| line.starts_with("    vault ")).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn its_configurations_are_valid() {
    let example = text("examples/vault/config.yaml");
    let (before, _) = example.split_once("keystore:\n").expect("a key store");
    let token = tempfile::NamedTempFile::new().expect("a file");
    let document = text("docs/vault.md");
    let stores: Vec<String> = blocks(&document).into_iter().filter(|block| block.starts_with("keystore:")).collect();
    assert_eq!(stores.len(), 3);
    for store in stores {
        let store = store.replace("/var/run/secrets/vault/token", &token.path().display().to_string());
        let variables = [("KES_TLS_KEY", "key"), ("KES_TLS_CERT", "cert"), ("MY_APP_IDENTITY", IDENTITY)];
        configuration("docs/vault.md", &format!("{before}{store}"), &variables);
    }
}

#[test]
fn the_pod_has_the_token_where_the_configurations_look_for_it() {
    let document = text("docs/vault.md");
    let pod = blocks(&document).into_iter().find(|block| block.starts_with("spec:")).expect("a pod");
    let pod: serde_json::Value = serde_saphyr::from_str(&pod).expect("YAML");
    let mount = &pod["spec"]["containers"][0]["volumeMounts"][0];
    let volume = &pod["spec"]["volumes"][0];
    assert_eq!(mount["name"], volume["name"]);
    let file = &volume["projected"]["sources"][0]["serviceAccountToken"]["path"];
    let there = format!("{}/{}", mount["mountPath"].as_str().expect("a path"), file.as_str().expect("a path"));
    assert!(document.matches(&format!("jwt: {there}\n")).count() == 2, "{there}");
}

#[tokio::test]
async fn its_commands_work() {
    let (Some(program), Some(site)) = (openbao::program(), Site::new().await) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    symlink(std::fs::canonicalize(program).expect("a program"), directory.path().join("vault")).expect("a link");
    let issuer = rcgen::KeyPair::generate().expect("a key");
    let ca = rcgen::CertificateParams::default().self_signed(&issuer).expect("a certificate");
    // Nobody verifies the reviewer's token before the first login.
    let files =
        [("issuer.pem", issuer.public_key_pem()), ("cluster-ca.pem", ca.pem()), ("reviewer.jwt", JWT.to_owned())];
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("a file");
    }
    let commands = commands(&text("docs/vault.md"));
    assert!(commands.len() >= 9, "{commands:?}");
    for command in commands {
        let output = Command::new("/bin/bash")
            .args(["-c", &command])
            .current_dir(directory.path())
            .env_clear()
            .env("PATH", directory.path())
            .env("HOME", directory.path())
            .env("VAULT_ADDR", &site.admin.server.url)
            .env("VAULT_TOKEN", &site.admin.server.root_token)
            .env("VAULT_NAMESPACE", &site.namespace)
            .output()
            .expect("bash");
        assert!(output.status.success(), "{command}: {output:?}");
    }
}

/// The text of the sources of key stores, with lines that were broken within a literal put together.
fn sources() -> String {
    let mut all = String::new();
    let mut pending = vec![path("keystores/src")];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.ends_with("tests") {
                continue;
            }
            if path.is_dir() {
                pending.push(path);
            } else {
                all.push_str(&std::fs::read_to_string(path).expect("text"));
            }
        }
    }
    let mut lines = all.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |joined, line| joined + line.trim_start())
}

#[test]
fn the_lines_of_the_log_are_those_that_are_written() {
    let document = text("docs/vault.md");
    let (_, table) = document.split_once("| line | level | what to do |\n|---|---|---|\n").expect("a table");
    let sources = sources();
    let mut lines = 0;
    for row in table.lines().take_while(|line| line.starts_with("| `")) {
        let line = row.split('`').nth(1).expect("a line");
        lines += 1;
        for part in line.split('…').map(str::trim).filter(|part| !part.is_empty()) {
            assert!(sources.contains(part), "`{part}` of `{line}` is not written");
        }
    }
    assert!(lines > 10, "{lines} lines");
}
