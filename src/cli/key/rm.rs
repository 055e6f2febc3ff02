//! `kes key rm`.

use clap::Args;

use super::miscounted;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::usage;

/// Delete keys; what was encrypted with them is lost
#[derive(Args, Debug)]
#[command(
    override_usage = "kes key rm [OPTIONS] NAME...",
    after_help = usage::examples!("kes key rm my-key", "kes key rm my-key-1 my-key-2"),
    args_override_self = true
)]
pub(crate) struct Rm {
    #[command(flatten)]
    connection: Connection,

    #[arg(hide = true)]
    names: Vec<String>,
}

impl Rm {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.names.is_empty() {
            return Err(miscounted("no key name specified", "rm"));
        }
        let names = self.names;
        self.connection.run(async |client| {
            for name in &names {
                let failed = Failure::while_doing(format!("failed to remove key \"{name}\""));
                client.delete_key(name).await.map_err(failed)?;
            }
            Ok(())
        })
    }
}
