//! The error log on the standard error stream.

use crate::program::Program;
use crate::site::{ADMIN, Site};

/// Whether this is UTC in RFC 3339 with exactly three digits of fraction.
fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

#[test]
fn a_failure_of_the_key_store_is_one_line_in_the_documented_form() {
    let site = Site::new();
    let server = site.start(&[]);
    std::fs::remove_dir(site.path("keys")).expect("removed");
    let (status, body) = site.admin(&server).call("GET", "/v1/key/describe/my-key").expect("an answer");
    assert_eq!((status, body.as_str()), (502, "{\"message\":\"failed to read key\"\n}"));
    server.stderr.wait_for(" level=ERROR ");
    let text = server.stderr.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(" level=ERROR ")).collect();
    let [line] = lines[..] else { panic!("{text}") };
    let (time, rest) = line.strip_prefix("time=").and_then(|line| line.split_once(' ')).expect("a time");
    assert!(is_time(time), "{time}");
    let (message, attributes) =
        rest.strip_prefix("level=ERROR msg=\"").and_then(|rest| rest.split_once("\" ")).expect("a message");
    assert!(message.starts_with("key store unavailable: ") && message.contains("keys"), "{message}");
    let request = "req.method=GET req.path=/v1/key/describe/my-key req.ip=127.0.0.1";
    assert_eq!(attributes, format!("{request} req.identity={ADMIN}"));
    assert!(!server.stdout.text().contains(" level=ERROR "), "the log is on stderr alone");
}

#[test]
fn refusals_are_logged_at_the_level_debug_alone() {
    for (more, is_logged) in [("", false), ("log: {error: debug}\n", true)] {
        let site = Site::new();
        site.configure(&format!("{}{more}", site.least().replace(ADMIN, "disabled")));
        let server = site.start(&[]);
        assert_eq!(site.admin(&server).call("GET", "/v1/status").expect("an answer").0, 403);
        server.signal(rustix::process::Signal::TERM);
        let end = server.end();
        let refused = format!(
            "level=DEBUG msg=\"access denied: identity not found\" req.method=GET req.path=/v1/status \
             req.ip=127.0.0.1 req.identity={ADMIN}\n"
        );
        assert_eq!(end.stderr.contains(&refused), is_logged, "{}", end.stderr);
    }
}

/// While a store is down everything fails for one reason, and a line for each would bury it.
#[test]
fn a_cause_that_repeats_is_one_line() {
    for (interval, lines) in [("1h", 1), ("0s", 3)] {
        let site = Site::new();
        let at_once = site.least().replace("retries: 0", "retries: 0, outage_wait: 0s, probe_interval: 100ms");
        site.configure(&format!("{at_once}log: {{repeat_interval: {interval}}}\n"));
        let server = site.start(&[]);
        std::fs::remove_dir(site.path("keys")).expect("removed");
        // Who asks before the store is known to be down fails with another text.
        server.stderr.wait_for("calls wait until it is back");
        for _ in 0..3 {
            assert_eq!(site.admin(&server).call("GET", "/v1/key/describe/my-key").expect("an answer").0, 502);
        }
        server.signal(rustix::process::Signal::TERM);
        let end = server.end();
        let failures = end.stderr.lines().filter(|line| line.contains("req.path=/v1/key/describe/my-key")).count();
        assert_eq!(failures, lines, "every {interval}: {}", end.stderr);
    }
}

/// What is in the queue when the program ends is written before it does.
#[test]
fn audit_events_are_lines_on_stdout_if_the_configuration_wants_them() {
    for (setting, is_logged) in [("", false), ("log: {audit: off}\n", false), ("log: {audit: on}\n", true)] {
        let site = Site::with(setting);
        let server = site.start(&[]);
        let admin = site.admin(&server);
        assert_eq!(admin.call("PUT", "/v1/key/create/my-key").expect("an answer").0, 200);
        assert_eq!(admin.call("GET", "/v1/key/describe/none").expect("an answer").0, 404);
        server.signal(rustix::process::Signal::TERM);
        let end = server.end();
        let request = "req.ip=127.0.0.1";
        for line in [
            format!(
                " level=INFO msg=\"secret key 'my-key' created\" req.method=PUT req.path=/v1/key/create/my-key {request} \
                 req.identity={ADMIN} res.code=200 res.time="
            ),
            format!(
                " level=INFO msg=\"GET /v1/key/describe/none\" req.method=GET req.path=/v1/key/describe/none {request} \
                 req.identity={ADMIN} res.code=404 res.time="
            ),
        ] {
            assert_eq!(end.stdout.contains(&line), is_logged, "with {setting:?}: {}", end.stdout);
        }
        assert!(!end.stderr.contains("res.code"), "{}", end.stderr);
    }
}

#[test]
fn both_logs_can_be_json() {
    let site = Site::with("log: {audit: on, format: json}\n");
    let server = site.start(&[]);
    std::fs::remove_dir(site.path("keys")).expect("removed");
    assert_eq!(site.admin(&server).call("GET", "/v1/key/describe/my-key").expect("an answer").0, 502);
    server.signal(rustix::process::Signal::TERM);
    let end = server.end();
    for (stream, level) in [(&end.stdout, "INFO"), (&end.stderr, "ERROR")] {
        let line = stream.lines().find(|line| line.contains("/v1/key/describe/my-key")).expect("a line");
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(is_time(event["time"].as_str().expect("text")), "{line}");
        assert_eq!((&event["level"], &event["req.ip"]), (&level.into(), &"127.0.0.1".into()), "{line}");
    }
    let event = end.stdout.lines().find(|line| line.starts_with('{')).expect("an event");
    let event: serde_json::Value = serde_json::from_str(event).expect("JSON");
    assert!(event["res.code"] == 502 && event["res.time"].is_u64(), "{event}");
}

#[test]
fn a_level_applies_to_the_console() {
    let site = Site::with("log: {error: off}\n");
    let server = site.start(&[]);
    std::fs::remove_dir(site.path("keys")).expect("removed");
    assert_eq!(site.admin(&server).call("GET", "/v1/key/describe/my-key").expect("an answer").0, 502);
    server.signal(rustix::process::Signal::TERM);
    assert!(!server.end().stderr.contains("level="));
}

#[test]
fn audit_events_can_go_to_a_file() {
    let site = Site::new();
    let file = site.path("audit.log");
    site.configure(&format!("{}log: {{file: {{audit: {{path: {}}}}}}}\n", site.least(), file.display()));
    let server = site.start(&[]);
    assert!(server.stdout.text().contains(&format!("\n            audit={}\n", file.display())));
    assert_eq!(site.admin(&server).call("PUT", "/v1/key/create/my-key").expect("an answer").0, 200);
    server.signal(rustix::process::Signal::TERM);
    let end = server.end();
    assert!(!end.stdout.contains("res.code"), "{}", end.stdout);
    let events = std::fs::read_to_string(file).expect("a file");
    assert_eq!(events.lines().count(), 1, "{events}");
    assert!(events.contains(r#""path":"/v1/key/create/my-key""#), "{events}");
}

#[test]
fn an_audit_file_that_cannot_be_written_is_an_error_that_names_it() {
    let site = Site::with("log: {file: {audit: {path: /does/not/exist/audit.log}}}\n");
    let end = Program::run(site.arguments());
    assert_eq!(end.status.code(), Some(78));
    let error = "Error: cannot open `log.file.audit.path` /does/not/exist/audit.log: No such file or directory";
    assert!(end.stderr.contains(error), "{}", end.stderr);
}

/// Clients of 2022 and 2023 send one; there is only one name space.
#[test]
fn an_enclave_is_ignored_with_one_warning() {
    let site = Site::new();
    let server = site.start(&[]);
    let admin = site.admin(&server);
    for path in ["/v1/key/list/?enclave=", "/v1/key/list/?enclave=default", "/v1/key/list/?x=enclave=other"] {
        assert_eq!(admin.call("GET", path).expect("an answer").0, 200);
    }
    assert_eq!(server.stderr.times("enclave"), 0, "{}", server.stderr.text());
    for path in ["/v1/key/list/?enclave=other", "/v1/key/list/?a=b&enclave=other"] {
        assert_eq!(admin.call("GET", path).expect("an answer").0, 200);
    }
    let answer = admin.begin("GET /v1/key/list/ HTTP/1.1\r\nHost: h\r\nKes-Enclave: other\r\n\r\n");
    assert_eq!(answer.and_then(|mut exchange| exchange.read_one()).expect("an answer").0, 200);
    server.signal(rustix::process::Signal::TERM);
    let end = server.end();
    let warnings = end.stderr.lines().filter(|line| line.contains("level=WARN msg=\"a client has selected an enclave"));
    assert_eq!(warnings.count(), 1, "{}", end.stderr);
}
