//! Socket activation: a service manager binds the socket and hands it over as descriptor 3 (`sd_listen_fds(3)`).

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// The socket that was handed over to this process, if one was.
///
/// It takes the variables out of the environment, so it has to be called while there is one thread only.
///
/// # Errors
/// A sentence that says what is wrong: more sockets than one, or something else than a listening TCP socket.
pub(super) fn socket() -> Result<Option<TcpListener>, String> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    // The variables are inherited; without our own number in them they are meant for a parent.
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Ok(None);
    }
    match number("LISTEN_FDS") {
        None | Some(0) => return Ok(None),
        Some(1) => {}
        Some(count) => return Err(format!("{count} sockets were handed over; hint: write one `ListenStream=`")),
    }
    let wrong = |reason: &str| format!("the socket that was handed over cannot be used: {reason}");
    let socket = ListenFd::from_env().take_tcp_listener(0).map_err(|error| wrong(&error.to_string()))?;
    match socket {
        Some(socket) if socket_acceptconn(&socket).unwrap_or(false) => Ok(Some(socket)),
        _ => Err(wrong("it does not listen; hint: `Accept=` must not be `yes`")),
    }
}

/// Says that `address`, of the configuration or the command line, does not count.
pub(super) fn inform(socket: &TcpListener, address: SocketAddr) {
    match socket.local_addr() {
        Ok(local) if local != address => {
            tracing::info!("listening on {local}, the socket that was handed over; `address` ({address}) is not used");
        }
        _ => {}
    }
}
