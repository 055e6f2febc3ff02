//! `/v1/identity/…`

use http::Response;
use kes_client::wire::{IdentityInfo, IdentityNames, RuleSet, SelfInfo};
use kes_core::Identity;

use super::super::error::ApiError;
use super::super::reply::{self, Body};
use super::Context;
use super::policy::rules;

/// `GET /v1/identity/describe/<identity>`
pub fn describe(context: &Context<'_>) -> Result<Response<Body>, ApiError> {
    let identity: Identity = context.argument.parse().map_err(|_| ApiError::name("identity", context.argument))?;
    let access = &context.state.access;
    let created_at = context.shared.started;
    if access.admin().is(&identity) {
        let info = IdentityInfo { admin: true, policy: String::new(), created_at, created_by: String::new() };
        return Ok(reply::json(&info));
    }
    let policy = access.policy_of(&identity).ok_or_else(|| ApiError::absent("identity"))?;
    Ok(reply::json(&IdentityInfo {
        admin: false,
        policy: policy.name().to_string(),
        created_at,
        created_by: context.admin(),
    }))
}

/// `GET /v1/identity/self/describe`, for whoever asks.
pub fn describe_self(context: &Context<'_>, identity: Option<&Identity>) -> Result<Response<Body>, ApiError> {
    let identity = identity.ok_or_else(|| ApiError::absent("identity"))?;
    let access = &context.state.access;
    let mut info = SelfInfo {
        identity: identity.to_string(),
        admin: access.admin().is(identity),
        created_at: context.shared.started,
        created_by: String::new(),
        policy: String::new(),
        allow: RuleSet::default(),
        deny: RuleSet::default(),
    };
    if !info.admin {
        let policy = access.policy_of(identity).ok_or_else(|| ApiError::absent("identity"))?;
        info.created_by = context.admin();
        info.policy = policy.name().to_string();
        info.allow = rules(policy.allow());
        info.deny = rules(policy.deny());
    }
    Ok(reply::json(&info))
}

/// `GET /v1/identity/list/<pattern>`: everybody with a policy, and the administrator as configured.
pub fn list(context: &Context<'_>) -> Result<Response<Body>, ApiError> {
    let pattern = context.pattern()?;
    let access = &context.state.access;
    let mut identities: Vec<String> = access
        .identities()
        .map(Identity::as_str)
        .chain([access.admin().as_str()])
        .filter(|identity| pattern.covers(identity))
        .map(str::to_owned)
        .collect();
    identities.sort_unstable();
    Ok(reply::json(&IdentityNames { identities, continue_at: String::new() }))
}
