//! `kes key`: what can be done with keys.

mod create;
mod decrypt;
mod dek;
mod encrypt;
mod hmac;
mod import;
mod info;
mod input;
mod ls;
mod rm;

use clap::{Args, Subcommand};
use kes_core::{KeyName, SecretBytes};

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
    Hmac(hmac::Hmac),
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
        Command::Hmac(hmac) => hmac.run(),
    }
}

/// The error of a wrong count of arguments.
fn miscounted(what: &str, command: &str) -> Failure {
    Failure::error(format!("{what}. See 'kes key {command} --help'"))
}

/// Names of keys. Records that the service keeps beside a key are none; older servers list them all the same.
pub(crate) fn without_records(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| !KeyName::stored(name).is_ok_and(|name| name.is_reserved()));
    names
}

/// Prints byte strings under their names.
fn print_bytes(values: &[(&str, &[u8])]) -> Result<(), Failure> {
    output::print(format_bytes(values, output::is_terminal()).expose())
}

/// For people line by line after an empty one; for programs as JSON, without a blank and without a final newline: scripts
/// take it apart with `sed` and `grep`.
fn format_bytes(values: &[(&str, &[u8])], terminal: bool) -> SecretBytes {
    let mut text = SecretBytes::default();
    let width = values.iter().map(|value| value.0.len()).max().unwrap_or_default() + 1;
    text.extend_from_slice(if terminal { b"\n" } else { b"{" });
    for (index, (name, bytes)) in values.iter().enumerate() {
        let label = match (terminal, index) {
            (true, _) => format!("{:<width$} ", format!("{name}:")),
            (false, 0) => format!("\"{name}\":\""),
            (false, _) => format!(",\"{name}\":\""),
        };
        text.extend_from_slice(label.as_bytes());
        text.extend_from_slice(encoding::encode(bytes).expose());
        text.extend_from_slice(if terminal { b"\n" } else { b"\"" });
    }
    text.extend_from_slice(if terminal { b"" } else { b"}" });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_lines_and_programs_json() {
        let dek: [(&str, &[u8]); 2] = [("plaintext", b"A"), ("ciphertext", b"BB")];
        assert_eq!(format_bytes(&dek, true).expose(), b"\nplaintext:  QQ==\nciphertext: QkI=\n");
        assert_eq!(format_bytes(&dek, false).expose(), br#"{"plaintext":"QQ==","ciphertext":"QkI="}"#);
        assert_eq!(format_bytes(&dek[..1], true).expose(), b"\nplaintext: QQ==\n");
        assert_eq!(format_bytes(&dek[..1], false).expose(), br#"{"plaintext":"QQ=="}"#);
    }
}
