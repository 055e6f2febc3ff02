//! The error log of the whole test binary, kept so that tests find the lines of their own keys.

use kes::server::log::Level;

#[path = "../shared/kept_log.rs"]
mod kept;

/// Begins to keep the log, if nobody has.
pub fn keep() {
    kept::keep(Level::INFO, || {});
}

/// The lines that contain `text`, which should be of the test's own.
pub fn lines_with(text: &str) -> Vec<String> {
    kept::lines().into_iter().filter(|line| line.contains(text)).collect()
}
