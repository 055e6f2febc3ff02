//! `/v1/policy/…`

use http::Response;
use kes_client::wire::{PolicyInfo, PolicyNames, PolicyRules, RuleSet};
use kes_core::{Policy, PolicyName, Rule};

use super::super::error::ApiError;
use super::super::reply::{self, Body};
use super::Context;

impl<'a> Context<'a> {
    fn policy(&self) -> Result<&'a Policy, ApiError> {
        let name: PolicyName = self.argument.parse().map_err(|_| ApiError::name("policy name", self.argument))?;
        self.state.access.policy(&name).ok_or_else(|| ApiError::absent("policy"))
    }

    /// The administrator, who counts as the maker of all policies.
    pub(super) fn admin(&self) -> String {
        self.state.access.admin().as_str().to_owned()
    }
}

/// A policy's rules as they go over the wire.
pub(super) fn rules(rules: &[Rule]) -> RuleSet {
    RuleSet(rules.iter().map(|rule| rule.as_str().to_owned()).collect())
}

/// `GET /v1/policy/describe/<name>`
pub fn describe(context: &Context<'_>) -> Result<Response<Body>, ApiError> {
    let policy = context.policy()?;
    Ok(reply::json(&PolicyInfo {
        name: policy.name().to_string(),
        created_at: context.shared.started,
        created_by: context.admin(),
    }))
}

/// `GET /v1/policy/read/<name>`
pub fn read(context: &Context<'_>) -> Result<Response<Body>, ApiError> {
    let policy = context.policy()?;
    Ok(reply::json(&PolicyRules {
        name: policy.name().to_string(),
        allow: rules(policy.allow()),
        deny: rules(policy.deny()),
        created_at: context.shared.started,
        created_by: context.admin(),
    }))
}

/// `GET /v1/policy/list/<pattern>`
pub fn list(context: &Context<'_>) -> Result<Response<Body>, ApiError> {
    let pattern = context.pattern()?;
    let names = context.state.access.policies().map(|policy| policy.name().as_str());
    let names = names.filter(|name| pattern.covers(name)).map(str::to_owned).collect();
    Ok(reply::json(&PolicyNames { names, continue_at: String::new() }))
}
