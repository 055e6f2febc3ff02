//! `kes key ls`.

use clap::Args;

use super::{miscounted, without_records};
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output::Format;
use crate::cli::usage;

/// List the names of keys
#[derive(Args, Debug)]
#[command(
    override_usage = "kes key ls [OPTIONS] [PATTERN]",
    after_help = usage::examples!("kes key ls", "kes key ls 'my-key*'"),
    args_override_self = true
)]
pub(crate) struct Ls {
    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    format: Format,

    #[arg(hide = true)]
    patterns: Vec<String>,
}

impl Ls {
    pub(super) fn run(self) -> Result<(), Failure> {
        let pattern = match self.patterns.as_slice() {
            [] => "*",
            // Older servers take the `*` at the end of a longer pattern for a character of the name.
            [pattern] => pattern.strip_suffix('*').filter(|prefix| !prefix.is_empty()).unwrap_or(pattern),
            _ => return Err(miscounted("too many arguments", "ls")),
        };
        let names = self.connection.run(async |client| {
            let failed = Failure::while_doing("failed to list keys");
            client.list_keys(pattern).await.map_err(failed)
        })?;
        self.format.print_names("Key", without_records(names))
    }
}
