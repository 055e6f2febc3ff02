//! The error log of the whole test binary, kept so that tests find the lines of their own keys.

use std::sync::{Mutex, Once, PoisonError};

use kes::server::log::{ErrorLog, Level, Sink};
use tracing_subscriber::layer::SubscriberExt;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Kept;

impl Sink for Kept {
    fn write_line(&self, line: &str) {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    }
}

/// Begins to keep the log, if nobody has.
pub fn keep() {
    static BEGIN: Once = Once::new();
    BEGIN.call_once(|| {
        let log = tracing_subscriber::registry().with(ErrorLog::new(Level::INFO, Kept));
        tracing::subscriber::set_global_default(log).expect("no other log in this program");
    });
}

/// The lines that contain `text`, which should be of the test's own.
pub fn lines_with(text: &str) -> Vec<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().filter(|line| line.contains(text)).cloned().collect()
}
