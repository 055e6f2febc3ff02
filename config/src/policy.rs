//! `policy`: who may call what.

use std::collections::HashMap;

use kes_core::caller::Admin;
use kes_core::policy::Effect;
use kes_core::{Access, Identity, Policy, PolicyName, Rule};

use crate::identity;
use crate::problem::{Wrong, shown};
use crate::proxy::Proxy;
use crate::report::Report;
use crate::rules::Doubt;
use crate::section::{Section, Text};
use crate::tree::Entry;

/// The characters of names, for hints.
pub(crate) const NAME_HINT: &str = "use 1 to 80 letters, digits, `-` and `_`; no `-` at either end, and not `_` alone";

/// The administrator, the policies and whom they bind; `None` if that does not fit together.
pub(crate) fn check(
    root: &mut Section<'_>,
    admin: Option<Admin>,
    proxy: Option<&Proxy>,
    report: &mut Report<'_>,
) -> Option<Access> {
    let section = root.section("policy", report);
    let mut assigned = HashMap::new();
    let mut policies = Vec::new();
    // `x-team` is a good name of a policy, and leaving it out would shut its clients out. Without clients it is taken
    // as what `x-` keys are elsewhere: the operator's own.
    let is_policy = |entry: &Entry| !entry.key.starts_with("x-") || entry.node.get("identities").is_some();
    for (place, entry) in section.entries().filter(|(_, entry)| is_policy(entry)) {
        let name: Option<PolicyName> = entry.key.parse().ok();
        if name.is_none() {
            let message =
                format!("the policy name {} is empty, too long or contains invalid characters", shown(&entry.key));
            report.error(&place, message, NAME_HINT);
        }
        let mut policy = Section::of_node(place, &entry.node, report);
        let allow = rules(&mut policy, Effect::Allow, report);
        let deny = rules(&mut policy, Effect::Deny, report);
        let mut members = Vec::new();
        for written in policy.list("identities", report).unwrap_or_default() {
            let Some(identity) = identity::identity(&written, report) else { continue };
            match role(&identity, admin.as_ref(), proxy, &assigned) {
                Ok(()) => {
                    assigned.insert(identity.clone(), entry.key.as_str());
                    members.push(identity);
                }
                Err(wrong) => report.wrong(&written.place, wrong),
            }
        }
        policy.finish(report);
        policies.extend(name.map(|name| (Policy::new(name, allow, deny), members)));
    }
    match Access::new(admin?, policies) {
        Ok(access) => Some(access),
        // The same rules were checked above, with places.
        Err(error) => {
            report.error(&section.place, error.to_string(), "give every identity one role");
            None
        }
    }
}

fn rules(policy: &mut Section<'_>, effect: Effect, report: &mut Report<'_>) -> Vec<Rule> {
    let written: Vec<Text> = policy.literal_list(effect.as_str(), report).unwrap_or_default();
    let rule = |text: &Text| {
        let rule = Rule::new(text.value.as_str());
        if let Some(doubt) = Doubt::about(&rule) {
            report.warning(&text.place, doubt.message(&rule), doubt.hint(&rule, effect));
        }
        rule
    };
    written.iter().map(rule).collect()
}

/// Whether the identity is free to be bound by a policy.
fn role(
    identity: &Identity,
    admin: Option<&Admin>,
    proxy: Option<&Proxy>,
    assigned: &HashMap<Identity, &str>,
) -> Result<(), Wrong> {
    let shown_identity = shown(identity.as_str());
    if admin.is_some_and(|admin| admin.is(identity)) {
        let hint = "the administrator may do everything: remove it here";
        return Err(Wrong::new(format!("the identity {shown_identity} is the administrator"), hint));
    }
    if proxy.is_some_and(|proxy| proxy.identities.contains(identity)) {
        let hint = "a proxy acts for its clients: give their identities a policy";
        return Err(Wrong::new(format!("the identity {shown_identity} is a TLS proxy"), hint));
    }
    match assigned.get(identity) {
        None => Ok(()),
        Some(policy) => {
            let message = format!("the identity {shown_identity} already has the policy {}", shown(policy));
            Err(Wrong::new(message, "an identity stands in one policy, once"))
        }
    }
}
