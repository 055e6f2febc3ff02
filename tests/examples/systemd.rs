use std::process::{Command, Output};
use std::time::Duration;

use crate::{IDENTITY, KES, configuration, text};

/// The most exposure that the unit may have, in tenths, as `systemd-analyze security` counts it.
const MOST_EXPOSURE: &str = "20";

/// The values of a setting in a unit.
fn values<'a>(unit: &'a str, name: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
}

/// The only value of a setting in a unit.
fn value<'a>(unit: &'a str, name: &str) -> &'a str {
    let values = values(unit, name);
    let [value] = values[..] else { panic!("{name} is there {} times", values.len()) };
    value
}

fn seconds(text: &str) -> Duration {
    let seconds = text.strip_suffix('s').and_then(|number| number.parse().ok());
    Duration::from_secs(seconds.unwrap_or_else(|| panic!("`{text}` is not in seconds")))
}

/// Lets `systemd-analyze` look at the units, with the program where this build has put it; nothing, where there is no
/// such tool.
fn analyze(arguments: &[&str], units: &[&str]) -> Option<Output> {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("systemd-analyze");
    command.args(arguments);
    for unit in units {
        let there = directory.path().join(unit);
        let text = text(&format!("examples/systemd/{unit}")).replace("/usr/local/bin/kes", KES);
        std::fs::write(&there, text).expect("written");
        command.arg(there);
    }
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("LEFT OUT: `systemd-analyze` cannot be run ({error}); on Debian: apt-get install systemd");
            None
        }
    }
}

#[test]
fn systemd_has_nothing_to_say_against_the_units() {
    if let Some(output) = analyze(&["verify", "--man=no"], &["kes.service", "kes.socket"]) {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // Only what concerns ours: the units of the machine are not our business.
        let ours: Vec<&str> = said.lines().filter(|line| line.contains("kes.")).collect();
        assert!(output.status.success() && ours.is_empty(), "{said}");
    }
}

#[test]
fn the_service_is_little_exposed() {
    let threshold = format!("--threshold={MOST_EXPOSURE}");
    if let Some(output) = analyze(&["security", "--offline=true", "--no-pager", &threshold], &["kes.service"]) {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_service_starts_the_configuration_beside_it() {
    let unit = text("examples/systemd/kes.service");
    let config = configuration(
        "config.yaml",
        &text("examples/systemd/config.yaml"),
        &[("KES_TLS_KEY", "/run/credentials/kes.service/tls.key"), ("MY_APP_IDENTITY", IDENTITY)],
    );
    assert_eq!(value(&unit, "ExecStart"), "/usr/local/bin/kes server --config /etc/kes/config.yaml");
    assert_eq!(value(&unit, "Type"), "notify");
    assert_eq!(value(&unit, "RestartPreventExitStatus"), "78");
    assert_eq!(value(&unit, "Environment"), "KES_TLS_KEY=%d/tls.key");
    assert!(value(&unit, "LoadCredential").starts_with("tls.key:"));
    assert_eq!(value(&unit, "AmbientCapabilities"), "CAP_IPC_LOCK");
    assert_eq!(config.tls.key.to_str(), Some("/run/credentials/kes.service/tls.key"));
    // Requests in flight, then the key store.
    assert!(seconds(value(&unit, "TimeoutStopSec")) > 2 * config.shutdown_grace);
    assert!(seconds(value(&unit, "WatchdogSec")) > 2 * config.shutdown_grace);
    assert!(values(&unit, "StateDirectory") == ["kes"] && value(&unit, "WorkingDirectory") == "/var/lib/kes");

    let socket = text("examples/systemd/kes.socket");
    assert_eq!(value(&socket, "ListenStream"), config.address.port().to_string());
}

#[test]
fn a_health_check_without_arguments_asks_the_address_of_the_examples() {
    let config = configuration(
        "config.yaml",
        &text("examples/systemd/config.yaml"),
        &[("KES_TLS_KEY", "key"), ("MY_APP_IDENTITY", IDENTITY)],
    );
    let help = Command::new(KES).args(["healthcheck", "--help"]).output().expect("the program runs");
    let health = config.health.expect("an address");
    // Lines are as long as the terminal is wide.
    let help = String::from_utf8(help.stdout).expect("text").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains(&format!("[default: http://{health}]")), "{help}");
}
