//! `health.address`: probes without TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use rustix::process::Signal;

use crate::program::{Program, command};
use crate::site::Site;

const HEALTH: &str = "health: {address: '127.0.0.1:0'}\n";

/// Where the server says that it answers probes.
fn address(server: &Program) -> SocketAddr {
    const SAID: &str = "probes are answered on http://";
    server.stderr.wait_for(SAID);
    let text = server.stderr.text();
    let (_, rest) = text.split_once(SAID).expect("waited for");
    rest.split(['"', '\n', ' ']).next().and_then(|address| address.parse().ok()).expect("an address")
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: health\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_running_server_is_alive_and_ready() {
    let site = Site::with(HEALTH);
    let server = site.start(&[]);
    let health = address(&server);
    for path in ["/healthz", "/ready"] {
        let answer = get(health, path);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
    }
    std::fs::remove_dir_all(site.path("keys")).expect("removed");
    let answer = get(health, "/healthz");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    server.signal(Signal::TERM);
    assert_eq!(server.end().status.code(), Some(0));
    assert!(TcpStream::connect(health).is_err(), "the listener has ended");
}

/// The system counts addresses as locked that no page was ever given to: far more than the process has in memory.
#[test]
fn no_more_memory_is_locked_than_there_is() {
    let site = Site::with(HEALTH);
    let server = site.start(&[]);
    let metrics = get(address(&server), "/metrics");
    let [locked, resident] = ["kes_memory_locked_bytes ", "kes_memory_resident_bytes "].map(|name| {
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)).expect("a metric");
        value.parse::<f64>().expect("a number")
    });
    assert!(locked <= resident, "{locked} of {resident} bytes are locked");
}

#[test]
fn a_start_that_waits_for_the_key_store_is_alive_and_not_ready() {
    let site = Site::new();
    site.configure(&format!("{}{HEALTH}", site.least().replace("retries: 0", "startup_grace: 1h")));
    // A path that leads to itself cannot be opened, and nobody makes a directory in its place.
    std::fs::remove_dir(site.path("keys")).expect("removed");
    std::os::unix::fs::symlink("keys", site.path("keys")).expect("a link");
    let server = Program::spawn(command(site.arguments()));
    server.stderr.wait_for("; trying again");
    let health = address(&server);
    let answer = get(health, "/ready");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("the server is starting"), "{answer}");
    assert!(get(health, "/healthz").starts_with("HTTP/1.1 200 OK\r\n"));

    std::fs::remove_file(site.path("keys")).expect("removed");
    server.stdout.wait_for("up and running");
    server.signal(Signal::TERM);
    assert_eq!(server.end().status.code(), Some(0));
}

#[test]
fn a_server_that_stops_is_alive_and_not_ready() {
    let site = Site::with(&format!("{HEALTH}shutdown: {{grace: 1h}}\napi: {{/v1/key/encrypt/: {{timeout: 1h}}}}\n"));
    let server = site.start(&[]);
    let health = address(&server);
    let _request = site.admin(&server).begin_slowly("/v1/key/encrypt/my-key", 8);
    server.signal(Signal::TERM);
    server.until_closed();
    let answer = get(health, "/ready");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("the server is stopping"), "{answer}");
    assert!(get(health, "/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
    server.signal(Signal::TERM);
    assert_eq!(server.end().status.code(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_an_error_that_names_the_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let site = Site::with(&format!("health: {{address: '{address}'}}\n"));
    let end = Program::run(site.arguments());
    assert_eq!(end.status.code(), Some(1), "{end:?}");
    assert!(end.stderr.contains(&format!("Error: cannot listen on `health.address` {address}: ")), "{}", end.stderr);
}
