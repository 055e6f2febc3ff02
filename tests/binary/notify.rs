//! What the service manager is told (`sd_notify(3)`).

use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::program::{Program, command};
use crate::site::Site;

/// What takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A service manager that listens.
struct Manager(UnixDatagram);

impl Manager {
    /// In the site's directory, and a server's command that knows of it.
    fn at(site: &Site) -> (Self, Command) {
        let path = site.path("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        let mut command = command(site.arguments());
        command.env("NOTIFY_SOCKET", path);
        (Self(socket), command)
    }

    fn next(&self) -> String {
        self.0.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let mut message = [0; 4096];
        let length = self.0.recv(&mut message).expect("a message");
        String::from_utf8(message[..length].to_vec()).expect("text")
    }

    /// The next message that has this line.
    fn wait_for(&self, line: &str) -> String {
        std::iter::repeat_with(|| self.next()).find(|message| message.lines().any(|found| found == line)).expect("it")
    }

    /// What was sent and not read yet.
    fn rest(&self) -> Vec<String> {
        self.0.set_nonblocking(true).expect("a mode");
        let mut message = [0; 4096];
        let mut messages = Vec::new();
        while let Ok(length) = self.0.recv(&mut message) {
            messages.push(String::from_utf8_lossy(&message[..length]).into_owned());
        }
        messages
    }
}

#[test]
fn a_server_is_ready_when_its_keys_exist_and_clients_can_connect_and_not_before() {
    let site = Site::with("keys: [{name: wanted}]\n");
    let (manager, command) = Manager::at(&site);
    let server = Program::spawn(command);
    assert_eq!(manager.next(), "STATUS=connecting to the key store\nEXTEND_TIMEOUT_USEC=60000000");
    let message = manager.next();
    assert!(site.path("keys/wanted").exists());
    let address = message.strip_prefix("READY=1\nSTATUS=serving on ").expect(&message);
    TcpStream::connect(address).expect("a connection");
    server.signal(Signal::TERM);
    assert_eq!(manager.next(), "STOPPING=1\nSTATUS=waiting for requests in flight");
    assert_eq!(server.end().status.code(), Some(0));
    assert_eq!(manager.rest(), [""; 0]);
}

#[test]
fn a_server_that_does_not_start_is_never_ready() {
    let site = Site::with("keys: [{name: wanted}]\n");
    site.write("keys/wanted", "");
    let (manager, command) = Manager::at(&site);
    assert_eq!(Program::spawn(command).end().status.code(), Some(1));
    assert!(manager.next().starts_with("STATUS=connecting"));
    assert_eq!(manager.rest(), [""; 0]);
}

#[test]
fn a_hangup_is_answered_as_a_reload() {
    let site = Site::new();
    let (manager, command) = Manager::at(&site);
    let server = Program::running(command);
    manager.wait_for("READY=1");
    server.signal(Signal::HUP);
    let message = manager.wait_for("RELOADING=1");
    let begun = message.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).expect(&message);
    assert!(begun.parse::<u64>().is_ok_and(|begun| begun > 0), "{message}");
    manager.wait_for("READY=1");
}

#[test]
fn the_watchdog_is_fed_while_the_server_runs() {
    let site = Site::new();
    let (manager, mut command) = Manager::at(&site);
    command.env("WATCHDOG_USEC", "200000");
    let server = Program::running(command);
    for _ in 0..3 {
        manager.wait_for("WATCHDOG=1");
    }
    server.signal(Signal::TERM);
    manager.wait_for("STOPPING=1");
    assert_eq!(server.end().status.code(), Some(0));
}

#[test]
fn abstract_sockets_will_do() {
    let site = Site::new();
    let name = format!("kes-test-{}", site.path("").display());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let manager = Manager(UnixDatagram::bind_addr(&address).expect("a socket"));
    let mut command = command(site.arguments());
    command.env("NOTIFY_SOCKET", format!("@{name}"));
    let _server = Program::running(command);
    manager.wait_for("READY=1");
}

#[test]
fn a_manager_that_cannot_be_reached_is_no_reason_not_to_serve() {
    let site = Site::new();
    for socket in ["relative", "/nonexistent/notify", "vsock:2:1234"] {
        let mut command = command(site.arguments());
        command.env("NOTIFY_SOCKET", socket);
        let server = Program::running(command);
        server.stderr.wait_for("service manager");
        assert_eq!(site.admin(&server).call("GET", "/v1/ready").expect("an answer").0, 200);
    }
}
