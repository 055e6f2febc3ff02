//! `shutdown`: how the server ends.

use std::time::Duration;

use crate::report::Report;
use crate::section::Section;

/// How long running requests may go on after SIGTERM if the file does not say.
pub const DEFAULT_SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// `shutdown.grace`.
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> Duration {
    let mut shutdown = root.section("shutdown", report);
    let grace = shutdown.duration("grace", report);
    shutdown.finish(report);
    grace.unwrap_or(DEFAULT_SHUTDOWN_GRACE)
}
