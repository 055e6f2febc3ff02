//! What can be wrong with the rules of one policy.

use kes_config::api::PATHS;
use kes_config::rules::Doubt;
use kes_core::policy::{Decision, Effect};
use kes_core::{Policy, Rule};

use crate::cli::findings::Level;

/// Stands for all names: one that no rule of an operator is about.
const ANY_NAME: &str = "kes-lint-any-name";

/// Something about a policy, or about one of its rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Issue {
    pub(super) level: Level,
    pub(super) rule: Option<(Effect, Rule)>,
    pub(super) message: String,
    pub(super) hint: String,
}

impl Issue {
    fn of_policy(level: Level, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { level, rule: None, message: message.into(), hint: hint.into() }
    }

    fn of_rule(level: Level, effect: Effect, rule: &Rule, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { rule: Some((effect, rule.clone())), ..Self::of_policy(level, message, hint) }
    }
}

/// What is to be said of a policy that binds so many identities; `None`: nobody knows how many.
pub(super) fn issues(policy: &Policy, members: Option<usize>) -> Vec<Issue> {
    let mut issues = Vec::new();
    for (effect, rules) in [(Effect::Allow, policy.allow()), (Effect::Deny, policy.deny())] {
        for rule in rules {
            let doubt = Doubt::about(rule).map(|doubt| doubtful(doubt, effect, rule));
            let found = doubt.or_else(|| hidden(effect, rule, policy.deny())).or_else(|| shadowed(effect, rule, rules));
            issues.extend(found.or_else(|| broad(effect, rule)));
        }
    }
    issues.extend(membership(policy, members));
    issues.extend(wanted_by_minio(policy));
    issues
}

fn doubtful(doubt: Doubt, effect: Effect, rule: &Rule) -> Issue {
    let level = match (doubt, effect) {
        // It still denies what it did; and what is gone needs neither permission nor refusal.
        (Doubt::OldWildcards, Effect::Deny) | (Doubt::Historic, _) => Level::Warning,
        (Doubt::OldWildcards, Effect::Allow) | (Doubt::Malformed | Doubt::MatchesNothing, _) => Level::Problem,
    };
    Issue::of_rule(level, effect, rule, doubt.message(rule), doubt.hint(rule, effect))
}

/// An allow rule that a deny rule leaves nothing of.
fn hidden(effect: Effect, rule: &Rule, deny: &[Rule]) -> Option<Issue> {
    let by = deny.iter().filter(|_| effect == Effect::Allow).find(|deny| hides(deny, rule))?;
    let message = format!(
        "`{rule}` allows nothing: the deny rule `{by}` counts for more",
        rule = rule.as_str(),
        by = by.as_str()
    );
    Some(Issue::of_rule(Level::Problem, effect, rule, message, "remove one of the two, or make the deny rule narrower"))
}

/// Whether a deny rule covers all requests that an allow rule does.
fn hides(deny: &Rule, allow: &Rule) -> bool {
    match allow.as_str().strip_suffix('*') {
        _ if deny.covers(allow) => true,
        None => deny.denies(allow.as_str()),
        // A shell pattern that ends in `*` goes on to the next slash, and there is none in names.
        Some(stem) => {
            let is_in_name = PATHS.iter().any(|path| path.ends_with('/') && stem.starts_with(path));
            is_in_name && deny.as_str().ends_with('*') && !deny.as_str().ends_with("\\*") && deny.matched_once(stem)
        }
    }
}

/// A rule that another one of the same list makes superfluous.
fn shadowed(effect: Effect, rule: &Rule, rules: &[Rule]) -> Option<Issue> {
    let by = rules.iter().find(|other| *other != rule && other.covers(rule))?;
    let message = format!("`{}` changes nothing: `{}` covers it", rule.as_str(), by.as_str());
    Some(Issue::of_rule(Level::Warning, effect, rule, message, "remove it, or make the other one narrower"))
}

/// An allow rule whose `*` once ended at the next slash, and now takes in several APIs.
fn broad(effect: Effect, rule: &Rule) -> Option<Issue> {
    let stem = rule.as_str().strip_suffix('*').filter(|_| effect == Effect::Allow)?;
    let apis: Vec<&str> = PATHS.into_iter().filter(|path| path.starts_with(stem)).collect();
    let is_new = |path: &&&str| path.ends_with('/') && !rule.matched_once(&format!("{path}{ANY_NAME}"));
    let new = apis.iter().filter(is_new).count();
    if apis.len() < 2 || new == 0 {
        return None;
    }
    let more = if apis.contains(&"/v1/key/delete/") { ", importing and deleting keys among them" } else { "" };
    let message = format!(
        "`{}` allows {} APIs{more}; until November 2023 its `*` ended at the next slash, and {new} of them were not allowed",
        rule.as_str(),
        apis.len()
    );
    Some(Issue::of_rule(Level::Warning, effect, rule, message, "write one rule per API, such as `/v1/key/generate/*`"))
}

/// A policy for nobody, or with nothing in it for those that it binds.
fn membership(policy: &Policy, members: Option<usize>) -> Option<Issue> {
    match members {
        Some(0) => {
            let hint = "add identities, as `kes identity of FILE` prints them, or remove the policy";
            Some(Issue::of_policy(Level::Warning, "the policy binds no identity", hint))
        }
        Some(count) if policy.allow().is_empty() => {
            let whose = if count == 1 { "its identity".to_owned() } else { format!("its {count} identities") };
            let message = format!("the policy has no allow rule: {whose} may call nothing");
            Some(Issue::of_policy(Level::Warning, message, "add what they need to `allow`"))
        }
        _ => None,
    }
}

/// What MinIO would miss, if this is a policy for MinIO: one that allows generating and decrypting.
fn wanted_by_minio(policy: &Policy) -> Vec<Issue> {
    const GENERATE: &str = "/v1/key/generate/";
    let allows = |path: &str| matches!(policy.decide(path), Decision::Allowed(_));
    let names = policy.allow().iter().filter_map(|rule| rule.as_str().strip_prefix(GENERATE));
    let is_decrypted =
        |name: &&str| allows(&format!("/v1/key/decrypt/{}", name.strip_suffix('*').map_or((*name).to_owned(), sample)));
    let Some(name) = names.filter(|name| !name.is_empty()).find(is_decrypted) else { return Vec::new() };
    let note = |message: &str, rule: &str| {
        Issue::of_policy(Level::Note, message, format!("if it is for MinIO, add `{rule}` to `allow`"))
    };
    let mut notes = Vec::new();
    let described = format!("/v1/key/describe/{}", name.strip_suffix('*').map_or(name.to_owned(), sample));
    if !allows(&described) {
        let message = "MinIO looks at its key every ten seconds, and is refused: harmless, and noise in the logs";
        notes.push(note(message, &format!("/v1/key/describe/{name}")));
    }
    if !allows("/v1/status") {
        let message = "MinIO asks for the status, and is refused: it shows the key server as offline";
        notes.push(note(message, "/v1/status"));
    }
    notes
}

/// A name that begins like this.
fn sample(stem: &str) -> String {
    format!("{stem}{ANY_NAME}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str], deny: &[&str]) -> Policy {
        let rules = |texts: &[&str]| texts.iter().map(|&text| Rule::new(text)).collect();
        Policy::new("p".parse().expect("a name"), rules(allow), rules(deny))
    }

    /// What is said of a policy with one identity, but for notes.
    fn said(allow: &[&str], deny: &[&str]) -> Vec<(Level, String)> {
        let issues = issues(&policy(allow, deny), Some(1)).into_iter();
        issues.filter(|issue| issue.level != Level::Note).map(|issue| (issue.level, issue.message)).collect()
    }

    #[track_caller]
    fn assert_one(allow: &[&str], deny: &[&str], level: Level, message: &str) {
        let said = said(allow, deny);
        assert!(said.len() == 1 && said[0].0 == level && said[0].1.contains(message), "{said:?}");
    }

    #[test]
    fn rules_that_do_what_they_say_are_not_talked_about() {
        for allow in
            ["/v1/status", "/v1/key/create/*", "/v1/key/create/my-*", "/v1/log/*", "/v1/key/list/*", "/version"]
        {
            assert_eq!(said(&[allow], &[]), [], "{allow}");
        }
        assert_eq!(said(&["/v1/key/create/*"], &["/v1/key/create/root*", "/v1/key/delete/*"]), []);
    }

    #[test]
    fn rules_that_match_nothing_are_problems_and_historic_ones_are_not() {
        for rule in ["", "/v1/statu", "/v1/status/", "/status", "/v1/key/create", "/v1/key/*/a", "/v1/key/[a/b"] {
            assert_eq!(said(&[rule], &[]).len(), 1, "{rule}");
            assert_eq!(said(&[rule], &[])[0].0, Level::Problem, "{rule}");
        }
        for rule in ["/v1/key/bulk/decrypt/*", "/v1/policy/show/x", "/v1/identity/assign/*"] {
            assert_one(&[rule], &[], Level::Warning, "matches no API");
        }
    }

    #[test]
    fn an_old_deny_rule_works_and_a_malformed_one_does_not() {
        assert_one(&["/v1/status"], &["/v1/key/*/a"], Level::Warning, "wildcards of older releases");
        assert_one(&["/v1/status"], &["/v1/key/[a/b"], Level::Problem, "malformed");
    }

    #[test]
    fn an_allow_rule_that_is_denied_completely_is_a_problem() {
        for (allow, deny) in [
            ("/v1/key/create/my-key", "/v1/key/create/my-*"),
            ("/v1/key/create/my-*", "/v1/key/create/*"),
            ("/v1/key/create/my-*", "/v1/key/create/my-*"),
            ("/v1/status", "/v1/*"),
        ] {
            assert_one(&[allow], &[deny], Level::Problem, &format!("`{deny}` counts for more"));
        }
        // The old reading denies too.
        for (allow, deny) in [
            ("/v1/key/create/my-key", "/v1/*/create/my-key"),
            ("/v1/key/create/my-*", "/v1/*/create/my-*"),
            ("/v1/key/create/*", "/v1/*/*/*"),
        ] {
            assert!(said(&[allow], &[deny]).iter().any(|said| said.1.contains("counts for more")), "{allow} {deny}");
        }
        for (allow, deny) in [("/v1/key/*", "/v1/*/create/*"), ("/v1/key/create/*", "/v1/*/create/my-*")] {
            assert!(!said(&[allow], &[deny]).iter().any(|said| said.1.contains("counts for more")), "{allow} {deny}");
        }
    }

    #[test]
    fn a_rule_that_another_covers_is_superfluous() {
        assert_one(&["/v1/key/create/*", "/v1/key/create/my-*"], &[], Level::Warning, "`/v1/key/create/*` covers it");
        assert_one(&["/v1/status"], &["/v1/key/*", "/v1/key/create/x"], Level::Warning, "`/v1/key/*` covers it");
    }

    #[test]
    fn a_star_that_once_ended_at_a_slash_is_pointed_at() {
        assert_one(&["/v1/key/*"], &[], Level::Warning, "allows 9 APIs, importing and deleting keys among them");
        assert_one(&["/v1/policy/*"], &[], Level::Warning, "allows 3 APIs; until");
        assert_one(&["*"], &[], Level::Warning, "allows 22 APIs");
    }

    #[test]
    fn a_policy_for_nobody_and_one_without_rights_are_pointed_at() {
        let level_of = |policy: &Policy, members| issues(policy, members).first().map(|issue| issue.level);
        assert_eq!(level_of(&policy(&["/v1/status"], &[]), Some(0)), Some(Level::Warning));
        assert_eq!(level_of(&policy(&["/v1/status"], &[]), None), None);
        assert_eq!(level_of(&policy(&[], &[]), Some(2)), Some(Level::Warning));
    }

    #[test]
    fn what_minio_would_miss_is_a_note() {
        let notes = |allow: &[&str]| -> Vec<String> {
            let issues = issues(&policy(allow, &[]), Some(1)).into_iter();
            issues.filter(|issue| issue.level == Level::Note).map(|issue| issue.hint).collect()
        };
        let published = ["/v1/key/create/my-*", "/v1/key/generate/my-*", "/v1/key/decrypt/my-*"];
        assert_eq!(
            notes(&published),
            [
                "if it is for MinIO, add `/v1/key/describe/my-*` to `allow`",
                "if it is for MinIO, add `/v1/status` to `allow`"
            ]
        );
        assert_eq!(notes(&[&published[..], &["/v1/key/describe/*", "/v1/status"]].concat()), [""; 0]);
        assert_eq!(notes(&["/v1/key/generate/*"]), [""; 0], "who cannot decrypt is not MinIO");
    }
}
