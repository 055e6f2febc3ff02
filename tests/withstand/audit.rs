//! A disk that fills up under the audit file, and has room again.

use std::fs;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::program::{KES, Program};
use crate::server::Server;
use crate::site::Site;
use crate::support::Exposition;

/// The limit of a file's size does the same as a disk that is full: a write takes what still fits, and the next one fails.
fn limit(server: &Server, bytes: Option<u64>) {
    let id = Pid::from_raw(server.program.id().try_into().expect("a process id"));
    prlimit(id, Resource::Fsize, Rlimit { current: bytes, maximum: None }).expect("a limit");
}

#[tokio::test]
async fn an_audit_file_goes_on_when_there_is_room_again_and_what_was_lost_is_told() {
    const LOST: &str = r#"kes_log_dropped_events_total{log="audit",sink="file"}"#;
    const EVENTS: usize = 10;
    let site = Site::new();
    let path = site.path("audit.log");
    site.configure(&format!("{}log: {{file: {{audit: {{path: {}, keep: 0}}}}}}\n", site.least(), path.display()));
    // The system also sends a signal that would end the process: a shell switches that off before.
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#, KES, "server"]).args(site.arguments()).env_clear();
    let server = Server { program: Program::running(command), site };
    let admin = server.admin();
    let lines = || fs::read_to_string(&path).expect("a file").lines().map(str::to_owned).collect::<Vec<_>>();
    for _ in 0..EVENTS {
        assert_eq!(admin.get("/version").await.status, 200);
    }
    while lines().len() < EVENTS {
        tokio::task::yield_now().await;
    }
    let size = fs::metadata(&path).expect("a file").len();
    // Room for half an event.
    limit(&server, Some(size + size / EVENTS as u64 / 2));
    for _ in 0..EVENTS {
        assert_eq!(admin.get("/version").await.status, 200, "no request suffers");
    }
    server.program.stderr.wait_for("cannot be written: ");
    let lost = async || Exposition::of(&admin, "/v1/metrics?format=extended").await.value(LOST) as usize;
    while lost().await < EVENTS {}
    limit(&server, None);
    assert_eq!(admin.get("/v1/api").await.status, 200);
    server.program.stderr.wait_for(&format!("is written again; {EVENTS} events were lost"));
    let lines = lines();
    assert!(lines[EVENTS + 1].contains("\"/v1/api\""), "{lines:?}");
    // The one that was torn is on a line of its own.
    let whole = lines.iter().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).count();
    assert_eq!((lines.len(), whole), (EVENTS + 2, EVENTS + 1));
    assert_eq!(server.program.stderr.times("cannot be written"), 1, "{}", server.program.stderr.text());
    assert_eq!(lost().await, EVENTS);
}
