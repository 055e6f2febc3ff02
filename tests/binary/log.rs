//! The error log on the standard error stream.

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
