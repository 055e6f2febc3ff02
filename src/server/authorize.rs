//! What policies are asked about for a request, and the check of the request itself.

use std::borrow::Cow;

use kes_core::caller::Refused;
use kes_core::policy::Decision;
use kes_core::{Access, Caller, Identity, ListPattern, Policy};

use super::path::DecodedPath;
use super::routes::Route;

/// A request, as policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question<'p> {
    path: Cow<'p, str>,
    /// The path of the route, where the request has another name of it.
    route_path: Option<&'static str>,
}

impl<'p> Question<'p> {
    /// What policies are asked about for a request of this path, which leads to this route with this argument. A list is
    /// authorised as the one of its prefix, whichever way it was written (decision 5).
    #[must_use]
    pub fn of(route: &Route, path: &'p DecodedPath, argument: &str) -> Self {
        let listed = if route.is_list() { argument.parse::<ListPattern>().ok() } else { None };
        let is_alias = !route.takes_argument() && !path.is(route.path);
        Self {
            path: match listed {
                Some(pattern) => Cow::Owned(format!("{}{}", route.path, pattern.prefix())),
                None => Cow::Borrowed(path.as_str()),
            },
            route_path: is_alias.then_some(route.path),
        }
    }

    /// The path that rules are compared with.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What a policy says. Another name of a route must not be a way around a rule that denies the route.
    #[must_use]
    pub fn decide<'a>(&self, policy: &'a Policy) -> Decision<'a> {
        let decision = policy.decide(&self.path);
        match (decision, self.route_path.map(|path| policy.decide(path))) {
            (Decision::Allowed(_), Some(denied @ Decision::Denied(_))) => denied,
            _ => decision,
        }
    }

    /// Lets the identity in, or says why not.
    ///
    /// # Errors
    /// As [`Access::admit`], for every name of the route that counts.
    pub fn admit(&self, access: &Access, identity: &Identity) -> Result<Caller, Refused> {
        let caller = access.admit(identity, &self.path)?;
        match self.route_path.and_then(|_| access.policy_of(identity)) {
            Some(policy) if matches!(self.decide(policy), Decision::Denied(_)) => {
                Err(Refused::ByPolicy(policy.name().clone()))
            }
            _ => Ok(caller),
        }
    }
}
