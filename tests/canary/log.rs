//! The error log of the whole test binary at its most verbose, kept for searching.

use std::panic;
use std::sync::{Mutex, Once, PoisonError};

use kes::server::log::{ErrorLog, Level, Sink};
use tracing_subscriber::layer::SubscriberExt;

use crate::secrets::Secrets;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Below `DEBUG`: everything.
const TRACE: Level = Level(Level::DEBUG.0 - 4);

struct Kept;

impl Sink for Kept {
    fn write_line(&self, line: &str) {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    }
}

/// Begins to keep the log, if nobody has. What panics say goes to the same stream in the real program, so it is kept
/// too.
pub fn keep() {
    static BEGIN: Once = Once::new();
    BEGIN.call_once(|| {
        let log = tracing_subscriber::registry().with(ErrorLog::new(TRACE, Kept));
        tracing::subscriber::set_global_default(log).expect("no other log in this program");
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            Kept.write_line(&panicked.to_string());
            usual(panicked);
        }));
    });
}

/// All lines so far, those of tests beside this one included.
pub fn lines() -> Vec<String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Fails if one of `secrets` is in the log, or if nothing is in the log that contains one of `expected`: then the
/// events that this is about have not happened, or are not logged any more.
#[track_caller]
pub fn assert_holds_none_of(secrets: &Secrets, expected: &[&str]) {
    let lines = lines();
    for line in &lines {
        secrets.assert_absent(line, "the log");
    }
    for text in expected {
        assert!(lines.iter().any(|line| line.contains(text)), "`{text}` is not in the log:\n{}", lines.concat());
    }
}
