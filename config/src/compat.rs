//! `compat`: what only old clients need.

use crate::report::Report;
use crate::section::Section;

/// `compat.legacy_error_texts`: whether errors read as MinIO of 2021 and early 2022 expects (decision 12). Default off.
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> bool {
    let mut compat = root.section("compat", report);
    let legacy = compat.switch("legacy_error_texts", report);
    compat.finish(report);
    legacy.unwrap_or(false)
}
