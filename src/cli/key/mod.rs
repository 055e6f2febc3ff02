//! `kes key`: what can be done with keys.

mod create;
mod decrypt;
mod dek;
mod encrypt;
mod import;
mod info;
mod ls;
mod rm;

use clap::{Args, Subcommand};
use kes_core::SecretBytes;

use crate::cli::encoding;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::usage;

/// Manage cryptographic keys
#[derive(Args, Debug)]
#[command(override_usage = "kes key COMMAND", after_help = usage::examples!("kes key create my-key", "kes key ls"))]
pub(crate) struct Key {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(create::Create),
    Import(import::Import),
    Info(info::Info),
    #[command(alias = "list")]
    Ls(ls::Ls),
    #[command(alias = "delete")]
    Rm(rm::Rm),
    Encrypt(encrypt::Encrypt),
    Decrypt(decrypt::Decrypt),
    #[command(alias = "derive")]
    Dek(dek::Dek),
}

pub(crate) fn run(key: Key) -> Result<(), Failure> {
    match key.command {
        Command::Create(create) => create.run(),
        Command::Import(import) => import.run(),
        Command::Info(info) => info.run(),
        Command::Ls(ls) => ls.run(),
        Command::Rm(rm) => rm.run(),
        Command::Encrypt(encrypt) => encrypt.run(),
        Command::Decrypt(decrypt) => decrypt.run(),
        Command::Dek(dek) => dek.run(),
    }
}

/// The error of a wrong count of arguments.
fn miscounted(what: &str, command: &str) -> Failure {
    Failure::error(format!("{what}. See 'kes key {command} --help'"))
}

/// Prints byte strings under their names: for people line by line, for programs as JSON without a final newline.
fn print_bytes(values: &[(&str, &[u8])]) -> Result<(), Failure> {
    let mut text = SecretBytes::default();
    let terminal = output::is_terminal();
    text.extend_from_slice(if terminal { b"\n" } else { b"{" });
    let width = values.iter().map(|value| value.0.len()).max().unwrap_or_default();
    for (index, (name, bytes)) in values.iter().enumerate() {
        if terminal {
            text.extend_from_slice(format!("{:<width$} ", format!("{name}:"), width = width + 1).as_bytes());
        } else {
            text.extend_from_slice(format!("{}\"{name}\":\"", if index == 0 { "" } else { "," }).as_bytes());
        }
        text.extend_from_slice(encoding::encode(bytes).expose());
        text.extend_from_slice(if terminal { b"\n" } else { b"\"" });
    }
    if !terminal {
        text.extend_from_slice(b"}");
    }
    output::print(text.expose())
}
