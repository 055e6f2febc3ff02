//! `kes identity`: who clients are.

mod files;
mod info;
mod ls;
mod new;
mod of;
mod show;

use std::ffi::OsString;

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;
use crate::cli::gone::{self, Gone};
use crate::cli::password::PasswordFlag;
use crate::cli::usage;

pub(crate) use new::New;
pub(crate) use of::{Of, identity_of};

/// Generate API keys, compute and manage identities
#[derive(Args, Debug)]
#[command(
    override_usage = "kes identity [API-KEY | FILE]\n    kes identity COMMAND",
    after_help = concat!(
        "Without arguments a new API key is made. With an API key or a certificate its identity is printed; with the ",
        "file of an Ed25519 private key, its API key.\n\n",
        usage::examples!("kes identity", "kes identity kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc")
    )
)]
pub(crate) struct Identity {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    password: PasswordFlag,

    #[arg(hide = true)]
    arguments: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(New),
    Of(Of),
    Info(info::Info),
    #[command(alias = "list")]
    Ls(ls::Ls),
    #[command(hide = true, name = "rm", aliases = ["forget", "assign"])]
    Gone(Gone),
}

pub(crate) fn run(identity: Identity) -> Result<(), Failure> {
    match identity.command {
        None => show::run(&identity.arguments, &identity.password),
        Some(Command::New(new)) => new.run(),
        Some(Command::Of(of)) => of.run(),
        Some(Command::Info(info)) => info.run(),
        Some(Command::Ls(ls)) => ls.run(),
        Some(Command::Gone(gone)) => gone.run(gone::IDENTITIES),
    }
}
