//! `kes ls`: the three lists under one name.

use clap::Args;

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::key::without_records;
use crate::cli::output::Format;
use crate::cli::usage;

/// List keys, identities or policies
#[derive(Args, Debug)]
#[command(
    override_usage = "kes ls [OPTIONS] [PREFIX]",
    after_help = usage::examples!("kes ls", "kes ls my-", "kes ls --identity", "kes ls --policy"),
    args_override_self = true
)]
pub(crate) struct Ls {
    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    format: Format,

    /// List identities
    #[arg(short, long)]
    identity: bool,

    /// List policies
    #[arg(short, long)]
    policy: bool,

    #[arg(hide = true)]
    prefixes: Vec<String>,
}

impl Ls {
    pub(super) fn run(self) -> Result<(), Failure> {
        let prefix = match self.prefixes.as_slice() {
            [] => "",
            [prefix] => prefix,
            _ => return Err(Failure::error("too many arguments. See 'kes ls --help'")),
        };
        match (self.identity, self.policy) {
            (true, true) => Err(Failure::error("--identity and --policy cannot be used together")),
            (true, false) => {
                let names = self.connection.run(async |client| Ok(client.list_identities(prefix).await?))?;
                self.format.print_names("Identity", names)
            }
            (false, true) => {
                let names = self.connection.run(async |client| Ok(client.list_policies(prefix).await?))?;
                self.format.print_names("Policy", names)
            }
            (false, false) => {
                let names = self.connection.run(async |client| Ok(client.list_keys(prefix).await?))?;
                self.format.print_names("Key", without_records(names))
            }
        }
    }
}
