//! Who the client is to the server, and by which policy.

use kes_client::wire::RuleSet;
use kes_client::{Client, Error};
use kes_core::{Identity, Policy, Rule};

use super::finding::Finding;
use super::minio;

/// What a server knows of an identity.
enum Role {
    Admin,
    Bound(Policy),
    /// It has a policy that the server does not tell.
    Untold,
    Nobody,
}

/// Who the client is, and whether its policy allows what MinIO needs; `key` is the one that MinIO uses, if known.
pub(super) async fn findings(client: &Client, identity: &Identity, key: Option<&str>) -> Vec<Finding> {
    match role(client, identity).await {
        Ok(Role::Admin) => {
            vec![Finding::ok("identity", format!("{identity}, the administrator, who may do everything"))]
        }
        Ok(Role::Bound(policy)) => {
            let known = Finding::ok("identity", format!("{identity}, with the policy `{}`", policy.name()));
            vec![known, minio::finding(&policy, key)]
        }
        Ok(Role::Untold) => {
            let hint =
                "releases up to 2025-03 tell only the administrator; `kes policy show` as that one prints the rules";
            vec![Finding::warning("identity", format!("{identity}, with a policy that the server does not tell"), hint)]
        }
        Ok(Role::Nobody) => {
            let message = format!("{identity} is unknown to the server, or has no policy");
            vec![Finding::problem("identity", message, minio::lines_for(identity, key))]
        }
        Err(error) => {
            let hint = "look at the server's log";
            vec![Finding::problem("identity", format!("{identity}, of which the server says: {error}"), hint)]
        }
    }
}

async fn role(client: &Client, identity: &Identity) -> Result<Role, Error> {
    match client.describe_self().await {
        Ok(known) if known.admin => return Ok(Role::Admin),
        Ok(known) => return Ok(bound(&known.policy, &known.allow, &known.deny)),
        Err(Error::IdentityNotFound) => {}
        Err(error) => return Err(error),
    }
    // Releases up to the archived one say so to everybody but the administrator.
    if let Ok(known) = client.describe_identity(identity.as_str()).await {
        if let Ok(rules) = client.read_policy(&known.policy).await {
            return Ok(bound(&known.policy, &rules.allow, &rules.deny));
        }
        return Ok(Role::Untold);
    }
    match client.status().await {
        Err(Error::NotAllowed) => Ok(Role::Nobody),
        _ => Ok(Role::Untold),
    }
}

fn bound(name: &str, allow: &RuleSet, deny: &RuleSet) -> Role {
    let rules = |set: &RuleSet| set.iter().map(Rule::new).collect();
    name.parse().map_or(Role::Untold, |name| Role::Bound(Policy::new(name, rules(allow), rules(deny))))
}
