//! What the service manager is told: `sd_notify(3)`, in a few lines.
//!
//! A message is one datagram of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names: a path, or an abstract name
//! that begins with `@`. Without that variable nothing is sent. Nobody listening is no reason to stop serving: failures
//! are logged and forgotten.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram as StdDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::net::UnixDatagram;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::server::Pulse;

/// How long a message may wait for room in the service manager's queue.
const SEND_LIMIT: Duration = Duration::from_secs(1);

/// The service manager, if there is one that wants to know.
#[derive(Clone, Debug, Default)]
pub(super) struct Notifier {
    socket: Option<SocketAddr>,
    /// After this long without a sign of life the service manager restarts the server.
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` say.
    pub(super) fn from_environment() -> Self {
        let text = |name| std::env::var(name).ok();
        let watchdog = watchdog(text("WATCHDOG_USEC").as_deref(), text("WATCHDOG_PID").as_deref(), std::process::id());
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        match socket(&name) {
            Ok(socket) => Self { socket: Some(socket), watchdog },
            Err(error) => {
                tracing::warn!("the service manager is not notified: `NOTIFY_SOCKET` is {name:?}: {error}");
                Self::default()
            }
        }
    }

    /// The start goes on and may take another `time` from now.
    pub(super) async fn starting(&self, status: &str, time: Duration) {
        self.send(&format!("STATUS={status}\nEXTEND_TIMEOUT_USEC={}", time.as_micros())).await;
    }

    /// The server serves: after the start, and after a reload whatever came of it. `status` is one line for people.
    pub(super) async fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}")).await;
    }

    /// A reload begins; [`ready`](Self::ready) ends it.
    pub(super) async fn reloading(&self) {
        // Where a reload begins is how `Type=notify-reload` tells its answer from an earlier one's.
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}\nSTATUS=reloading the configuration")).await;
    }

    /// The server ends.
    pub(super) async fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=waiting for requests in flight").await;
    }

    /// Feeds the watchdog at twice the pace that it wants, but only while the server's loop is alive. Ends at once if
    /// there is no watchdog.
    pub(super) async fn feed_watchdog(self, pulse: Pulse) {
        let Some(limit) = self.watchdog else { return };
        let pace = limit / 2;
        let mut ticks = interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match timeout(pace, pulse.check()).await {
                Ok(()) => self.send("WATCHDOG=1").await,
                Err(_) => tracing::error!("the loop that accepts connections does not answer: no sign of life is sent"),
            }
        }
    }

    async fn send(&self, message: &str) {
        let Some(socket) = &self.socket else { return };
        let sent = timeout(SEND_LIMIT, async {
            let datagram = StdDatagram::unbound()?;
            datagram.connect_addr(socket)?;
            datagram.set_nonblocking(true)?;
            UnixDatagram::from_std(datagram)?.send(message.as_bytes()).await
        });
        let failure = match sent.await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it takes no message".to_owned(),
        };
        tracing::warn!("the service manager cannot be notified: {failure}");
    }
}

fn socket(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::other("neither an absolute path nor an abstract name that begins with `@`")),
    }
}

/// How long the service manager waits for a sign of life of the process `id`.
fn watchdog(microseconds: Option<&str>, meant_for: Option<&str>, id: u32) -> Option<Duration> {
    if meant_for.is_some_and(|meant_for| meant_for.parse() != Ok(id)) {
        return None;
    }
    let microseconds = microseconds?.parse().ok().filter(|&microseconds| microseconds > 0)?;
    Some(Duration::from_micros(microseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_have_a_path_or_an_abstract_name() {
        let path = socket(OsStr::new("/run/systemd/notify")).expect("a path");
        assert_eq!(path.as_pathname().and_then(std::path::Path::to_str), Some("/run/systemd/notify"));
        let name = socket(OsStr::new("@kes/notify")).expect("a name");
        assert_eq!(name.as_abstract_name(), Some(b"kes/notify".as_slice()));
        for wrong in ["run/notify", "vsock:2:1234", &format!("/{}", "a".repeat(200))] {
            assert!(socket(OsStr::new(wrong)).is_err(), "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_whose_loop_is_stuck_gives_no_sign_of_life() {
        let directory = tempfile::tempdir().expect("a directory");
        let manager = StdDatagram::bind(directory.path().join("notify")).expect("a socket");
        manager.set_nonblocking(true).expect("a mode");
        let second = Duration::from_secs(1);
        let socket = manager.local_addr().expect("an address");
        let notifier = Notifier { socket: Some(socket), watchdog: Some(second) };
        // Nobody answers for this one.
        let feeding = notifier.feed_watchdog(Pulse::default());
        assert!(timeout(100 * second, feeding).await.is_err(), "it goes on trying");
        assert!(manager.recv(&mut [0; 16]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock));
    }

    #[test]
    fn a_watchdog_is_meant_for_one_process() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(watchdog(Some("1000000"), None, 7), second);
        assert_eq!(watchdog(Some("1000000"), Some("7"), 7), second);
        assert_eq!(watchdog(Some("1000000"), Some("8"), 7), None);
        assert_eq!(watchdog(Some("1000000"), Some("x"), 7), None);
        assert_eq!(watchdog(Some("0"), None, 7), None);
        assert_eq!(watchdog(Some("soon"), None, 7), None);
        assert_eq!(watchdog(None, Some("7"), 7), None);
    }
}
