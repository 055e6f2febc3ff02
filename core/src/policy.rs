//! What an identity may call: rules over request paths, and the one function that decides.
//!
//! A rule is an exact path, or a prefix if it ends in `*`. Any text is accepted as a rule. A deny rule also matches in
//! the reading of releases before November 2023, where `*`, `?` and `[a-z]` are wildcards within one path segment:
//! otherwise an old deny rule would silently stop denying (specification: `server-api.md` §3.4, decision 6).

use crate::name::PolicyName;

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
        self.matches(path) || glob(self.0.as_bytes(), path.as_bytes()) == Some(true)
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

/// What one step of a glob pattern takes from the text.
enum Step<'a> {
    /// `*`: any run without `/`, also none.
    Run,
    /// `?`, `[…]` or a literal: one character, which `accepts` decides on.
    One(One<'a>),
}

enum One<'a> {
    Any,
    Literal(u8),
    Class { negated: bool, ranges: &'a [u8] },
}

/// Whether `text` matches the shell pattern over its whole length, or `None` if the pattern is malformed.
///
/// The meaning is that of the shell-like patterns of older releases: `*` any run without `/`; `?` one character but
/// `/`; `[a-z]`, `[^a-z]`; `\c`. Paths are ASCII in every rule that matters; a `?` or class takes one UTF-8 character.
fn glob(pattern: &[u8], text: &[u8]) -> Option<bool> {
    if !is_glob(pattern) {
        return None;
    }
    // One remembered `*` is enough: a later `*` can take whatever an earlier one could have given it, as long as no
    // `/` lies between, and a literal `/` that failed to match cannot be crossed by going back further.
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if p == pattern.len() && t == text.len() {
            return Some(true);
        }
        let advanced = (p < pattern.len()).then(|| step(&pattern[p..])).flatten().and_then(|(step, used)| match step {
            Step::Run => {
                retry = Some((p + used, t));
                Some((p + used, t))
            }
            Step::One(one) => one.accepts(&text[t..]).map(|taken| (p + used, t + taken)),
        });
        match (advanced, retry) {
            (Some(next), _) => (p, t) = next,
            (None, Some((after, from))) if text.get(from).is_some_and(|&byte| byte != b'/') => {
                let from = from + character(&text[from..]);
                retry = Some((after, from));
                (p, t) = (after, from);
            }
            _ => return Some(false),
        }
    }
}

/// Whether every step of the pattern can be read.
fn is_glob(mut pattern: &[u8]) -> bool {
    while !pattern.is_empty() {
        match step(pattern) {
            Some((_, used)) => pattern = &pattern[used..],
            None => return false,
        }
    }
    true
}

/// The first step of a pattern and its length in bytes.
fn step(pattern: &[u8]) -> Option<(Step<'_>, usize)> {
    match *pattern.first()? {
        b'*' => Some((Step::Run, 1)),
        b'?' => Some((Step::One(One::Any), 1)),
        b'\\' => pattern.get(1).map(|&byte| (Step::One(One::Literal(byte)), 2)),
        b'[' => class(pattern),
        byte => Some((Step::One(One::Literal(byte)), 1)),
    }
}

/// A character class from its `[` on: at least one range, each end a character that may be escaped.
fn class(pattern: &[u8]) -> Option<(Step<'_>, usize)> {
    let negated = pattern.get(1) == Some(&b'^');
    let start = 1 + usize::from(negated);
    let mut end = start;
    while pattern.get(end) != Some(&b']') || end == start {
        end += range(&pattern[end..])?.2;
    }
    Some((Step::One(One::Class { negated, ranges: &pattern[start..end] }), end + 1))
}

/// One range of a class: low end, high end, length in bytes.
fn range(class: &[u8]) -> Option<(char, char, usize)> {
    let (low, mut used) = class_end(class)?;
    let mut high = low;
    if class.get(used) == Some(&b'-') {
        let (end, more) = class_end(&class[used + 1..])?;
        high = end;
        used += 1 + more;
    }
    Some((low, high, used))
}

/// One end of a range: a character but `-` and `]`, unless escaped.
fn class_end(class: &[u8]) -> Option<(char, usize)> {
    let escaped = usize::from(class.first() == Some(&b'\\'));
    let rest = class.get(escaped..)?;
    if escaped == 0 && matches!(rest.first(), Some(b'-' | b']')) {
        return None;
    }
    let length = character(rest);
    let character = std::str::from_utf8(rest.get(..length)?).ok()?.chars().next()?;
    Some((character, escaped + length))
}

/// The length of the first UTF-8 character, at least 1 where there is a byte.
fn character(text: &[u8]) -> usize {
    let length = match text.first() {
        None => 0,
        Some(0..=0xbf) => 1,
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(_) => 4,
    };
    length.min(text.len())
}

impl One<'_> {
    /// How many bytes of `text` this takes, if its first character is accepted.
    fn accepts(&self, text: &[u8]) -> Option<usize> {
        let first = *text.first()?;
        let length = character(text);
        match self {
            Self::Literal(byte) => (first == *byte).then_some(1),
            Self::Any => (first != b'/').then_some(length),
            Self::Class { negated, ranges } => {
                let found = std::str::from_utf8(&text[..length]).ok().and_then(|text| text.chars().next());
                let matched = found.is_some_and(|c| Ranges(ranges).any(|(low, high)| (low..=high).contains(&c)));
                (matched != *negated).then_some(length)
            }
        }
    }
}

/// The ranges of a class that was read before.
struct Ranges<'a>(&'a [u8]);

impl Iterator for Ranges<'_> {
    type Item = (char, char);

    fn next(&mut self) -> Option<(char, char)> {
        let (low, high, used) = range(self.0)?;
        self.0 = &self.0[used..];
        Some((low, high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn globs_read_as_they_once_did() {
        for (pattern, text, matches) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*", "a/b", false),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[\\-x]", "-", true),
            ("*x", "xxx", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), Some(matches), "{pattern} on {text}");
        }
        for malformed in ["[]a]", "[-]", "[x-]", "[-x]", "[", "[^", "[^bc", "a[", "[a-b-c]", "\\", "[\\"] {
            assert_eq!(glob(malformed.as_bytes(), b"x"), None, "{malformed}");
        }
    }

    /// The obvious, slow reading of a glob without classes.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => {
                naive(rest, text) || text.first().is_some_and(|&b| b != b'/') && naive(pattern, &text[1..])
            }
            [b'?', rest @ ..] => text.first().is_some_and(|&b| b != b'/') && naive(rest, &text[1..]),
            [byte, rest @ ..] => text.first() == Some(byte) && naive(rest, &text[1..]),
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
        fn any_text_is_a_rule(rule in "\\PC{0,12}", path in "\\PC{0,12}") {
            let _ = Rule::new(rule.clone()).denies(&path);
            let _ = Rule::new(rule).is_malformed_glob();
        }
    }
}
