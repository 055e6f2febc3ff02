//! `kes identity ls`.

use clap::Args;

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output::Format;
use crate::cli::usage;

/// List identities
#[derive(Args, Debug)]
#[command(
    override_usage = "kes identity ls [OPTIONS] [PATTERN]",
    after_help = usage::examples!("kes identity ls", "kes identity ls 'b804befd*'"),
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
            [] => "",
            [pattern] => pattern,
            _ => return Err(Failure::error("too many arguments. See 'kes identity ls --help'")),
        };
        let identities = self.connection.run(async |client| {
            let failed = Failure::while_doing("failed to list identities");
            client.list_identities(pattern).await.map_err(failed)
        })?;
        self.format.print_names("Identity", identities)
    }
}
