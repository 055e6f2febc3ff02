//! `kes policy ls`.

use clap::Args;

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output::Format;
use crate::cli::usage;

/// List the names of policies
#[derive(Args, Debug)]
#[command(
    override_usage = "kes policy ls [OPTIONS] [PATTERN]",
    after_help = usage::examples!("kes policy ls", "kes policy ls 'my-policy*'"),
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
            [pattern] => pattern,
            _ => return Err(Failure::error("too many arguments. See 'kes policy ls --help'")),
        };
        let policies = self.connection.run(async |client| {
            let failed = Failure::while_doing("failed to list policies");
            client.list_policies(pattern).await.map_err(failed)
        })?;
        self.format.print_names("Policy", policies)
    }
}
