//! Policy decisions, against the obvious reading of every rule. The first line is a path; each other one is an allow rule
//! behind a `+`, or a deny rule.
#![no_main]

use kes_core::policy::Decision;
use kes_core::{Policy, Rule};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let path = lines.next().unwrap_or_default();
    let (mut allow, mut deny) = (Vec::new(), Vec::new());
    for line in lines {
        match line.strip_prefix('+') {
            Some(rule) => allow.push(rule),
            None => deny.push(line.strip_prefix('-').unwrap_or(line)),
        }
    }
    check(path, &allow, &deny);
});

fn check(path: &str, allow: &[&str], deny: &[&str]) {
    for text in allow.iter().chain(deny) {
        let rule = Rule::new(*text);
        assert_eq!(rule.matches(path), matches(text, path), "{text:?} on {path:?}");
        let (denied, expected) = (rule.denies(path), denies(text, path));
        assert!(expected || !denied, "{text:?} on {path:?}");
        assert!(denied || !expected || has_class_with_slash(text), "{text:?} on {path:?}");
        let inner = text.strip_suffix('*').unwrap_or(text);
        let had_wildcards = inner.chars().any(|c| matches!(c, '*' | '?' | '[' | '\\'));
        assert_eq!(rule.has_old_wildcards(), had_wildcards, "{text:?}");
        assert_eq!(rule.is_malformed_glob(), had_wildcards && glob(text).is_none(), "{text:?}");
    }
    let rules = |texts: &[&str]| texts.iter().map(|text| Rule::new(*text)).collect();
    let policy = Policy::new("p".parse().expect("a name"), rules(allow), rules(deny));
    let denied = deny.iter().any(|rule| Rule::new(*rule).denies(path));
    let allowed = allow.iter().any(|rule| matches(rule, path));
    match policy.decide(path) {
        Decision::Denied(rule) => assert!(denied && deny.contains(&rule.as_str()) && rule.denies(path)),
        Decision::Allowed(rule) => {
            assert!(!denied && allowed && allow.contains(&rule.as_str()) && matches(rule.as_str(), path));
        }
        Decision::NotAllowed => assert!(!denied && !allowed),
    }
}

/// A prefix before a final star, else the path itself; a list without its slash means the list with it.
fn matches(rule: &str, path: &str) -> bool {
    if rule.is_empty() {
        return false;
    }
    let is_bare_list = ["/v1/key/list", "/v1/policy/list", "/v1/identity/list"].contains(&rule);
    match rule.strip_suffix('*') {
        Some(prefix) => path.get(..prefix.len()) == Some(prefix),
        None => rule == path || is_bare_list && format!("{rule}/") == path,
    }
}

fn denies(rule: &str, path: &str) -> bool {
    let path_characters: Vec<char> = path.chars().collect();
    matches(rule, path) || glob(rule).is_some_and(|steps| covers(&steps, &path_characters))
}

/// Whether a class of the glob takes a slash. The old reading settles for the first place where what follows a star fits;
/// if a class has taken a slash that a later star cannot cross, it misses what another place would give.
fn has_class_with_slash(rule: &str) -> bool {
    glob(rule).unwrap_or_default().iter().any(|step| matches!(step, Step::Class { .. } if step.takes('/')))
}

/// What a glob asks for, character by character.
enum Step {
    Run,
    Any,
    Literal(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Step {
    /// Whether the step takes this one character.
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Run => false,
            Self::Any => c != '/',
            Self::Literal(literal) => c == *literal,
            Self::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

/// The steps of a glob, or `None` if it is malformed.
fn glob(pattern: &str) -> Option<Vec<Step>> {
    let mut rest = pattern.chars().peekable();
    let mut steps = Vec::new();
    while let Some(c) = rest.next() {
        steps.push(match c {
            '*' => Step::Run,
            '?' => Step::Any,
            '\\' => Step::Literal(rest.next()?),
            '[' => {
                let negated = rest.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while ranges.is_empty() || rest.next_if_eq(&']').is_none() {
                    let low = class_end(&mut rest)?;
                    let high = if rest.next_if_eq(&'-').is_some() { class_end(&mut rest)? } else { low };
                    ranges.push((low, high));
                }
                Step::Class { negated, ranges }
            }
            c => Step::Literal(c),
        });
    }
    Some(steps)
}

fn class_end(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        c => Some(c),
    }
}

/// Whether the steps cover the whole path. `reached[n]` says that those taken so far can cover its first `n` characters.
fn covers(steps: &[Step], path: &[char]) -> bool {
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for step in steps {
        let mut next = vec![false; path.len() + 1];
        for at in (0..=path.len()).filter(|&at| reached[at]) {
            let run = path[at..].iter().take_while(|&&c| c != '/').count();
            match (step, path.get(at)) {
                (Step::Run, _) => next[at..=at + run].fill(true),
                (step, Some(&c)) => next[at + 1] |= step.takes(c),
                (_, None) => {}
            }
        }
        reached = next;
    }
    reached[path.len()]
}
