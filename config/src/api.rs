//! `api`: overrides of single routes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::nearest::nearest;
use crate::problem::shown;
use crate::report::{Place, Report};
use crate::scalar;
use crate::section::Section;
use crate::tree::{Entry, Node, Value};

/// The paths of all APIs. One that ends in `/` takes a name or a pattern behind it.
pub const PATHS: [&str; 22] = [
    "/version",
    "/v1/ready",
    "/v1/status",
    "/v1/metrics",
    "/v1/api",
    "/v1/key/create/",
    "/v1/key/import/",
    "/v1/key/describe/",
    "/v1/key/list/",
    "/v1/key/delete/",
    "/v1/key/generate/",
    "/v1/key/encrypt/",
    "/v1/key/decrypt/",
    "/v1/key/hmac/",
    "/v1/policy/describe/",
    "/v1/policy/read/",
    "/v1/policy/list/",
    "/v1/identity/describe/",
    "/v1/identity/list/",
    "/v1/identity/self/describe",
    "/v1/log/error",
    "/v1/log/audit",
];

/// Further paths of some APIs, from releases up to v0.17. Requests and rules may name them.
pub const HISTORIC_PATHS: [&str; 2] = ["/v1/log/error/trace", "/v1/log/audit/trace"];

/// The APIs that may be called without a certificate, if the operator wishes (decision 7).
pub const SKIP_AUTH_PATHS: [&str; 4] = ["/v1/ready", "/v1/status", "/v1/metrics", "/v1/api"];

/// What is different about one API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiSettings {
    /// Whether anyone who reaches the port may call it. Then no API demands a certificate in the handshake.
    pub skip_auth: bool,
    /// The limit of a whole request; `None`: the API's own.
    pub timeout: Option<Duration>,
}

/// The overrides by canonical path, one of [`PATHS`].
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> BTreeMap<String, ApiSettings> {
    let section = root.section("api", report);
    let mut settings = BTreeMap::new();
    for (place, entry) in section.entries().filter(|(_, entry)| !entry.key.starts_with("x-")) {
        let Some(path) = canonical(&entry.key) else {
            unknown(&place, entry, report);
            continue;
        };
        let mut api = Section::of_node(place.clone(), &entry.node, report);
        let skip_auth = api.boolean("skip_auth", report).unwrap_or(false);
        let timeout = api.duration("timeout", report).filter(|timeout| !timeout.is_zero());
        api.finish(report);
        if skip_auth && !SKIP_AUTH_PATHS.contains(&path) {
            let message = format!("{} cannot skip authentication", shown(path));
            report.error(&place, message, format!("only {} can", SKIP_AUTH_PATHS.join(", ")));
        }
        if settings.insert(path.to_owned(), ApiSettings { skip_auth, timeout }).is_some() {
            report.error(&place, format!("{} stands here twice", shown(path)), "remove one of the two spellings");
        }
    }
    settings
}

/// The path as [`PATHS`] has it: slashes at either end and blanks around it make no difference.
fn canonical(written: &str) -> Option<&'static str> {
    let bare = |path: &'static str| path.trim_matches('/');
    PATHS.into_iter().find(|path| bare(path) == written.trim().trim_matches('/'))
}

/// A path that no API has does nothing; that somebody relies on its `skip_auth` must not pass (decision 26).
fn unknown(place: &Place, entry: &Entry, report: &mut Report<'_>) {
    let hint = match nearest(&entry.key, &PATHS) {
        Some(path) => format!("did you mean `{path}`?"),
        None => "the APIs are listed by `GET /v1/api`".to_owned(),
    };
    let message = format!("there is no API {}", shown(&entry.key));
    if skips_auth(&entry.node, report) {
        report.error(place, format!("{message}, so it cannot skip authentication"), hint);
    } else {
        report.warning(place, format!("{message}: ignored"), hint);
    }
}

fn skips_auth(node: &Node, report: &Report<'_>) -> bool {
    let Value::Map(entries) = &node.value else { return false };
    entries.iter().any(|entry| match &entry.node.value {
        Value::Text(text) if entry.key == "skip_auth" => {
            let text = crate::environment::substitute(text, report.environment);
            text.is_ok_and(|text| scalar::boolean(&text) == Ok(true))
        }
        _ => false,
    })
}
