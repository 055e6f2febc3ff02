//! What a test logs.

use std::sync::{Arc, Mutex, OnceLock};

use kes::server::log::{ErrorLog, Level, Sink};
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

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
        // With one subscriber in the program, whether an event is of interest would be asked of whichever thread meets
        // it first, and that of another test has none.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(tracing_subscriber::registry()));
        let lines = Self::default();
        let log = tracing_subscriber::registry().with(ErrorLog::new(level, lines.clone()));
        (lines, tracing::subscriber::set_default(log))
    }

    /// What was logged so far.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").clone()
    }
}
