//! `kes policy`: what identities may do. Policies are written in the server's configuration file; here they are read.

mod explain;
mod info;
mod lint;
mod ls;
mod show;

use clap::{Args, Subcommand};
use kes_client::wire::RuleSet;
use kes_core::Rule;

use crate::cli::failure::Failure;
use crate::cli::gone::{self, Gone};
use crate::cli::{output, usage};

/// Look at policies
#[derive(Args, Debug)]
#[command(
    override_usage = "kes policy COMMAND",
    after_help = usage::examples!(
        "kes policy ls",
        "kes policy show my-policy",
        "kes policy explain /v1/key/create/my-key",
        "kes policy lint kes-config.yaml"
    )
)]
pub(crate) struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Explain(explain::Explain),
    Lint(lint::Lint),
    Info(info::Info),
    #[command(alias = "list")]
    Ls(ls::Ls),
    Show(show::Show),
    #[command(hide = true, name = "rm", aliases = ["add", "assign", "create", "delete"])]
    Gone(Gone),
}

pub(crate) fn run(policy: Policy) -> Result<(), Failure> {
    match policy.command {
        Command::Explain(explain) => explain.run(),
        Command::Lint(lint) => lint.run(),
        Command::Info(info) => info.run(),
        Command::Ls(ls) => ls.run(),
        Command::Show(show) => show.run(),
        Command::Gone(gone) => gone.run(gone::POLICIES),
    }
}

/// A policy as a server tells it.
fn of_server(name: &str, allow: &RuleSet, deny: &RuleSet) -> Result<kes_core::Policy, Failure> {
    let rules = |rules: &RuleSet| rules.iter().map(Rule::new).collect();
    let parsed = name.parse().map_err(|_| {
        Failure::error(format!("the server tells of a policy whose name is none: '{}'", output::harmless(name)))
    })?;
    Ok(kes_core::Policy::new(parsed, rules(allow), rules(deny)))
}

/// The one policy that a command is about.
fn only_name<'a>(names: &'a [String], command: &str) -> Result<&'a str, Failure> {
    let what = match names {
        [name] => return Ok(name),
        [] if command == "info" => "no policy name specified (for its rules: kes policy show NAME)",
        [] => "no policy name specified",
        _ => "too many arguments",
    };
    Err(Failure::error(format!("{what}. See 'kes policy {command} --help'")))
}
