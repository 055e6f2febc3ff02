//! The verdict on a request, and its reasons.

use std::fmt::Write as _;

use kes::server::Class;
use kes_config::api::SKIP_AUTH_PATHS;
use kes_core::policy::{Decision, Effect, Reading};
use kes_core::{Identity, Policy, Rule};
use serde::Serialize;

use super::target::Target;
use crate::cli::output::{self, Colour, Style};

/// What is known of who asks.
#[derive(Debug)]
pub(super) enum Standing {
    /// The administrator.
    Admin,
    /// A TLS proxy, which is nobody itself.
    Proxy,
    /// In no policy.
    Unknown,
    /// Bound by this policy.
    Bound(Policy),
}

/// Whether the configuration lets everybody use the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Openness {
    /// Yes.
    Open,
    /// No.
    Closed,
    /// Only the server knows.
    Unknown,
}

/// Whether a request is allowed, and why: what programs get.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// Whether it is.
    pub(super) allowed: bool,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    /// The rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Deciding>,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// A rule that decided.
#[derive(Debug, Serialize)]
struct Deciding {
    effect: &'static str,
    rule: String,
    /// `exact`, `prefix` or `historic`.
    reading: &'static str,
}

impl Answer {
    /// The answer to who asks for what.
    pub(super) fn new(target: &Target, identity: Option<&Identity>, standing: &Standing, openness: Openness) -> Self {
        let mut answer = Self {
            allowed: false,
            path: target.path().to_owned(),
            identity: identity.map(ToString::to_string),
            policy: None,
            rule: None,
            reason: String::new(),
            hint: None,
        };
        let route = target.route();
        match standing {
            _ if route.class == Class::Open => answer.allow("everybody may call it, without a certificate"),
            _ if openness == Openness::Open => {
                answer.allow(format!("everybody may call it: `api.{}.skip_auth` is on", route.path));
            }
            Standing::Proxy => {
                answer.reason = "it is a TLS proxy: its requests are those of the clients whose certificates they \
                                 carry"
                    .to_owned();
                answer.hint = Some("ask for the identity of a client".to_owned());
            }
            Standing::Unknown if route.class == Class::Identify => {
                answer.allow("every identity may call it; one that is in no policy is answered that it does not exist");
            }
            _ if route.class == Class::Identify => answer.allow("every identity may call it"),
            Standing::Admin => answer.allow("it is the administrator, who may call everything"),
            Standing::Unknown => {
                answer.reason = "the identity is neither the administrator's nor in a policy".to_owned();
                answer.hint = Some("add it to the `identities` of a policy".to_owned());
            }
            Standing::Bound(policy) => answer.decide(target, policy),
        }
        if !answer.allowed && openness == Openness::Unknown && SKIP_AUTH_PATHS.contains(&route.path) {
            let _ = write!(
                answer.reason,
                "; unless `api.{}.skip_auth` is on, which only the configuration tells",
                route.path
            );
        }
        answer
    }

    fn allow(&mut self, reason: impl Into<String>) {
        (self.allowed, self.reason) = (true, reason.into());
    }

    fn decide(&mut self, target: &Target, policy: &Policy) {
        self.policy = Some(policy.name().to_string());
        let question = target.question();
        let path = question.path();
        match question.decide(policy) {
            Decision::Allowed(rule) => {
                let reading = rule.reading(Effect::Allow, path).unwrap_or(Reading::Exact);
                self.rule = Some(Deciding::new(Effect::Allow, rule, reading));
                self.allow(format!("{}, and no deny rule matches", matched(rule, reading, path)));
            }
            Decision::Denied(rule) => {
                let of_path = rule.reading(Effect::Deny, path);
                let of_route = || rule.reading(Effect::Deny, target.route().path);
                let reading = of_path.or_else(of_route).unwrap_or(Reading::Exact);
                self.rule = Some(Deciding::new(Effect::Deny, rule, reading));
                self.reason = match of_path {
                    Some(reading) => matched(rule, reading, path),
                    None => format!("the rule denies `{}`, of which this is another name", target.route().path),
                };
                if let Some(allowing) = policy.allow().iter().find(|rule| rule.matches(path)) {
                    let _ = write!(self.reason, "; it counts for more than the allow rule `{}`", allowing.as_str());
                }
            }
            Decision::NotAllowed => {
                self.reason = "no allow rule matches".to_owned();
                if let Some(once) = policy.allow().iter().find(|rule| rule.matched_once(path)) {
                    let _ = write!(
                        self.reason,
                        "; `{}` did until November 2023, when its wildcards became ordinary characters",
                        once.as_str()
                    );
                }
                self.hint = Some(missing(target, path, policy));
            }
        }
    }

    /// For people.
    pub(super) fn describe(&self, style: Style) -> String {
        let path = output::harmless(&self.path);
        let mut rows = vec![match self.allowed {
            true => ("Allowed", style.paint(Colour::Allow, &path)),
            false => ("Denied", style.paint(Colour::Deny, &path)),
        }];
        rows.extend(self.identity.as_ref().map(|identity| ("Identity", style.paint(Colour::Identity, identity))));
        rows.extend(self.policy.as_ref().map(|policy| ("Policy", style.paint(Colour::Identity, policy))));
        rows.extend(
            self.rule.as_ref().map(|rule| ("Rule", format!("{} {}", rule.effect, output::harmless(&rule.rule)))),
        );
        rows.push(("Reason", output::harmless(&self.reason)));
        rows.extend(self.hint.as_ref().map(|hint| ("Hint", output::harmless(hint))));
        output::labelled(&rows)
    }
}

impl Deciding {
    fn new(effect: Effect, rule: &Rule, reading: Reading) -> Self {
        let reading = match reading {
            Reading::Exact => "exact",
            Reading::Prefix => "prefix",
            Reading::Historic => "historic",
        };
        Self { effect: effect.as_str(), rule: rule.as_str().to_owned(), reading }
    }
}

fn matched(rule: &Rule, reading: Reading, path: &str) -> String {
    match reading {
        Reading::Exact if rule.as_str() == path => "the rule is the path".to_owned(),
        Reading::Exact => format!("the rule is another spelling of `{path}`"),
        Reading::Prefix => {
            format!("the rule matches what begins with `{}`", rule.as_str().strip_suffix('*').unwrap_or_default())
        }
        Reading::Historic => {
            "the rule matches as the shell pattern that it was until November 2023; here deny rules go on \
                              denying what they did, while servers of the archived project have them deny nothing"
                .to_owned()
        }
    }
}

/// What would allow it.
fn missing(target: &Target, path: &str, policy: &Policy) -> String {
    let (route, name) = (target.route(), policy.name());
    if route.takes_argument() {
        format!("add `{path}` to `policy.{name}.allow`, or `{}*` for all names", route.path)
    } else {
        format!("add `{path}` to `policy.{name}.allow`")
    }
}

#[cfg(test)]
mod tests;
