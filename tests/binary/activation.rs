//! Sockets that a service manager hands over (`sd_listen_fds(3)`).

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use crate::program::{KES, Program};
use crate::site::Site;

/// A server to which `socket` is handed over as descriptor 3, under these variables. Only the shell knows the number
/// of the process before it is the server.
fn handed_over(site: &Site, socket: impl Into<OwnedFd>, variables: &str) -> Program {
    let mut command = Command::new("/bin/sh");
    let script = format!("exec 3<&0 </dev/null; {variables} exec \"$0\" server \"$@\"");
    command.args(["-c", &script, KES]).args(site.arguments()).env_clear();
    Program::spawn_with(command, Stdio::from(socket.into()))
}

#[test]
fn a_socket_that_is_handed_over_is_the_one_that_is_listened_on() {
    let site = Site::new();
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    let server = handed_over(&site, socket, "LISTEN_PID=$$ LISTEN_FDS=1");
    server.stdout.wait_for("up and running");
    assert_eq!(server.address(), address);
    assert_eq!(site.admin(&server).call("GET", "/v1/ready").expect("an answer").0, 200);
    server.stderr.wait_for("the socket that was handed over; `address` (127.0.0.1:0) is not used");
}

#[test]
fn a_socket_for_another_process_is_left_alone() {
    let site = Site::new();
    for variables in ["LISTEN_PID=1 LISTEN_FDS=1", "LISTEN_FDS=1", "LISTEN_PID=$$", "LISTEN_PID=$$ LISTEN_FDS=0"] {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("an address");
        let server = handed_over(&site, socket, variables);
        server.stdout.wait_for("up and running");
        assert_ne!(server.address(), address, "{variables}");
    }
}

#[test]
fn what_cannot_be_listened_on_is_an_error() {
    let site = Site::new();
    let refusal = |socket: OwnedFd, variables: &str| {
        let end = handed_over(&site, socket, variables).end();
        assert_eq!((end.status.code(), end.stdout.as_str()), (Some(1), ""), "{end:?}");
        end.stderr
    };
    let listener = || TcpListener::bind("127.0.0.1:0").expect("a port");
    let said = refusal(listener().into(), "LISTEN_PID=$$ LISTEN_FDS=2");
    assert!(said.contains("2 sockets were handed over"), "{said}");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let said = refusal(udp.into(), "LISTEN_PID=$$ LISTEN_FDS=1");
    assert!(said.contains("the socket that was handed over cannot be used"), "{said}");
    let listener = listener();
    let connected = std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let said = refusal(connected.into(), "LISTEN_PID=$$ LISTEN_FDS=1");
    assert!(said.contains("it does not listen"), "{said}");
}
