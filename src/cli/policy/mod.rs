//! `kes policy`: what identities may do. Policies are written in the server's configuration file; here they are read.

mod info;
mod ls;
mod show;

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;
use crate::cli::usage;

/// Look at policies
#[derive(Args, Debug)]
#[command(
    override_usage = "kes policy COMMAND",
    after_help = usage::examples!("kes policy ls", "kes policy show my-policy")
)]
pub(crate) struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Info(info::Info),
    #[command(alias = "list")]
    Ls(ls::Ls),
    Show(show::Show),
    #[command(hide = true, name = "rm", aliases = ["add", "assign", "create", "delete"])]
    Gone(Gone),
}

/// Policies are managed in the configuration file of the server
#[derive(Args, Debug)]
struct Gone {
    #[arg(hide = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(policy: Policy) -> Result<(), Failure> {
    match policy.command {
        Command::Info(info) => info.run(),
        Command::Ls(ls) => ls.run(),
        Command::Show(show) => show.run(),
        Command::Gone(Gone { .. }) => Err(Failure::error(
            "policies are managed in the configuration file of the server: edit `policy`, then send it SIGHUP",
        )),
    }
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
