//! The error log of a whole test binary, kept for searching.

use std::sync::{Mutex, Once, PoisonError};

use kes::server::log::{ErrorLog, Level, Sink};
use tracing_subscriber::layer::SubscriberExt;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Takes lines as the server's stderr would.
pub struct Kept;

impl Sink for Kept {
    fn write_line(&self, line: &str) {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    }
}

/// Keeps the log from `threshold` on, and does what else there is to do at the beginning; unless somebody has.
pub fn keep(threshold: Level, and: impl FnOnce()) {
    static BEGIN: Once = Once::new();
    BEGIN.call_once(|| {
        let log = tracing_subscriber::registry().with(ErrorLog::new(threshold, Kept));
        tracing::subscriber::set_global_default(log).expect("no other log in this program");
        and();
    });
}

/// All lines so far, those of tests beside this one included.
pub fn lines() -> Vec<String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
