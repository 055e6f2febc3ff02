//! Who was let in: the policy check, and the proof that it happened.
//!
//! A [`Caller`] can only be had from [`Access`]. What touches keys asks for one, so that no handler can forget the
//! check.

use std::collections::{BTreeMap, HashMap};

use crate::identity::Identity;
use crate::name::PolicyName;
use crate::policy::{Decision, Policy};

/// The administrator: usually an identity, but any text that is none (by custom `disabled`) means that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin(String);

impl Admin {
    /// The administrator with this identity, or nobody if the text is no identity.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this identity is the administrator's.
    #[must_use]
    pub fn is(&self, identity: &Identity) -> bool {
        self.0 == identity.as_str()
    }
}

/// Who may do what: the administrator, the policies and whom they bind. Immutable; a reload makes a new one.
#[derive(Debug)]
pub struct Access {
    admin: Admin,
    policies: BTreeMap<PolicyName, Policy>,
    assigned: HashMap<Identity, PolicyName>,
}

/// Why policies and identities do not fit together (specification: `server-api.md` §3.2, §3.3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// An identity stands in two policies, or twice in one.
    #[error("cannot assign policy '{policy}' to '{identity}': identity already has a policy")]
    AlreadyAssigned {
        /// The identity in question.
        identity: Identity,
        /// The second policy.
        policy: PolicyName,
    },
    /// The administrator's identity stands in a policy.
    #[error("invalid policy '{policy}': identity '{identity}' is already admin")]
    IsAdmin {
        /// The identity in question.
        identity: Identity,
        /// The policy.
        policy: PolicyName,
    },
}

/// Why somebody was not let in. The client never learns which; the log does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The identity is neither the administrator's nor in a policy.
    #[error("access denied: identity not found")]
    Unknown,
    /// The identity's policy denies the path, or does not allow it.
    #[error("access denied: rejected by policy '{0}'")]
    ByPolicy(PolicyName),
}

/// An identity that was let in, for the request that it was let in for.
#[derive(Clone, Debug)]
pub struct Caller {
    name: CallerName,
}

#[derive(Clone, Debug)]
enum CallerName {
    Identity(Identity),
    /// The server itself, when it makes the predefined keys in the administrator's name.
    Server(String),
}

impl Caller {
    /// What is recorded as the creator of a key: an identity, or the administrator as configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.name {
            CallerName::Identity(identity) => identity.as_str(),
            CallerName::Server(admin) => admin,
        }
    }
}

impl Access {
    /// Puts policies and their identities together. Two policies cannot share a name: the later one would win, so the
    /// configuration refuses duplicates before.
    ///
    /// # Errors
    /// An identity with two policies, or the administrator in one.
    pub fn new(admin: Admin, policies: Vec<(Policy, Vec<Identity>)>) -> Result<Self, AccessError> {
        let mut access = Self { admin, policies: BTreeMap::new(), assigned: HashMap::new() };
        for (policy, identities) in policies {
            for identity in identities {
                let policy = policy.name().clone();
                if access.admin.is(&identity) {
                    return Err(AccessError::IsAdmin { identity, policy });
                }
                if access.assigned.contains_key(&identity) {
                    return Err(AccessError::AlreadyAssigned { identity, policy });
                }
                access.assigned.insert(identity, policy);
            }
            access.policies.insert(policy.name().clone(), policy);
        }
        Ok(access)
    }

    /// Lets `identity` in for the percent-decoded `path`, or says why not.
    ///
    /// # Errors
    /// The identity has no policy, or its policy does not allow the path.
    pub fn admit(&self, identity: &Identity, path: &str) -> Result<Caller, Refused> {
        let caller = Caller { name: CallerName::Identity(identity.clone()) };
        if self.admin.is(identity) {
            return Ok(caller);
        }
        let policy = self.policy_of(identity).ok_or(Refused::Unknown)?;
        match policy.decide(path) {
            Decision::Allowed(_) => Ok(caller),
            Decision::Denied(_) | Decision::NotAllowed => Err(Refused::ByPolicy(policy.name().clone())),
        }
    }

    /// The server acting in the administrator's name, for what the configuration itself demands.
    #[must_use]
    pub fn server(&self) -> Caller {
        Caller { name: CallerName::Server(self.admin.0.clone()) }
    }

    /// The administrator.
    #[must_use]
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The policy of this name.
    #[must_use]
    pub fn policy(&self, name: &PolicyName) -> Option<&Policy> {
        self.policies.get(name)
    }

    /// The policy that binds this identity.
    #[must_use]
    pub fn policy_of(&self, identity: &Identity) -> Option<&Policy> {
        self.assigned.get(identity).and_then(|name| self.policies.get(name))
    }

    /// All policies, sorted by name.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.values()
    }

    /// All identities that a policy binds, in no order.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.assigned.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Rule;

    fn identity(text: &str) -> Identity {
        text.parse().expect("an identity")
    }

    fn policy(name: &str, allow: &[&str]) -> Policy {
        Policy::new(name.parse().expect("a name"), allow.iter().map(|&rule| Rule::new(rule)).collect(), Vec::new())
    }

    #[test]
    fn the_policy_decides_and_the_admin_needs_none() {
        let access = Access::new(Admin::new("root"), vec![(policy("app", &["/v1/status"]), vec![identity("user")])])
            .expect("a consistent configuration");
        assert_eq!(access.admit(&identity("root"), "/v1/key/create/x").expect("admin").as_str(), "root");
        assert!(access.admit(&identity("user"), "/v1/status").is_ok());
        assert_eq!(
            access.admit(&identity("user"), "/v1/ready").unwrap_err(),
            Refused::ByPolicy("app".parse().expect("a name"))
        );
        assert_eq!(access.admit(&identity("nobody"), "/v1/status").unwrap_err(), Refused::Unknown);
        assert_eq!(access.server().as_str(), "root");
    }

    #[test]
    fn an_identity_has_one_role() {
        let twice = vec![(policy("a", &[]), vec![identity("x")]), (policy("b", &[]), vec![identity("x")])];
        assert_eq!(
            Access::new(Admin::new("root"), twice).unwrap_err().to_string(),
            "cannot assign policy 'b' to 'x': identity already has a policy"
        );
        let admin = vec![(policy("a", &[]), vec![identity("root")])];
        assert_eq!(
            Access::new(Admin::new("root"), admin).unwrap_err().to_string(),
            "invalid policy 'a': identity 'root' is already admin"
        );
    }
}
