//! Identities as operators write them.

use kes_core::Identity;

use crate::problem::{Wrong, shown};
use crate::report::Report;
use crate::section::Text;

/// The text of an identity. Upper-case hex digits are an identity too: lower-cased, with a warning (decision 31).
pub(crate) fn text(written: &Text, report: &mut Report<'_>) -> String {
    let lower = written.value.to_ascii_lowercase();
    if lower == *written.value || !is_hash(&lower) {
        return written.value.to_string();
    }
    report.warning(
        &written.place,
        format!("the identity {} has upper-case digits", shown(&written.value)),
        "identities are lower-case: it is read as such",
    );
    lower
}

/// An identity of a policy or a proxy.
pub(crate) fn identity(written: &Text, report: &mut Report<'_>) -> Option<Identity> {
    let text = text(written, report);
    let wrong = |_| {
        Wrong::new(
            format!("the identity {} is empty, too long or contains invalid characters", shown(&text)),
            "write what `kes identity of FILE` prints; one list item for each identity",
        )
    };
    text.parse().map_err(|error| report.wrong(&written.place, wrong(error))).ok()
}

/// Whether the text is a possible identity of a certificate: 64 lower-case hex digits.
pub(crate) fn is_hash(text: &str) -> bool {
    text.parse::<Identity>().is_ok_and(|identity| identity.is_hash())
}
