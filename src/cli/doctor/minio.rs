//! What MinIO needs of a policy (specification: `clients.md` §1.4).

use std::fmt::Write as _;

use kes_core::policy::Decision;
use kes_core::{Identity, KeyName, Policy, Rule};

use super::finding::Finding;

/// How much MinIO needs a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Without it no object is written or read.
    Always,
    /// Without it something does not work.
    Often,
    /// Without it hardly anybody notices.
    Rarely,
}

/// A route; the name of a key follows where it ends in a slash, unless it lists.
struct Route {
    path: &'static str,
    need: Need,
    /// What for.
    use_: &'static str,
}

const LIST: &str = "/v1/key/list/";

const ROUTES: [Route; 8] = [
    Route { path: "/v1/key/generate/", need: Need::Always, use_: "to write, and to be ready" },
    Route { path: "/v1/key/decrypt/", need: Need::Always, use_: "to read" },
    Route { path: "/v1/key/create/", need: Need::Often, use_: "to start for the first time" },
    Route { path: LIST, need: Need::Often, use_: "for `mc admin kms key list`" },
    Route { path: "/v1/status", need: Need::Often, use_: "for `mc admin info`, and MinIO of 2023 to be ready" },
    Route { path: "/v1/key/describe/", need: Need::Rarely, use_: "for its ping" },
    Route { path: "/v1/api", need: Need::Rarely, use_: "for its KMS API" },
    Route { path: "/v1/key/hmac/", need: Need::Rarely, use_: "for root credentials made from the key" },
];

/// Keys that a policy is about: one of them, and the end of a rule for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Keys {
    example: String,
    pattern: String,
}

impl Route {
    fn takes_key(&self) -> bool {
        self.path.ends_with('/') && self.path != LIST
    }

    /// The path of a request for this key.
    fn path_for(&self, key: &str) -> String {
        if self.takes_key() { format!("{}{key}", self.path) } else { self.path.to_owned() }
    }

    /// The rule that allows it.
    fn rule_for(&self, pattern: &str) -> String {
        match self.path {
            LIST => format!("{LIST}*"),
            _ => self.path_for(pattern),
        }
    }
}

/// Whether the policy allows what MinIO needs, for `key` or for the keys that it seems to be about.
pub(super) fn finding(policy: &Policy, key: Option<&str>) -> Finding {
    let keys = key.map_or_else(|| keys_of(policy), |key| Keys { example: key.to_owned(), pattern: key.to_owned() });
    let allowed = |route: &Route| matches!(policy.decide(&route.path_for(&keys.example)), Decision::Allowed(_));
    let missing = |need: Need| ROUTES.iter().filter(move |route| route.need == need && !allowed(route));
    let name = policy.name();
    let whose = format!("`{name}`, asked for the key `{}`,", keys.example);
    let wanted: Vec<&Route> = missing(Need::Always).chain(missing(Need::Often)).collect();
    if wanted.is_empty() {
        let rare: Vec<String> = missing(Need::Rarely).map(|route| format!("{} ({})", route.path, route.use_)).collect();
        let but =
            if rare.is_empty() { String::new() } else { format!(", but for what is rarely used: {}", rare.join(", ")) };
        return Finding::ok("policy", format!("{whose} allows what MinIO needs{but}"));
    }
    let told: Vec<String> = wanted.iter().map(|route| format!("{} ({})", route.path, route.use_)).collect();
    let told = format!("{whose} does not allow {}", told.join(", "));
    let hint = cure(policy, &wanted, &keys);
    // Not everybody with a policy is a MinIO server: one that makes or opens no data keys is somebody else.
    let is_minio = key.is_some() || ROUTES[..3].iter().any(allowed);
    if is_minio && missing(Need::Always).next().is_some() {
        Finding::problem("policy", told, hint)
    } else {
        Finding::warning("policy", told, format!("if this is a MinIO server: {hint}"))
    }
}

fn cure(policy: &Policy, wanted: &[&Route], keys: &Keys) -> String {
    let (mut add, mut narrow) = (Vec::new(), Vec::new());
    for route in wanted {
        match policy.decide(&route.path_for(&keys.example)) {
            Decision::Denied(rule) => narrow.push(rule.as_str()),
            _ => add.push(route.rule_for(&keys.pattern)),
        }
    }
    narrow.dedup();
    let mut text = String::new();
    // Writing to a string does not fail.
    if !narrow.is_empty() {
        let _ = write!(text, "narrow or remove the deny rule {}", narrow.join(", "));
    }
    if !add.is_empty() {
        let and = if text.is_empty() { "" } else { "; and " };
        let _ = write!(text, "{and}add to `policy.{}.allow` of the server's configuration:", policy.name());
    }
    for rule in add {
        let _ = write!(text, "\n- {rule}");
    }
    text
}

/// The keys for which the policy allows most of what is needed, most needed first.
fn keys_of(policy: &Policy) -> Keys {
    let score = |keys: &Keys| -> usize {
        let weight = |need| match need {
            Need::Always => ROUTES.len(),
            Need::Often | Need::Rarely => 1,
        };
        let allowed = |route: &&Route| matches!(policy.decide(&route.path_for(&keys.example)), Decision::Allowed(_));
        ROUTES.iter().filter(allowed).map(|route| weight(route.need)).sum()
    };
    let any = Keys { example: "my-key".to_owned(), pattern: "*".to_owned() };
    let better = |best: Keys, keys: Keys| if score(&keys) > score(&best) { keys } else { best };
    let candidates = policy.allow().iter().filter_map(keys_of_rule);
    candidates.chain([any.clone()]).reduce(better).unwrap_or(any)
}

fn keys_of_rule(rule: &Rule) -> Option<Keys> {
    let route = ROUTES.iter().find(|route| route.takes_key() && rule.as_str().starts_with(route.path))?;
    let pattern = rule.as_str().strip_prefix(route.path)?.to_owned();
    let prefix = pattern.strip_suffix('*').unwrap_or(&pattern);
    let names = [prefix.to_owned(), format!("{prefix}key")];
    let example = names.into_iter().find(|name| name.parse::<KeyName>().is_ok())?;
    Some(Keys { example, pattern })
}

/// What to add to a configuration, so that this identity can be that of a MinIO server.
pub(super) fn lines_for(identity: &Identity, key: Option<&str>) -> String {
    let mut text = "add it to `identities` of a policy in the server's configuration, or add there:\n\
                    policy:\n  minio:\n    allow:\n"
        .to_owned();
    for route in ROUTES.iter().filter(|route| route.path != "/v1/key/hmac/") {
        let _ = writeln!(text, "    - {}", route.rule_for(key.unwrap_or("*")));
    }
    let _ = write!(text, "    identities:\n    - {identity}\nand let it load that with SIGHUP");
    text
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn policy(allow: &[&str], deny: &[&str]) -> Policy {
        let rules = |texts: &[&str]| texts.iter().map(|&text| Rule::new(text)).collect();
        Policy::new("app".parse().expect("a name"), rules(allow), rules(deny))
    }

    const ALL: &[&str] =
        &["/v1/key/create/my-*", "/v1/key/generate/my-*", "/v1/key/decrypt/my-*", "/v1/key/list/*", "/v1/status"];

    #[test]
    fn what_minio_needs_is_looked_for_among_the_keys_of_the_policy() {
        let found = finding(&policy(ALL, &[]), None);
        assert_eq!(found.state, State::Ok);
        assert!(
            found.message.starts_with("`app`, asked for the key `my-key`, allows what MinIO needs, but for"),
            "{found:?}"
        );
        assert_eq!(
            finding(&policy(&["*"], &[]), None).message,
            "`app`, asked for the key `my-key`, allows what MinIO needs"
        );
        let exact =
            ["/v1/key/create/minio", "/v1/key/generate/minio", "/v1/key/decrypt/minio", "/v1/key/list/", "/v1/status"];
        assert_eq!(finding(&policy(&exact, &[]), None).state, State::Ok);
        assert_eq!(finding(&policy(ALL, &[]), Some("my-bucket")).state, State::Ok);
        assert_eq!(finding(&policy(ALL, &[]), Some("other")).state, State::Problem);
    }

    #[test]
    fn rules_that_are_missing_are_written_as_they_should_be() {
        let found = finding(&policy(&ALL[..2], &[]), None);
        assert_eq!(found.state, State::Problem);
        let hint = "add to `policy.app.allow` of the server's configuration:\n- /v1/key/decrypt/my-*\n- /v1/key/list/*\n- /v1/status";
        assert_eq!(found.hint.as_deref(), Some(hint));
        let found = finding(&policy(&ALL[..4], &[]), None);
        assert_eq!(found.state, State::Warning, "it works but for the status");
    }

    #[test]
    fn keys_that_can_be_sealed_and_not_opened_are_not_enough() {
        let found = finding(&policy(&["/v1/key/generate/a*", "/v1/key/decrypt/b*"], &[]), None);
        assert_eq!(found.state, State::Problem);
    }

    #[test]
    fn a_deny_rule_is_named() {
        let found = finding(&policy(ALL, &["/v1/key/decrypt/*", "/v1/status"]), None);
        assert_eq!(found.state, State::Problem);
        assert_eq!(found.hint.as_deref(), Some("narrow or remove the deny rule /v1/key/decrypt/*, /v1/status"));
    }

    #[test]
    fn somebody_who_only_watches_is_not_taken_for_minio() {
        for rules in [&["/v1/metrics"][..], &[], &["/v1/key/list/*", "/v1/status"]] {
            assert_eq!(finding(&policy(rules, &[]), None).state, State::Warning, "{rules:?}");
        }
    }

    #[test]
    fn the_lines_for_a_stranger_are_enough() {
        let identity: Identity = "stranger".parse().expect("an identity");
        let text = lines_for(&identity, None);
        let rules: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    - /")).collect();
        let rules: Vec<String> = rules.iter().map(|rule| format!("/{rule}")).collect();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        assert_eq!(finding(&policy(&rules, &[]), Some("any-key")).state, State::Ok);
        assert!(text.contains("\n    identities:\n    - stranger\n"), "{text}");
    }
}
