//! A wall clock that jumps: what lasts for a time lasts as long as before, and what tells the time tells the new one.
//!
//! The clock is set by a library that stands between the server and the system (Debian: `faketime`). It leaves the clock
//! alone that only ever goes forward.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use kes_core::Timestamp;
use serde_json::Value;

use crate::client::Client;
use crate::program::{Program, command};
use crate::site::Site;

const DAY: i64 = 24 * 3600;
const YEAR: i64 = 365 * DAY;

/// What a wall clock may be off when it is compared to ours, in seconds.
const LEEWAY: i64 = 60;

/// The library, if there is one. `scripts/test` sees to it that there is one.
fn library() -> Option<String> {
    match Command::new("faketime").args(["-m", "-f", "+0", "printenv", "LD_PRELOAD"]).output() {
        Ok(output) => Some(String::from_utf8(output.stdout).expect("a path").trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("left out: clocks that jump, since faketime is not installed (Debian: faketime)");
            None
        }
        Err(error) => panic!("faketime: {error}"),
    }
}

/// A server, and the file that says how far its wall clock is off.
struct Jumping {
    // Before the directory that it uses.
    server: Program,
    site: Site,
    clock: PathBuf,
}

impl Jumping {
    fn start(library: &str) -> Self {
        let site = Site::new();
        let clock = site.path("clock");
        fs::write(&clock, "+0").expect("written");
        site.configure(&format!(
            "{}log: {{file: {{audit: {{path: {}}}}}}}\napi: {{/v1/key/encrypt/: {{timeout: 1s}}, /v1/key/hmac/: {{timeout: 1h}}}}\n\
             cache: {{expiry: {{any: 1h, unused: 1h}}}}\n",
            site.least(),
            site.path("audit.log").display(),
        ));
        let mut command = command(site.arguments());
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &clock);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
        Self { server: Program::running(command), site, clock }
    }

    /// Sets the wall clock this many seconds off.
    fn jump(&self, seconds: i64) {
        // Put in place at once: the server may look at any time.
        let new = self.site.path("clock.new");
        fs::write(&new, format!("{seconds:+}")).expect("written");
        fs::rename(new, &self.clock).expect("renamed");
    }

    fn admin(&self) -> Client {
        self.site.admin(&self.server)
    }

    fn metric(&self, name: &str) -> i64 {
        let (_, metrics) = self.admin().call("GET", "/v1/metrics?format=extended").expect("an answer");
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse::<f64>().ok()).expect("a number") as i64
    }

    /// The last event of the audit file.
    fn last_event(&self, path: &str) -> Value {
        loop {
            let text = fs::read_to_string(self.site.path("audit.log")).expect("a file");
            let last = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).next_back();
            match last {
                Some(event) if event["request"]["path"] == path => return event,
                _ => std::thread::yield_now(),
            }
        }
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs().try_into().expect("a time")
}

#[test]
fn keys_stay_in_memory_and_audit_events_have_the_new_time() {
    let Some(library) = library() else { return };
    let jumping = Jumping::start(&library);
    let admin = jumping.admin();
    assert_eq!(admin.call("PUT", "/v1/key/create/my-key").expect("an answer").0, 200);
    assert_eq!(admin.call("PUT", "/v1/key/generate/my-key").expect("an answer").0, 200);
    let mut hits = jumping.metric("kes_cache_hits_total");
    for offset in [YEAR, -10 * YEAR, 0, 30 * YEAR, -YEAR] {
        // The next event of the path is to be the new one.
        assert_eq!(admin.call("GET", "/version").expect("an answer").0, 200);
        jumping.last_event("/version");
        jumping.jump(offset);
        assert_eq!(admin.call("PUT", "/v1/key/generate/my-key").expect("an answer").0, 200, "{offset} s off");
        hits += 1;
        let path = "/v1/key/generate/my-key";
        let event = jumping.last_event(path);
        let time = Timestamp::parse(event["time"].as_str().expect("text")).expect("a time").to_unix().0;
        assert!((time - now() - offset).abs() < LEEWAY, "{offset} s off: {event}");
        let lasted = event["response"]["time"].as_u64().expect("nanoseconds");
        assert!(lasted < 1_000_000_000 * LEEWAY.unsigned_abs(), "{offset} s off: {event}");
        assert_eq!(jumping.metric("kes_cache_hits_total"), hits, "{offset} s off: it was in memory");
        let (_, status) = admin.call("GET", "/v1/status").expect("an answer");
        let status: Value = serde_json::from_str(&status).expect("JSON");
        assert!(status["uptime"].as_i64().expect("seconds") < LEEWAY, "{offset} s off: {status}");
        assert_eq!(admin.call("GET", "/v1/ready").expect("an answer").0, 200);
    }
    assert_eq!(jumping.metric("kes_cache_misses_total"), 1);
}

#[test]
fn requests_have_the_time_that_they_had() {
    let Some(library) = library() else { return };
    let jumping = Jumping::start(&library);
    let admin = jumping.admin();
    assert_eq!(admin.call("PUT", "/v1/key/create/my-key").expect("an answer").0, 200);
    // One has a second, the other an hour.
    let short = admin.begin_slowly("/v1/key/encrypt/my-key", 2);
    let mut long = admin.begin_slowly("/v1/key/hmac/my-key", 2);
    jumping.jump(-YEAR);
    assert_eq!(short.answer().expect("an answer").0, 408, "it is over although the clock says that it has not begun");
    jumping.jump(YEAR);
    assert_eq!(admin.call("GET", "/v1/ready").expect("an answer").0, 200);
    long.send("{}").expect("sent");
    assert_eq!(long.answer().expect("an answer").0, 200, "it goes on although the clock says that it is over");
}

/// A certificate is valid from one date to another, so here the wall clock does count.
#[test]
fn the_end_of_the_certificate_is_where_the_clock_says() {
    let Some(library) = library() else { return };
    let jumping = Jumping::start(&library);
    let left = || jumping.metric("kes_tls_certificate_expiry_seconds") / DAY;
    let days = left();
    for (offset, sign) in [(YEAR, -1), (-YEAR, 1), (0, 1)] {
        jumping.jump(offset);
        assert!((left() - (days - offset / DAY)).abs() <= 1 && left().signum() == sign, "{offset} s off: {}", left());
        // Whether the certificate is good is for clients to say, by their own clocks.
        assert_eq!(jumping.admin().call("GET", "/v1/ready").expect("an answer").0, 200);
    }
    assert_eq!(jumping.server.stderr.times("expired on"), 0);
    jumping.jump(YEAR);
    jumping.server.reload();
    jumping.server.stderr.wait_for("expired on");
    assert_eq!(jumping.admin().call("GET", "/v1/ready").expect("an answer").0, 200);
}
