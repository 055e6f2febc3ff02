//! `examples/prometheus`: every metric that is used there exists, and Prometheus' own tool agrees with all of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use kes_config::keystore::StoreCalls;
use kes_keystores::Guard;
use kes_keystores::fault::{Fault, FaultyStore, Operation};

use crate::support::{Build, Exposition, TestServer};

/// What the tool finds wrong with the families that clients insist on. Nothing else may be found.
const KNOWN: [&str; 5] = [
    "kes_http_request_error counter metrics should have \"_total\" suffix",
    "kes_http_request_failure counter metrics should have \"_total\" suffix",
    "kes_http_request_success counter metrics should have \"_total\" suffix",
    "kes_log_audit_events counter metrics should have \"_total\" suffix",
    "kes_log_error_events counter metrics should have \"_total\" suffix",
];

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/prometheus")
}

/// Everything that the server can show: after a success, an error, a failure, and a failed call to the store.
async fn everything() -> Exposition {
    let store = FaultyStore::healthy();
    let build = Build::default();
    let calls = StoreCalls { retries: 0, ..StoreCalls::default() };
    let guard = Guard::observed(store.clone(), calls, build.metrics.store_observer());
    let server = TestServer::with(build.store(Arc::new(guard))).await;
    server.admin().create("my-key").await;
    assert_eq!(server.admin().get("/v1/key/describe/none").await.status, 404);
    store.once(Operation::Get, Fault::Denied);
    assert_eq!(server.admin().get("/v1/key/describe/my-key").await.status, 502);
    Exposition::extended(&server).await
}

/// The words in a text that begin as our metrics do.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("kes_")).collect()
}

#[tokio::test]
async fn every_metric_of_the_examples_exists() {
    let exposition = everything().await;
    let known: BTreeSet<&str> = exposition.families().into_iter().map(|(name, _, _)| name).collect();
    let mut used = 0;
    for file in ["alerts.yaml", "alerts_test.yaml", "dashboard.json"] {
        let text = fs::read_to_string(examples().join(file)).expect("an example");
        for name in names(&text) {
            let family = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(known.contains(family), "{file} uses {name}, which the server does not have");
            used += 1;
        }
    }
    assert!(used > 30, "only {used} names were found");
}

#[tokio::test]
async fn calls_to_the_store_are_measured() {
    let metrics = everything().await;
    for (sample, value) in [
        (r#"kes_store_call_seconds_count{operation="create"}"#, 1.0),
        (r#"kes_store_call_seconds_count{operation="get"}"#, 2.0),
        (r#"kes_store_errors_total{error="denied",operation="get"}"#, 1.0),
    ] {
        assert_eq!(metrics.value(sample), value, "{sample}");
    }
}

/// Runs Prometheus' tool, if there is one; tells what it said. `scripts/test` sees to it that there is one.
fn promtool(arguments: &[&str], input: &str) -> Option<(bool, String)> {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(examples());
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("left out: promtool {}, which is not installed (Debian: prometheus)", arguments.join(" "));
            return None;
        }
        Err(error) => panic!("promtool: {error}"),
    };
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[tokio::test]
async fn prometheus_finds_nothing_wrong_with_the_metrics() {
    let Some((_, said)) = promtool(&["check", "metrics"], &everything().await.0) else { return };
    let found: Vec<&str> = said.lines().filter(|line| !KNOWN.contains(line)).collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn prometheus_agrees_with_the_examples() {
    for arguments in [
        &["check", "config", "prometheus.yaml"][..],
        &["check", "rules", "alerts.yaml"],
        &["test", "rules", "alerts_test.yaml"],
    ] {
        if let Some((agrees, said)) = promtool(arguments, "") {
            assert!(agrees, "{said}");
        }
    }
}

#[test]
fn the_dashboard_is_what_grafana_reads() {
    let text = fs::read_to_string(examples().join("dashboard.json")).expect("an example");
    let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.iter().all(|panel| panel["targets"][0]["expr"].is_string()) && panels.len() > 10);
}
