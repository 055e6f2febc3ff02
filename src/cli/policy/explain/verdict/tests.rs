use kes_core::Access;
use kes_core::caller::Admin;
use proptest::prelude::*;

use super::*;

fn target(path: &str) -> Target {
    Target::read(&[path.to_owned()]).unwrap_or_else(|failure| panic!("{path}: {failure:?}"))
}

fn identity(text: &str) -> Identity {
    text.parse().expect("an identity")
}

fn policy<T: AsRef<str>>(allow: &[T], deny: &[T]) -> Policy {
    let rules = |texts: &[T]| texts.iter().map(|text| Rule::new(text.as_ref())).collect();
    Policy::new("app".parse().expect("a name"), rules(allow), rules(deny))
}

fn answer(path: &str, standing: &Standing, openness: Openness) -> Answer {
    Answer::new(&target(path), Some(&identity("user")), standing, openness)
}

#[test]
fn the_rule_that_decides_is_named_with_its_reading() {
    for (allow, deny, path, allowed, effect, reading) in [
        ("/v1/status", "/a", "/v1/status", true, "allow", "exact"),
        ("/v1/key/create/a*", "/a", "/v1/key/create/ab", true, "allow", "prefix"),
        ("/v1/key/*", "/v1/key/create/a", "/v1/key/create/a", false, "deny", "exact"),
        ("/v1/key/*", "/v1/key/create/*", "/v1/key/create/a", false, "deny", "prefix"),
        ("/v1/key/*", "/v1/key/*/a", "/v1/key/create/a", false, "deny", "historic"),
        ("/v1/key/list", "/a", "/v1/key/list/*", true, "allow", "exact"),
        ("/v1/*", "/v1/log/audit", "/v1/log/audit/trace", false, "deny", "exact"),
    ] {
        let answer = answer(path, &Standing::Bound(policy(&[allow], &[deny])), Openness::Closed);
        assert_eq!(answer.allowed, allowed, "{path}");
        let rule = answer.rule.expect("a rule decided");
        let expected = if allowed { allow } else { deny };
        assert_eq!((rule.effect, rule.rule.as_str(), rule.reading), (effect, expected, reading), "{path}");
        assert!(answer.hint.is_none() && !answer.reason.is_empty());
    }
}

#[test]
fn a_rule_that_is_missing_is_spelled_out() {
    let bound = Standing::Bound(policy(&["/v1/key/*/old"], &[]));
    let missing = answer("/v1/key/create/old", &bound, Openness::Closed);
    assert!(!missing.allowed && missing.reason.contains("`/v1/key/*/old` did until November 2023"));
    let hint = "add `/v1/key/create/old` to `policy.app.allow`, or `/v1/key/create/*` for all names";
    assert_eq!(missing.hint.as_deref(), Some(hint));
    let status = answer("/v1/status", &bound, Openness::Closed);
    assert_eq!(status.hint.as_deref(), Some("add `/v1/status` to `policy.app.allow`"));
}

#[test]
fn who_somebody_is_may_decide_without_a_rule() {
    for (path, standing, openness, allowed) in [
        ("/version", Standing::Unknown, Openness::Closed, true),
        ("/v1/identity/self/describe", Standing::Unknown, Openness::Closed, true),
        ("/v1/ready", Standing::Unknown, Openness::Open, true),
        ("/v1/ready", Standing::Unknown, Openness::Closed, false),
        ("/v1/ready", Standing::Admin, Openness::Closed, true),
        ("/v1/key/delete/a", Standing::Admin, Openness::Closed, true),
        ("/v1/key/delete/a", Standing::Proxy, Openness::Closed, false),
        ("/v1/identity/self/describe", Standing::Proxy, Openness::Closed, false),
    ] {
        let answer = answer(path, &standing, openness);
        assert_eq!((answer.allowed, answer.rule.is_none()), (allowed, true), "{path} {standing:?}");
    }
    let denied = answer("/v1/ready", &Standing::Unknown, Openness::Unknown);
    assert!(denied.reason.contains("unless `api./v1/ready.skip_auth` is on"), "{}", denied.reason);
}

#[test]
fn people_get_lines_and_programs_an_object() {
    let standing = Standing::Bound(policy(&["/v1/key/create/a*"], &[]));
    let answer = answer("/v1/key/create/ab", &standing, Openness::Closed);
    let expected = "\
Allowed     /v1/key/create/ab
Identity    user
Policy      app
Rule        allow /v1/key/create/a*
Reason      the rule matches what begins with `/v1/key/create/a`, and no deny rule matches
";
    assert_eq!(answer.describe(Style::Plain), expected);
    assert_eq!(
        serde_json::to_string(&answer).expect("JSON"),
        "{\"allowed\":true,\"path\":\"/v1/key/create/ab\",\"identity\":\"user\",\"policy\":\"app\",\"rule\":{\"effect\":\
         \"allow\",\"rule\":\"/v1/key/create/a*\",\"reading\":\"prefix\"},\"reason\":\"the rule matches what begins with \
         `/v1/key/create/a`, and no deny rule matches\"}"
    );
}

/// Rules and paths that have something to do with one another.
fn rule() -> impl Strategy<Value = String> {
    prop_oneof![
        "/v1/key/(create|list|delete)(/[ab*?]{0,2})?",
        "/v1/(key|\\*|log)/(\\*|list|audit|error)(/(\\*|a|trace))?",
        "(/v1/status|/v1/log/\\*|/v1/\\*|\\*)",
    ]
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        "/v1/key/(create|list|delete)/[ab]{1,2}[*]?",
        "/v1/key/list(/|/\\*)?",
        "/v1/log/(audit|error)(/trace)?",
        "/v1/status",
    ]
}

proptest! {
    /// What the server does with the same request is [`Question::admit`](kes::server::authorize::Question::admit).
    #[test]
    fn the_answer_is_that_of_the_server(
        allow in prop::collection::vec(rule(), 0..4),
        deny in prop::collection::vec(rule(), 0..3),
        path in path(),
        who in "(admin|user|nobody)",
    ) {
        let (target, who, policy) = (target(&path), identity(&who), policy(&allow, &deny));
        let access = Access::new(Admin::new("admin"), vec![(policy, vec![identity("user")])]).expect("one role each");
        let standing = match access.policy_of(&who) {
            _ if access.admin().is(&who) => Standing::Admin,
            Some(policy) => Standing::Bound(policy.clone()),
            None => Standing::Unknown,
        };
        let admitted = target.question().admit(&access, &who).is_ok();
        prop_assert_eq!(Answer::new(&target, Some(&who), &standing, Openness::Closed).allowed, admitted);
    }
}
