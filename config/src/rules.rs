//! Doubts about policy rules: any text is a rule, but some cannot do what was meant (decision 6).

use kes_core::Rule;
use kes_core::policy::Effect;

use crate::api;
use crate::nearest::nearest;
use crate::problem::shown;

/// Paths of older releases that nothing answers today. Policies in use still name them.
const HISTORIC: [&str; 10] = [
    "/v1/enclave/",
    "/v1/identity/assign/",
    "/v1/identity/delete/",
    "/v1/identity/forget/",
    "/v1/key/bulk/",
    "/v1/policy/assign/",
    "/v1/policy/delete/",
    "/v1/policy/show",
    "/v1/policy/write/",
    "/v1/secret/",
];

/// What is doubtful about a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It has wildcards of older releases, and not even those could read it: it stands for itself.
    Malformed,
    /// It has wildcards of older releases before its end. As a deny rule it still has their meaning, as an allow rule not.
    OldWildcards,
    /// It names an API that only older releases had.
    Historic,
    /// No request that an API answers matches it.
    MatchesNothing,
}

impl Doubt {
    /// What is doubtful about a rule, if anything.
    #[must_use]
    pub fn about(rule: &Rule) -> Option<Self> {
        let text = rule.as_str();
        if rule.is_malformed_glob() {
            Some(Self::Malformed)
        } else if rule.has_old_wildcards() {
            Some(Self::OldWildcards)
        } else if can_match(text) {
            None
        } else if HISTORIC.iter().any(|path| text.starts_with(path)) {
            Some(Self::Historic)
        } else {
            Some(Self::MatchesNothing)
        }
    }

    /// What is wrong with the rule, in a sentence without its end.
    #[must_use]
    pub fn message(self, rule: &Rule) -> String {
        let text = shown(rule.as_str());
        match self {
            Self::Malformed => format!("{text} was a malformed pattern and is read letter by letter"),
            Self::OldWildcards => {
                format!("{text} has wildcards of older releases, which are ordinary characters now")
            }
            Self::Historic | Self::MatchesNothing => format!("the rule {text} matches no API"),
        }
    }

    /// What to do about it, for a rule that allows or denies.
    #[must_use]
    pub fn hint(self, rule: &Rule, effect: Effect) -> String {
        let hint = match (self, effect) {
            (Self::Malformed, _) => "only one `*` at the end is a wildcard",
            (Self::OldWildcards, Effect::Allow) => {
                "only one `*` at the end is a wildcard: it allows nothing; write one rule per path"
            }
            (Self::OldWildcards, Effect::Deny) => {
                "it denies in the old reading too; write one rule per path, with `*` only at its end"
            }
            (Self::Historic, _) => "only older releases had this API; the rule can go",
            (Self::MatchesNothing, _) => return intention(rule.as_str()),
        };
        hint.to_owned()
    }
}

/// Whether some request that an API answers could match the rule.
fn can_match(rule: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(prefix) => paths().any(|path| path.starts_with(prefix) || is_below(prefix, path)),
        // The list of everything has three spellings, one of them without the slash (decision 5).
        None => paths().any(|path| match path.strip_suffix('/') {
            Some(bare) => {
                is_below(rule, path) && (rule != path || takes_no_name(path)) || rule == bare && takes_no_name(path)
            }
            None => rule == path,
        }),
    }
}

/// All paths that requests may begin with.
fn paths() -> impl Iterator<Item = &'static str> {
    api::PATHS.into_iter().chain(api::HISTORIC_PATHS)
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
    let with_version = format!("/v1/{}", rule.trim_start_matches('/'));
    if !rule.is_empty() && !rule.starts_with("/v1") && can_match(&with_version) {
        return format!("did you mean {}?", shown(&with_version));
    }
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
        let rule = Rule::new(rule);
        Doubt::about(&rule).map(|doubt| doubt.hint(&rule, effect))
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
            "/v1/log/audit/trace",
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
            ("/key/create/my-*", "did you mean `/v1/key/create/my-*`?"),
            ("v1/status", "did you mean `/v1/status`?"),
            ("/policy/show", "the APIs are listed by `GET /v1/api`"),
            ("/v1/policy/show/my-app", "only older releases had this API; the rule can go"),
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
        let malformed = Rule::new("[a");
        assert!(Doubt::about(&malformed).is_some_and(|doubt| doubt.message(&malformed).contains("malformed")));
    }
}
