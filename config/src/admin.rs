//! `admin`: who may do everything.

use kes_core::caller::Admin;

use crate::identity;
use crate::problem::shown;
use crate::report::Report;
use crate::section::Section;

/// What is written by custom where nobody shall be the administrator.
const DISABLED: &str = "disabled";

/// The administrator. Any text is accepted: what is no identity means that there is none.
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> Option<Admin> {
    let mut admin = root.section("admin", report);
    let identity = admin.required("identity", "the identity of the administrator", report).map(|written| {
        let text = identity::text(&written, report);
        if !identity::is_hash(&text) && text != DISABLED {
            report.warning(
                &written.place,
                format!("{} is no identity, so nobody is the administrator", shown(&text)),
                "write 64 hex digits as `kes identity of FILE` prints them, or `disabled` if that is meant",
            );
        }
        Admin::new(text)
    });
    admin.finish(report);
    identity
}
