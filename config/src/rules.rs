//! Doubts about policy rules: any text is a rule, but some cannot do what was meant (decision 6).

use kes_core::Rule;

use crate::api;
use crate::nearest::nearest;
use crate::problem::{Wrong, shown};

/// Paths of older releases that nothing answers today. Policies in use still name them.
const HISTORIC: [&str; 9] = [
    "/v1/enclave/",
    "/v1/identity/assign/",
    "/v1/identity/delete/",
    "/v1/identity/forget/",
    "/v1/key/bulk/",
    "/v1/policy/assign/",
    "/v1/policy/delete/",
    "/v1/policy/write/",
    "/v1/secret/",
];

/// Whether a rule permits or refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

impl Effect {
    /// The key of such rules in a policy.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// What is doubtful about a rule, if anything.
pub(crate) fn doubt(rule: &Rule, effect: Effect) -> Option<Wrong> {
    let text = rule.as_str();
    if rule.is_malformed_glob() {
        return Some(Wrong::new(
            format!("{} was a malformed pattern and is read letter by letter", shown(text)),
            "only one `*` at the end is a wildcard",
        ));
    }
    if rule.has_old_wildcards() {
        return Some(Wrong::new(
            format!("{} has wildcards of older releases, which are ordinary characters now", shown(text)),
            match effect {
                Effect::Allow => "only one `*` at the end is a wildcard: it allows nothing; write one rule per path",
                Effect::Deny => "it denies in the old reading too; write one rule per path, with `*` only at its end",
            },
        ));
    }
    if can_match(text) {
        return None;
    }
    let hint = if HISTORIC.iter().any(|path| text.starts_with(path)) {
        "only older releases had this API; the rule can go".to_owned()
    } else {
        intention(text)
    };
    Some(Wrong::new(format!("the rule {} matches no API", shown(text)), hint))
}

/// Whether some request that an API answers could match the rule.
fn can_match(rule: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(prefix) => api::PATHS.iter().any(|path| path.starts_with(prefix) || is_below(prefix, path)),
        // The list of everything has three spellings, one of them without the slash (decision 5).
        None => api::PATHS.iter().any(|path| match path.strip_suffix('/') {
            Some(bare) => {
                is_below(rule, path) && (rule != *path || takes_no_name(path)) || rule == bare && takes_no_name(path)
            }
            None => rule == *path,
        }),
    }
}

/// Whether `text` is a path of an API that takes a name, with a single segment in the name's place.
fn is_below(text: &str, path: &str) -> bool {
    path.ends_with('/') && text.strip_prefix(path).is_some_and(|name| !name.contains('/'))
}

/// Whether the API also answers without a name behind its last slash: only the lists do.
fn takes_no_name(path: &str) -> bool {
    path.ends_with("/list/")
}

/// What may have been meant by a rule that matches nothing.
fn intention(rule: &str) -> String {
    let bare = rule.trim_end_matches(['*', '/']);
    let named = |path: &&&str| path.strip_suffix('/').is_some_and(|path| path == bare);
    if let Some(path) = api::PATHS.iter().find(named) {
        return format!("did you mean `{path}*`?");
    }
    match nearest(rule, &api::PATHS) {
        Some(path) if path.ends_with('/') => format!("did you mean `{path}*`?"),
        Some(path) => format!("did you mean `{path}`?"),
        None => "the APIs are listed by `GET /v1/api`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(rule: &str, effect: Effect) -> Option<String> {
        doubt(&Rule::new(rule), effect).map(|wrong| wrong.hint.unwrap_or_default())
    }

    #[test]
    fn rules_that_work_raise_no_doubt() {
        for rule in [
            "*",
            "/v1/*",
            "/v1/key*",
            "/v1/key/create/my-*",
            "/v1/key/create/*",
            "/v1/key/create/my-key",
            "/v1/key/list/*",
            "/v1/key/list/",
            "/v1/key/list",
            "/v1/policy/list",
            "/v1/status",
            "/v1/log/audit",
            "/v1/identity/self/describe",
            "/version",
        ] {
            assert_eq!(hint(rule, Effect::Allow), None, "{rule}");
        }
    }

    #[test]
    fn rules_that_cannot_match_say_what_was_meant() {
        for (rule, expected) in [
            ("/v1/key/create/", "did you mean `/v1/key/create/*`?"),
            ("/v1/key/create", "did you mean `/v1/key/create/*`?"),
            ("/v1/key/generat/*", "did you mean `/v1/key/generate/*`?"),
            ("/v1/statu", "did you mean `/v1/status`?"),
            ("/v1/status/", "did you mean `/v1/status`?"),
            ("/v1/key/create/a/b", "did you mean `/v1/key/create/*`?"),
            ("", "the APIs are listed by `GET /v1/api`"),
            ("${X}", "the APIs are listed by `GET /v1/api`"),
            ("/v1/key/bulk/decrypt/*", "only older releases had this API; the rule can go"),
            ("/v1/policy/write/x", "only older releases had this API; the rule can go"),
        ] {
            assert_eq!(hint(rule, Effect::Allow).as_deref(), Some(expected), "{rule}");
        }
    }

    #[test]
    fn old_wildcards_are_explained_by_their_effect() {
        assert!(hint("/v1/key/*/my-key", Effect::Allow).is_some_and(|hint| hint.contains("allows nothing")));
        assert!(hint("/v1/key/*/my-key", Effect::Deny).is_some_and(|hint| hint.contains("denies in the old reading")));
        assert!(doubt(&Rule::new("[a"), Effect::Deny).is_some_and(|wrong| wrong.message.contains("malformed")));
    }
}
