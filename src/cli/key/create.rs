//! `kes key create`.

use clap::Args;

use super::miscounted;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::usage;

/// Create keys with random material
#[derive(Args, Debug)]
#[command(
    override_usage = "kes key create [OPTIONS] NAME...",
    after_help = usage::examples!("kes key create my-key", "kes key create my-key-1 my-key-2"),
    args_override_self = true
)]
pub(crate) struct Create {
    #[command(flatten)]
    connection: Connection,

    #[arg(hide = true)]
    names: Vec<String>,
}

/// Characters of 32 bytes in base64.
const ENCODED_KEY: usize = 44;

impl Create {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.names.is_empty() {
            return Err(miscounted("no key name specified", "create"));
        }
        // Until 2021 a second argument was the key to import. Taken as a name it would leave a key of that name with
        // random material behind, and the material that was meant to be imported unused.
        if self.names.iter().any(|name| name.len() == ENCODED_KEY && name.ends_with('=')) {
            return Err(Failure::error(
                "an argument looks like a key and not like a name, so nothing was created. To import a key, use 'kes key import NAME KEY'",
            ));
        }
        let names = self.names;
        self.connection.run(async |client| {
            for name in &names {
                let failed = Failure::while_doing(format!("failed to create key \"{name}\""));
                client.create_key(name).await.map_err(failed)?;
            }
            Ok(())
        })
    }
}
