//! What shows a server at work: `log`, `status`, `metric`.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::program::{DENIED, Kes, Outcome, kes};
use crate::server::{ADMIN, Server, USER_KEY, user};

/// A command that goes on until it is told to end, and its output line by line.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Running {
    fn start(command: Kes) -> Self {
        let mut child = command.start();
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("a line").expect("text")
    }

    /// Presses Ctrl-C. The exit code, and what was said on stderr.
    fn interrupt(mut self) -> (Option<i32>, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
        let code = self.child.wait().expect("it ends").code();
        let mut stderr = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
        (code, stderr)
    }
}

/// Asks for the key `name` until an event of that is seen. Nothing tells from outside when a stream has begun.
fn first_event(server: &Server, log: &mut Running, name: &str) -> String {
    let asking = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while asking.load(Ordering::Relaxed) {
                server.kes(&["key", "info", name]).run().error();
            }
        });
        let event = std::iter::repeat_with(|| log.line()).find(|line| line.contains(&format!("/describe/{name}")));
        asking.store(false, Ordering::Relaxed);
        event.expect("an event")
    })
}

#[test]
fn the_audit_log_is_a_table_for_people_and_json_for_programs() {
    let server = Server::with("");
    let mut log = Running::start(server.kes(&["log"]));
    assert!(log.line().starts_with("Time        Status    Identity  "), "before anything happened");
    let line = first_event(&server, &mut log, "nope");
    let columns: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(columns[1..5], ["404", &ADMIN[..20], "127.0.0.1", "/v1/key/describe/nope"], "{line}");
    assert_eq!(log.interrupt(), (Some(0), String::new()));

    let mut log = Running::start(server.kes(&["log", "trace", "--type", "audit", "--json"]));
    let event: Value = serde_json::from_str(&first_event(&server, &mut log, "nope")).expect("JSON");
    assert_eq!((&event["response"]["code"], &event["request"]["identity"]), (&404.into(), &ADMIN.into()));
    assert_eq!(log.interrupt(), (Some(0), String::new()));
}

#[test]
fn a_log_ends_with_its_server_or_goes_on_with_the_next() {
    let mut server = Server::with("");
    let mut log = Running::start(server.kes(&["log", "--json"]));
    let mut follower = Running::start(server.kes(&["log", "--json", "--follow"]));
    first_event(&server, &mut log, "nope");
    first_event(&server, &mut follower, "before");
    server.stop();
    assert!(log.child.wait().expect("it ends").success());
    server.start_again();
    first_event(&server, &mut follower, "after");
    let (code, told) = follower.interrupt();
    assert_eq!(code, Some(0));
    assert!(told.lines().all(|line| line.starts_with("audit log interrupted: ")) && !told.is_empty(), "{told}");
}

#[test]
fn mistakes_with_logs_are_told() {
    let server = Server::with(&format!("policy: {{p: {{allow: [/v1/status], identities: [{}]}}}}\n", user()));
    let error = |arguments: &[&str]| server.kes(arguments).run().error();
    assert_eq!(error(&["log", "--audit", "--error"]), "--audit and --error cannot be used together");
    assert_eq!(error(&["log", "x"]), "too many arguments. See 'kes log --help'");
    assert_eq!(error(&["log", "trace", "--type=x"]), "'x' is no log: use audit or error. See 'kes log --help'");
    let Outcome { code, stderr, .. } = server.kes(&["log", "--audit=false"]).run();
    assert!(code == Some(2) && stderr.contains("Usage:\n    kes log"), "{stderr}");
    for follow in [&["log"][..], &["log", "--follow"], &["log", "--json"], &["log", "--json", "--follow"]] {
        let denied = server.kes_as(USER_KEY, follow).run().error();
        assert_eq!(denied, format!("failed to follow the audit log: {DENIED}"));
    }
    let denied = server.kes_as(USER_KEY, &["log", "--error"]).run().error();
    assert_eq!(denied, format!("failed to follow the error log: {DENIED}"));
}

#[test]
fn the_status_tells_of_server_and_store() {
    let server = Server::with("");
    let text = server.kes(&["status"]).run().ok();
    assert!(text.starts_with(&format!("● {}\n  Version  ", server.address)), "{text}");
    for label in ["\n  Uptime   ", "\n  Latency  ", "\n  Keystore reachable", "\n  OS       ", "\n  · Heap   "] {
        assert!(text.contains(label), "{text}");
    }
    assert_eq!(server.kes(&["status", "-s"]).run().ok(), format!("● {}\n", server.address));
    let text = server.kes(&["status", "--short", "--api"]).run().ok();
    assert!(text.contains("\n  PUT     /v1/key/generate/            15s\n"), "{text}");
    let json: Value = serde_json::from_str(&server.kes(&["status", "--json"]).run().ok()).expect("JSON");
    assert!(json["num_cpu"].as_u64() > Some(0) && json.get("endpoint").is_none(), "{json}");
    let json: Value = serde_json::from_str(&server.kes(&["status", "--json", "--api"]).run().ok()).expect("JSON");
    let routes = json.as_array().expect("an array");
    assert!(routes.len() > 10, "{json}");
    let log = routes.iter().find(|route| route["path"] == "/v1/log/audit").expect("a route");
    assert!(log.get("timeout").is_none() && log.get("max_body").is_none(), "it has neither limit: {log}");
    assert_eq!(server.kes(&["status", "x"]).run().error(), "too many arguments. See 'kes status --help'");
}

#[test]
fn the_status_of_several_servers_is_one_each_and_a_dead_one_is_told() {
    let mut server = Server::with("");
    let other = Server::with("");
    let both = format!("{},{}", server.address, other.address);
    // Each has a certificate of its own.
    let ask =
        |arguments: &[&str]| kes(arguments).with("KES_API_KEY", crate::server::ADMIN_KEY).with("KES_SERVER", &both);
    let text = ask(&["status", "-sk"]).run().ok();
    assert_eq!(text, format!("● {}\n● {}\n", server.address, other.address));
    server.kill();
    let Outcome { code, stdout, stderr } = ask(&["status", "-k", "--json"]).run();
    assert_eq!((code, stderr.as_str()), (Some(1), "Error: 1 of 2 servers failed\n"));
    let short = ask(&["status", "-sk"]).run().stdout;
    assert!(
        short.lines().count() == 2 && short.contains(&format!("● {}  cannot connect to ", server.address)),
        "{short}"
    );
    let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        (&lines[0]["endpoint"], &lines[1]["endpoint"]),
        (&server.address.as_str().into(), &other.address.as_str().into())
    );
    assert!(lines[0]["error"].as_str().is_some_and(|text| text.contains("cannot connect")), "{stdout}");
    assert!(lines[1]["uptime"].is_u64(), "{stdout}");
    let alone = server.kes(&["status"]).run();
    assert_eq!((alone.code, alone.stdout), (Some(1), format!("● {}\n", server.address)));
    assert!(alone.stderr.contains("cannot connect to"), "{}", alone.stderr);
}

#[test]
fn a_store_that_is_down_is_no_reason_to_fail() {
    let server = Server::with("");
    server.lose_store();
    let text = server.kes(&["status"]).run().ok();
    assert!(text.contains("\n  Keystore unreachable\n"), "{text}");
    let json = server.kes(&["status", "--json"]).run().ok();
    assert!(json.contains("\"keystore_unreachable\":true"), "{json}");
}

#[test]
fn metrics_are_lines_of_json_elsewhere_than_in_a_terminal() {
    let server = Server::with("");
    server.kes(&["key", "info", "nope"]).run().error();
    let json: Value = serde_json::from_str(&server.kes(&["metric", "--once"]).run().ok()).expect("JSON");
    assert!(json["kes_http_request_error"] == 1 && json["kes_log_audit_events"] == 1, "{json}");
    let mut metric = Running::start(server.kes(&["metric", "--rate", "10ms"]));
    for _ in 0..3 {
        let json: Value = serde_json::from_str(&metric.line()).expect("JSON");
        assert!(json["kes_system_up_time"].as_u64() > Some(0), "{json}");
    }
    assert_eq!(metric.interrupt(), (Some(0), String::new()));
    let error = server.kes(&["metric", "--rate=0"]).run().error();
    assert_eq!(
        error,
        "invalid argument \"0\" for \"--rate\" flag: must be longer than nothing. See 'kes metric --help'"
    );
    for rate in ["0s", "-1s", "x"] {
        let error = server.kes(&["metric", &format!("--rate={rate}")]).run().error();
        assert!(error.starts_with(&format!("invalid argument \"{rate}\" for \"--rate\" flag: ")), "{error}");
    }
    let denied = server.kes_as(USER_KEY, &["metric"]).run().error();
    assert_eq!(denied, format!("failed to fetch metrics: {DENIED}"));
    assert_eq!(server.kes(&["metric", "x"]).run().error(), "too many arguments. See 'kes metric --help'");
}
