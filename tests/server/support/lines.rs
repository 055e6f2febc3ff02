//! What a test logs.

use std::sync::{Arc, Mutex};

use kes::server::log::{ErrorLog, Level, Sink};
use tracing::subscriber::DefaultGuard;

use super::events_to;

/// Lines of the error log.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Sink for Lines {
    fn write_line(&self, line: &str) {
        self.0.lock().expect("not poisoned").push(line.to_owned());
    }
}

impl Lines {
    /// What this thread logs from now on, where the server of a test runs too.
    pub fn at(level: Level) -> (Self, DefaultGuard) {
        let lines = Self::default();
        let guard = events_to(ErrorLog::new(level, lines.clone()));
        (lines, guard)
    }

    /// What was logged so far.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").clone()
    }
}
