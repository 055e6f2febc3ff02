//! `kes policy explain`: whether a request would be let in, and which rule says so. Nothing is requested for it: the policy
//! is read from a configuration or from a server, and decided upon here as the server does.

mod target;
mod verdict;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use kes_client::{Client, Error};
use kes_config::{Inspection, Overrides, ProcessEnvironment, Severity, inspect};
use kes_core::{Identity, api_key};

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::identity::identity_of;
use crate::cli::output::{self, Format};
use crate::cli::usage;
use target::Target;
use verdict::{Answer, Openness, Standing};

/// Tell whether a request would be allowed, and why
#[derive(Args, Debug)]
#[command(
    override_usage = "kes policy explain [OPTIONS] PATH\n    kes policy explain [OPTIONS] key create NAME",
    after_help = concat!(
        "Asks a server for the policy, or reads it from a configuration. Nothing of the request is carried out. The exit\n",
        "code is 0 if it is allowed, 1 if it is denied, and 3 if that cannot be told.\n\n",
        usage::examples!(
            "kes policy explain /v1/key/create/my-key",
            "kes policy explain --identity client.crt key decrypt my-key",
            "kes policy explain --config kes-config.yaml --identity client.crt /v1/status"
        )
    ),
    args_override_self = true
)]
pub(super) struct Explain {
    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    format: Format,

    /// Read the policy from this configuration, instead of asking a server
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Who makes the request: an identity, an API key or a certificate file [default: who asks the server]
    #[arg(long, value_name = "IDENTITY")]
    identity: Option<OsString>,

    #[arg(hide = true)]
    path: Vec<String>,
}

impl Explain {
    pub(super) fn run(self) -> Result<(), Failure> {
        // Scripts must not take an error for a denial.
        let answer = self.answer().map_err(|failure| match failure {
            Failure::Error(text) => Failure::CannotTell(text),
            other => other,
        })?;
        if self.format.json {
            output::print_json_for_reader(&answer)?;
        } else {
            output::print(answer.describe(self.format.style()).as_bytes())?;
        }
        if answer.allowed { Ok(()) } else { Err(Failure::Told) }
    }

    fn answer(&self) -> Result<Answer, Failure> {
        let target = Target::read(&self.path)?;
        let identity = self.identity.as_ref().map(identity).transpose()?;
        match &self.config {
            Some(_) if self.connection.names_server_by_flag() => {
                Err(Failure::error("--config and --server cannot be used together"))
            }
            Some(file) => of_config(file, identity, &target),
            None => self.connection.run_as(async |caller, client| {
                let who = identity.unwrap_or_else(|| caller.clone());
                let standing = standing_at_server(&client, &who, who == caller).await?;
                Ok(Answer::new(&target, Some(&who), &standing, Openness::Unknown))
            }),
        }
    }
}

/// Who is meant by an identity, an API key or the file of a certificate.
fn identity(argument: &OsString) -> Result<Identity, Failure> {
    let text = argument.to_string_lossy();
    if text.starts_with(api_key::PREFIX) || Path::new(argument).is_file() {
        return identity_of(argument);
    }
    let lower: Option<Identity> = text.to_ascii_lowercase().parse().ok();
    let identity = lower.filter(Identity::is_hash).or_else(|| text.parse().ok());
    identity.ok_or_else(|| Failure::error(format!("'{text}' is no identity, API key or certificate file")))
}

fn of_config(file: &Path, identity: Option<Identity>, target: &Target) -> Result<Answer, Failure> {
    let inspection = inspect(file, &ProcessEnvironment, &Overrides::default());
    let Some(access) = inspection.access().filter(|_| !is_in_doubt(&inspection)) else {
        let file = file.display();
        let text = format!("the policies of '{file}' cannot be used; hint: `kes config check {file}` says why");
        return Err(Failure::error(text));
    };
    let route = target.route();
    let openness = match inspection.api().get(route.path) {
        Some(api) if api.skip_auth => Openness::Open,
        _ => Openness::Closed,
    };
    let is_proxy = |identity: &Identity| {
        let proxy = inspection.tls().and_then(|tls| tls.proxy.as_ref());
        proxy.is_some_and(|proxy| proxy.identities.contains(identity))
    };
    let standing = match &identity {
        None if target.needs_identity() && openness == Openness::Closed => {
            return Err(Failure::error("no identity specified: use --identity. See 'kes policy explain --help'"));
        }
        Some(identity) if access.admin().is(identity) => Standing::Admin,
        Some(identity) if is_proxy(identity) => Standing::Proxy,
        Some(identity) => access.policy_of(identity).cloned().map_or(Standing::Unknown, Standing::Bound),
        None => Standing::Unknown,
    };
    Ok(Answer::new(target, identity.as_ref(), &standing, openness))
}

/// Whether something is wrong with what decides who may do what. The rest may be missing, such as variables of the server.
fn is_in_doubt(inspection: &Inspection) -> bool {
    const SECTIONS: [&str; 5] = ["", "admin", "root", "policy", "api"];
    inspection.problems.iter().filter(|problem| problem.severity == Severity::Error).any(|problem| {
        let section = problem.path.split('.').next().unwrap_or_default();
        SECTIONS.contains(&section) || problem.path.starts_with("tls.proxy")
    })
}

/// What the server knows of an identity.
async fn standing_at_server(client: &Client, identity: &Identity, is_caller: bool) -> Result<Standing, Failure> {
    if is_caller {
        match client.describe_self().await {
            Ok(info) if info.admin => return Ok(Standing::Admin),
            Ok(info) if info.policy.is_empty() => return Ok(Standing::Unknown),
            Ok(info) => return super::of_server(&info.policy, &info.allow, &info.deny).map(Standing::Bound),
            Err(Error::IdentityNotFound) if !is_archived(client).await => return Ok(Standing::Unknown),
            // The archived servers say that to everybody but the administrator.
            Err(Error::IdentityNotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let info = match client.describe_identity(identity.as_str()).await {
        Ok(info) if info.admin => return Ok(Standing::Admin),
        Ok(info) if info.policy.is_empty() => return Ok(Standing::Unknown),
        Ok(info) => info,
        Err(Error::IdentityNotFound) => return Ok(Standing::Unknown),
        Err(error) => return Err(not_told(error, "/v1/identity/describe/*")),
    };
    let policy = client.read_policy(&info.policy).await.map_err(|error| not_told(error, "/v1/policy/read/*"))?;
    super::of_server(&info.policy, &policy.allow, &policy.deny).map(Standing::Bound)
}

/// Whether the server is one of the archived project. Its releases have the time of their commit for a name, or a number.
async fn is_archived(client: &Client) -> bool {
    /// The last change of the archived project was before this.
    const END: &str = "2025-06";
    let version = client.version().await.map(|version| version.version).unwrap_or_default();
    version.starts_with("v0.") || version.starts_with("20") && version.as_str() < END
}

fn not_told(error: Error, rule: &str) -> Failure {
    match error {
        Error::NotAllowed => Failure::error(format!(
            "the server does not tell who asks: {error}; hint: ask as the administrator, or as somebody whose policy allows \
             `{rule}`, or use --config"
        )),
        other => other.into(),
    }
}
