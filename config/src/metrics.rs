//! `metrics`: what scrapers are told.

use crate::report::Report;
use crate::section::Section;

/// `metrics.extended`: whether the main listener offers the extended metrics. Default true.
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> bool {
    let mut metrics = root.section("metrics", report);
    let extended = metrics.boolean("extended", report);
    metrics.finish(report);
    extended.unwrap_or(true)
}
