//! `kes tool`, as releases before 2022 spelled some commands.

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;
use crate::cli::identity::{New, Of};
use crate::cli::migrate::Migrate;
use crate::cli::usage;

/// Old spellings of other commands
#[derive(Args, Debug)]
#[command(override_usage = "kes tool COMMAND", after_help = usage::examples!("kes identity of public.crt"))]
pub(crate) struct Tool {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Identity(Identity),
    Migrate(Migrate),
}

/// Old spelling of `kes identity`
#[derive(Args, Debug)]
#[command(override_usage = "kes tool identity COMMAND", after_help = usage::examples!("kes identity of public.crt"))]
struct Identity {
    #[command(subcommand)]
    command: IdentityCommand,
}

#[derive(Debug, Subcommand)]
enum IdentityCommand {
    New(OldNew),
    Of(Of),
}

/// Create an identity
#[derive(Args, Debug)]
#[command(args_override_self = true, override_usage = "kes tool identity new [OPTIONS] [SUBJECT]")]
struct OldNew {
    #[command(flatten)]
    new: New,

    /// Without effect: certificates are for clients and servers
    #[arg(long)]
    server: bool,

    /// As --expiry
    #[arg(short, long, value_name = "DURATION")]
    time: Option<String>,
}

pub(crate) fn run(tool: Tool) -> Result<(), Failure> {
    let identity = match tool.command {
        Command::Identity(identity) => identity,
        Command::Migrate(migrate) => return migrate.run(),
    };
    match identity.command {
        IdentityCommand::New(old) => old.new.run_as_tool(old.time),
        IdentityCommand::Of(of) => of.run_as_tool(),
    }
}
