//! `kes policy lint`: rules that do not do what was meant, of a configuration or of a server.

mod rules;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use kes_client::{Client, Error};
use kes_config::{Inspection, Overrides, ProcessEnvironment, Severity, inspect};
use kes_core::Policy;

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::findings::{Finding, Findings, Level};
use crate::cli::output::{self, Format};
use crate::cli::usage;
use rules::{Issue, issues};

/// How many policies or identities a server is asked for at once.
const REQUESTS_AT_ONCE: usize = 16;

/// Find policy rules that cannot do what was meant
#[derive(Args, Debug)]
#[command(
    override_usage = "kes policy lint [OPTIONS] [FILE]",
    after_help = concat!(
        "Reads the policies of a configuration, or without one those of a server. The exit code is 1 if a rule does not\n",
        "do what it says, and 0 if there are warnings and notes alone.\n\n",
        usage::examples!("kes policy lint kes-config.yaml", "kes policy lint --json", "kes policy lint --server kes-1:7373")
    ),
    args_override_self = true
)]
pub(super) struct Lint {
    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    format: Format,

    #[arg(hide = true)]
    files: Vec<PathBuf>,
}

impl Lint {
    pub(super) fn run(self) -> Result<(), Failure> {
        let findings = match self.files.as_slice() {
            [_] if self.connection.names_server_by_flag() => {
                return Err(Failure::error(
                    "a file and --server cannot be used together. See 'kes policy lint --help'",
                ));
            }
            [file] => of_file(file)?,
            [] => self.connection.run(async |client| of_server(&client).await)?,
            _ => return Err(Failure::error("too many arguments. See 'kes policy lint --help'")),
        };
        findings.print("the policies do what they say", self.format)
    }
}

fn of_file(file: &Path) -> Result<Findings, Failure> {
    let inspection = inspect(file, &ProcessEnvironment, &Overrides::default());
    let mut findings: Vec<Finding> = inspection
        .problems
        .iter()
        .filter(|problem| is_of_policies(&problem.path))
        .cloned()
        .map(Finding::from)
        .collect();
    match inspection.access() {
        Some(access) => {
            let mut members: HashMap<&str, usize> = HashMap::new();
            for policy in access.identities().filter_map(|identity| access.policy_of(identity)) {
                *members.entry(policy.name().as_str()).or_default() += 1;
            }
            for policy in access.policies() {
                let members = members.get(policy.name().as_str()).copied().unwrap_or_default();
                let issues = issues(policy, Some(members)).into_iter();
                findings.extend(issues.map(|issue| placed(&inspection, policy, issue)));
            }
        }
        None if findings.iter().any(|finding| finding.level == Level::Problem) => {}
        None => {
            let file = file.display();
            let text = format!("'{file}' has no policies that could be read; hint: `kes config check {file}` says why");
            return Err(Failure::error(text));
        }
    }
    findings.sort_by_key(|finding| (finding.line, finding.column));
    Ok(findings.into_iter().collect())
}

/// Whether a problem of the configuration is one of policies and of nothing that is found here with more reason: the rules
/// themselves are looked at again.
fn is_of_policies(path: &str) -> bool {
    let is_rule = path.ends_with(']') && (path.contains(".allow[") || path.contains(".deny["));
    path.is_empty() || path == "admin.identity" || path.starts_with("policy") && !is_rule
}

fn placed(inspection: &Inspection, policy: &Policy, issue: Issue) -> Finding {
    let Issue { level, rule, message, hint } = issue;
    let rule = rule.as_ref().map(|(effect, rule)| (*effect, rule.as_str()));
    let problem = inspection.policy_problem(Severity::Warning, policy.name().as_str(), rule, message, Some(hint));
    Finding { level, ..problem.into() }
}

async fn of_server(client: &Client) -> Result<Findings, Failure> {
    let failed = Failure::while_doing("failed to list policies");
    let names = client.list_policies("*").await.map_err(failed)?;
    let policies: Vec<Policy> = stream::iter(names)
        .map(|name| async move {
            let failed = Failure::while_doing(format!("failed to read policy '{}'", output::harmless(&name)));
            let policy = client.read_policy(&name).await.map_err(failed)?;
            super::of_server(&name, &policy.allow, &policy.deny)
        })
        .buffered(REQUESTS_AT_ONCE)
        .try_collect()
        .await?;
    let (members, mut findings) = members_at_server(client).await?;
    for policy in &policies {
        let count = members.as_ref().map(|members| members.get(policy.name().as_str()).copied().unwrap_or_default());
        findings.extend(issues(policy, count).into_iter().map(|Issue { level, rule, message, hint }| {
            let path = match rule {
                Some((effect, _)) => format!("policy.{}.{}", policy.name(), effect.as_str()),
                None => format!("policy.{}", policy.name()),
            };
            Finding { level, file: None, line: 0, column: 0, path, message, hint: Some(hint) }
        }));
    }
    Ok(findings.into_iter().collect())
}

/// How many identities each policy binds, if the server tells, and what is to be said of the others.
async fn members_at_server(client: &Client) -> Result<(Option<HashMap<String, usize>>, Vec<Finding>), Failure> {
    let finding = |level, path: String, message: &str, hint: &str| Finding {
        level,
        file: None,
        line: 0,
        column: 0,
        path,
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    };
    let untold = || {
        let hint = "ask as the administrator, or allow `/v1/identity/list/*` and `/v1/identity/describe/*`";
        let message = "the server does not tell which identities the policies bind";
        Ok((None, vec![finding(Level::Note, String::new(), message, hint)]))
    };
    let failed = Failure::while_doing("failed to list identities");
    let identities = match client.list_identities("*").await {
        Ok(identities) => identities,
        Err(Error::NotAllowed) => return untold(),
        Err(error) => return Err(failed(error)),
    };
    let mut described = stream::iter(identities)
        .map(|identity| async move { (client.describe_identity(&identity).await, identity) })
        .buffered(REQUESTS_AT_ONCE);
    let (mut members, mut findings) = (HashMap::new(), Vec::new());
    while let Some((info, identity)) = described.next().await {
        match info {
            Ok(info) if !info.policy.is_empty() => *members.entry(info.policy).or_default() += 1,
            Ok(info) if info.admin => {}
            // `disabled` is listed as the administrator, and nobody.
            Err(Error::IdentityNotFound | Error::InvalidName { .. } | Error::Api { status: 400, .. }) => {}
            Ok(_) => {
                let path = format!("identity.{}", output::harmless(&identity));
                findings.push(finding(Level::Warning, path, "the identity has no policy", "give it one, or remove it"));
            }
            Err(Error::NotAllowed) => return untold(),
            Err(error) => return Err(failed(error)),
        }
    }
    Ok((Some(members), findings))
}
