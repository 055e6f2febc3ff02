//! `examples/haproxy`: a real load balancer in front of a real server.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::program::Program;
use crate::site::{ADMIN, ADMIN_KEY, Site};

/// What takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(30);

const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The example with `replacements`, each of which has to be in it.
fn example(replacements: &[(&str, &str)]) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/haproxy/haproxy.cfg");
    let text = std::fs::read_to_string(path).expect("an example");
    replacements.iter().fold(text, |text, (there, here)| {
        assert!(text.contains(there), "`{there}` is not in the example");
        text.replace(there, here)
    })
}

/// Whether there is an HAProxy. `scripts/test` sees to it.
fn is_installed() -> bool {
    let installed = Command::new("haproxy").arg("-v").output().is_ok();
    if !installed {
        println!("LEFT OUT: `haproxy` cannot be run; on Debian: apt-get install haproxy");
    }
    installed
}

#[test]
fn haproxy_has_nothing_to_say_against_the_example() {
    if !is_installed() {
        return;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/haproxy/haproxy.cfg");
    let output = Command::new("haproxy").args(["-c", "-q", "-f", path]).output().expect("it runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn behind_haproxy_clients_keep_their_addresses_and_certificates_and_checks_make_no_noise() {
    if !is_installed() {
        return;
    }
    let site = Site::with("proxy_protocol: {mode: required, trusted: [127.0.0.1]}\nlog: {audit: on}\n");
    let server = site.start(&[]);
    let address = server.address().to_string();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let front = port.local_addr().expect("an address");
    let replacements = [
        ("maxconn 32768", "maxconn 100"), // more than the limits of a test run may allow
        ("bind :7373", "bind fd@0"),
        ("10.0.0.11:7373", &address),
        ("10.0.0.12:7373", &address),
        // Each check has as long as until the next one.
        ("inter 2s", "inter 100ms fall 100"),
    ];
    site.write("haproxy.cfg", example(&replacements));
    let mut command = Command::new("haproxy");
    command.args(["-db", "-f"]).arg(site.path("haproxy.cfg"));
    let balancer = Program::spawn_with(command, Stdio::from(OwnedFd::from(port)));

    let client = Client::new(front, &site.certificate(), ADMIN_KEY).at(CLIENT);
    let created = client.call("PUT", "/v1/key/create/my-key");
    assert_eq!(created.unwrap_or_else(|error| panic!("{error}: {}", balancer.stderr.text())).0, 200);
    server.stdout.wait_for(&format!("req.path=/v1/key/create/my-key req.ip={CLIENT} req.identity={ADMIN} "));

    // Checks come and go before their handshake, which is counted.
    let (enough, deadline) = (checks(&client) + 4.0, Instant::now() + PATIENCE);
    while checks(&client) < enough {
        assert!(Instant::now() < deadline, "the load balancer does not check");
    }
    site.admin(&server).at(CLIENT).call("GET", "/version").expect_err("only the load balancer is listened to");
    server.stderr.wait_for("`proxy_protocol.trusted`");
    let said = server.stderr.text();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("level=")).collect();
    assert_eq!(lines.len(), 1, "{said}");
}

/// How many connections have ended before their handshake.
fn checks(client: &Client) -> f64 {
    let (_, metrics) = client.call("GET", "/v1/metrics?format=extended").expect("an answer");
    let value = metrics.lines().find_map(|line| line.strip_prefix("kes_tls_handshake_failures_total "));
    value.and_then(|value| value.parse().ok()).expect("a number")
}
