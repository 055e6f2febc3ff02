//! `kes config`: what a configuration file says, without a server.

mod check;

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;
use crate::cli::usage;

/// Look at configuration files
#[derive(Args, Debug)]
#[command(override_usage = "kes config COMMAND", after_help = usage::examples!("kes config check kes-config.yaml"))]
pub(crate) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Check),
}

pub(crate) fn run(config: Config) -> Result<(), Failure> {
    match config.command {
        Command::Check(check) => check.run(),
    }
}
