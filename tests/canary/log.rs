//! The error log of the whole test binary at its most verbose, kept for searching.

use std::panic;

use kes::server::log::{Level, Sink};

use crate::secrets::Secrets;

#[path = "../shared/kept_log.rs"]
mod kept;

/// Below `DEBUG`: everything.
const TRACE: Level = Level(Level::DEBUG.0 - 4);

/// Begins to keep the log, if nobody has. What panics say goes to the same stream in the real program, so it is kept
/// too.
pub fn keep() {
    kept::keep(TRACE, || {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            kept::Kept.write_line(&panicked.to_string());
            usual(panicked);
        }));
    });
}

/// Fails if one of `secrets` is in the log, or if nothing is in the log that contains one of `expected`: then the
/// events that this is about have not happened, or are not logged any more.
#[track_caller]
pub fn assert_holds_none_of(secrets: &Secrets, expected: &[&str]) {
    let lines = kept::lines();
    for line in &lines {
        secrets.assert_absent(line, "the log");
    }
    for text in expected {
        assert!(lines.iter().any(|line| line.contains(text)), "`{text}` is not in the log:\n{}", lines.concat());
    }
}
