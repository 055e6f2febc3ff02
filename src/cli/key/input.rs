//! The arguments of commands whose second one is better not seen in the process list: it can come from stdin or a file.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::Args;
use kes_core::SecretBytes;

use super::miscounted;
use crate::cli::connect::Connection;
use crate::cli::encoding;
use crate::cli::failure::Failure;
use crate::cli::secret_input;

/// Most that is read, in bytes: servers take no more in one request.
const MAX_BYTES: usize = 1024 * 1024;

/// How the help of these commands says it.
macro_rules! input_help {
    ($operand:literal) => {
        concat!(
            "With - for ",
            $operand,
            " or with --stdin it is read from stdin, with --file from a file: arguments can be seen in the process list."
        )
    };
}
pub(super) use input_help;

/// Which server, the name of the key, and where the input comes from.
#[derive(Args, Debug)]
pub(super) struct Input {
    #[command(flatten)]
    connection: Connection,

    /// Read the input from stdin
    #[arg(long)]
    stdin: bool,

    /// Read the input from a file
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,

    #[arg(hide = true)]
    arguments: Vec<OsString>,
}

/// What a command takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operands {
    /// The command.
    pub(super) command: &'static str,
    /// What is said when the input is missing.
    pub(super) missing: &'static str,
    /// Whether a context may follow the input.
    pub(super) context: bool,
}

/// What a command was given.
#[derive(Debug)]
pub(super) struct Given {
    /// The server to ask.
    pub(super) connection: Connection,
    /// The name of the key.
    pub(super) name: String,
    /// Message, ciphertext or key, as it was written.
    pub(super) input: SecretBytes,
    /// The decoded context; empty if there is none.
    pub(super) context: SecretBytes,
}

impl Input {
    /// Takes arguments apart and reads the input.
    pub(super) fn read(self, operands: Operands) -> Result<Given, Failure> {
        let Operands { command, missing, context } = operands;
        let mut arguments = self.arguments.into_iter();
        let name = arguments.next().ok_or_else(|| miscounted("no key name specified", command))?;
        let argument = match (self.stdin, &self.file) {
            (true, Some(_)) => return Err(miscounted("--stdin and --file cannot be used together", command)),
            (false, None) => Some(arguments.next().ok_or_else(|| miscounted(missing, command))?),
            _ => None,
        };
        let context = if context { arguments.next() } else { None };
        if arguments.next().is_some() {
            return Err(miscounted("too many arguments", command));
        }
        let context = encoding::decode("context", &context.unwrap_or_default().into_vec())?;
        let input = match (argument, self.file) {
            (_, Some(file)) => secret_input::read_file(&file, MAX_BYTES)?,
            (Some(argument), None) if argument != "-" => SecretBytes::from(argument.into_vec()),
            _ => secret_input::read(std::io::stdin(), "stdin", MAX_BYTES)?,
        };
        Ok(Given { connection: self.connection, name: name.to_string_lossy().into_owned(), input, context })
    }
}
