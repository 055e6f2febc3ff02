//! What an identity may call: rules over request paths, and the one function that decides.
//!
//! A rule is an exact path, or a prefix if it ends in `*`. Any text is accepted as a rule. A deny rule also matches in
//! the reading of releases before November 2023, where `*`, `?` and `[a-z]` are wildcards within one path segment:
//! otherwise an old deny rule would silently stop denying (specification: `server-api.md` §3.4, decision 6).

use crate::glob::{glob, is_glob};
use crate::name::PolicyName;

/// Whether a rule permits or refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The rule permits.
    Allow,
    /// The rule refuses, whatever others permit.
    Deny,
}

impl Effect {
    /// `allow` or `deny`, as configurations have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// How a rule is read where it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The rule is the path.
    Exact,
    /// The rule ends in `*`, and the path begins with the rest.
    Prefix,
    /// Only the shell pattern that the rule was before November 2023 matches. Deny rules alone are read so.
    Historic,
}

/// One line of a policy's `allow` or `deny` list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule(String);

impl Rule {
    /// A rule, from any text. The empty text matches nothing.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The rule as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the rule matches in today's reading: the same path, or a prefix if it ends in `*`.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => !self.0.is_empty() && (self.0 == path || self.lists_everything(path)),
        }
    }

    /// Whether the rule matches as a deny rule: in today's reading or in the old one.
    #[must_use]
    pub fn denies(&self, path: &str) -> bool {
        self.matches(path) || self.matched_once(path)
    }

    /// How the rule matches a path, if it does. Today's reading counts before the old one.
    #[must_use]
    pub fn reading(&self, effect: Effect, path: &str) -> Option<Reading> {
        match effect {
            _ if self.matches(path) && self.0.ends_with('*') => Some(Reading::Prefix),
            _ if self.matches(path) => Some(Reading::Exact),
            Effect::Deny if self.matched_once(path) => Some(Reading::Historic),
            Effect::Allow | Effect::Deny => None,
        }
    }

    /// Whether the rule matched before November 2023, as a shell pattern.
    #[must_use]
    pub fn matched_once(&self, path: &str) -> bool {
        glob(self.0.as_bytes(), path.as_bytes()) == Some(true)
    }

    /// Whether this rule matches every path that `other` does, both in today's reading.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => other.0.strip_suffix('*').unwrap_or(&other.0).starts_with(prefix),
            None => self.0 == other.0,
        }
    }

    /// Whether the rule has characters that were wildcards once and are ordinary now.
    #[must_use]
    pub fn has_old_wildcards(&self) -> bool {
        self.0.strip_suffix('*').unwrap_or(&self.0).contains(['*', '?', '[', '\\'])
    }

    /// Whether the old reading of this rule is malformed, so that it only has today's.
    #[must_use]
    pub fn is_malformed_glob(&self) -> bool {
        self.has_old_wildcards() && !is_glob(self.0.as_bytes())
    }

    /// The literal rule `/v1/key/list` covers the listing of everything, which is authorised as `/v1/key/list/`
    /// (decision 5).
    fn lists_everything(&self, path: &str) -> bool {
        path.strip_suffix('/').is_some_and(|path| {
            path == self.0 && matches!(path, "/v1/key/list" | "/v1/policy/list" | "/v1/identity/list")
        })
    }
}

/// A named set of rules.
#[derive(Clone, Debug)]
pub struct Policy {
    name: PolicyName,
    allow: Vec<Rule>,
    deny: Vec<Rule>,
}

/// What a policy says of a path, and which rule said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// An allow rule matches and no deny rule does.
    Allowed(&'a Rule),
    /// A deny rule matches.
    Denied(&'a Rule),
    /// No rule matches.
    NotAllowed,
}

impl Policy {
    /// A policy. Rules are kept sorted and once each.
    #[must_use]
    pub fn new(name: PolicyName, mut allow: Vec<Rule>, mut deny: Vec<Rule>) -> Self {
        for rules in [&mut allow, &mut deny] {
            rules.sort_unstable();
            rules.dedup();
        }
        Self { name, allow, deny }
    }

    /// The policy's name.
    #[must_use]
    pub fn name(&self) -> &PolicyName {
        &self.name
    }

    /// The allow rules, sorted bytewise.
    #[must_use]
    pub fn allow(&self) -> &[Rule] {
        &self.allow
    }

    /// The deny rules, sorted bytewise.
    #[must_use]
    pub fn deny(&self) -> &[Rule] {
        &self.deny
    }

    /// Decides on a percent-decoded path without query: deny first, then allow, else no.
    #[must_use]
    pub fn decide(&self, path: &str) -> Decision<'_> {
        if let Some(rule) = self.deny.iter().find(|rule| rule.denies(path)) {
            return Decision::Denied(rule);
        }
        self.allow.iter().find(|rule| rule.matches(path)).map_or(Decision::NotAllowed, Decision::Allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glob::tests::naive;
    use proptest::prelude::*;

    fn policy(allow: &[&str], deny: &[&str]) -> Policy {
        let rules = |texts: &[&str]| texts.iter().map(|&text| Rule::new(text)).collect();
        Policy::new("p".parse().expect("a name"), rules(allow), rules(deny))
    }

    /// The table of `server-api.md` §3.4.
    #[test]
    fn rules_of_the_specification() {
        for (rule, path, matches) in [
            ("/v1/key/create/my-*", "/v1/key/create/my-key", true),
            ("/v1/key/create/my-*", "/v1/key/create/my-", true),
            ("/v1/key/create/my-*", "/v1/key/create/my-a/b", true),
            ("/v1/key/create/my-key", "/v1/key/create/my-key2", false),
            ("/v1/key/*/my-key", "/v1/key/create/my-key", false),
            ("/v1/key/list/*", "/v1/key/list/", true),
            ("/v1/status", "/v1/status", true),
            ("*", "/anything", true),
            ("", "", false),
            ("", "/v1/status", false),
            ("/v1/key/list", "/v1/key/list/", true),
            ("/v1/key/list/", "/v1/key/list/", true),
            ("/v1/key/list", "/v1/key/list/my", false),
            ("/v1/key/create", "/v1/key/create/", false),
        ] {
            assert_eq!(Rule::new(rule).matches(path), matches, "{rule} on {path}");
        }
    }

    #[test]
    fn an_old_deny_rule_goes_on_denying() {
        let policy = policy(&["/v1/key/*"], &["/v1/key/*/my-key-internal*"]);
        assert!(matches!(policy.decide("/v1/key/create/my-key-internal2"), Decision::Denied(_)));
        assert!(matches!(policy.decide("/v1/key/create/my-key"), Decision::Allowed(_)));
        assert!(matches!(policy.decide("/v1/status"), Decision::NotAllowed));
    }

    #[test]
    fn old_wildcards_never_allow() {
        assert!(matches!(policy(&["/v1/key/*/my-key"], &[]).decide("/v1/key/create/my-key"), Decision::NotAllowed));
    }

    #[test]
    fn a_rule_tells_how_it_is_read() {
        for (rule, effect, path, reading) in [
            ("/v1/status", Effect::Allow, "/v1/status", Some(Reading::Exact)),
            ("/v1/key/list", Effect::Deny, "/v1/key/list/", Some(Reading::Exact)),
            ("/v1/key/create/a*", Effect::Allow, "/v1/key/create/ab", Some(Reading::Prefix)),
            ("/v1/key/create/a*", Effect::Deny, "/v1/key/create/ab", Some(Reading::Prefix)),
            ("/v1/key/*/a*", Effect::Deny, "/v1/key/create/ab", Some(Reading::Historic)),
            ("/v1/key/*/a*", Effect::Allow, "/v1/key/create/ab", None),
            ("/v1/key/*/a*", Effect::Deny, "/v1/key/create/b", None),
        ] {
            assert_eq!(Rule::new(rule).reading(effect, path), reading, "{rule} on {path}");
        }
    }

    fn naive_prefix(rule: &str, path: &str) -> bool {
        if rule.is_empty() {
            return false;
        }
        let length = rule.len() - 1;
        if rule.as_bytes()[length] == b'*' {
            path.as_bytes().get(..length) == Some(&rule.as_bytes()[..length])
        } else {
            rule == path
        }
    }

    proptest! {
        #[test]
        fn decisions_agree_with_the_naive_model(
            allow in prop::collection::vec("[ab/*?]{0,6}", 0..4),
            deny in prop::collection::vec("[ab/*?]{0,6}", 0..4),
            path in "[ab/]{0,8}",
        ) {
            let denied = deny.iter().any(|rule| naive_prefix(rule, &path) || (naive(rule.as_bytes(), path.as_bytes())));
            let allowed = !denied && allow.iter().any(|rule| naive_prefix(rule, &path));
            let texts = |rules: &[String]| rules.iter().map(|text| Rule::new(text.clone())).collect();
            let policy = Policy::new("p".parse().expect("a name"), texts(&allow), texts(&deny));
            let decision = policy.decide(&path);
            // The empty old pattern matches the empty path, which no request has.
            prop_assume!(!path.is_empty());
            prop_assert_eq!(matches!(decision, Decision::Denied(_)), denied);
            prop_assert_eq!(matches!(decision, Decision::Allowed(_)), allowed);
        }

        #[test]
        fn a_rule_that_covers_another_matches_whatever_it_matches(
            one in "[ab*]{0,3}",
            other in "[ab*]{0,3}",
            paths in prop::collection::vec("[ab]{1,4}", 16),
        ) {
            let (one, other) = (Rule::new(one), Rule::new(other));
            for path in paths {
                prop_assert!(!one.covers(&other) || !other.matches(&path) || one.matches(&path), "{path}");
            }
        }

        #[test]
        fn the_reading_agrees_with_the_match(rule in "[ab/*?]{0,6}", path in "[ab/]{0,8}") {
            let rule = Rule::new(rule);
            prop_assert_eq!(rule.reading(Effect::Allow, &path).is_some(), rule.matches(&path));
            prop_assert_eq!(rule.reading(Effect::Deny, &path).is_some(), rule.denies(&path));
        }

        #[test]
        fn any_text_is_a_rule(rule in "\\PC{0,12}", path in "\\PC{0,12}") {
            let _ = Rule::new(rule.clone()).denies(&path);
            let _ = Rule::new(rule).is_malformed_glob();
        }
    }
}
