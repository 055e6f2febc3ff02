//! `kes key decrypt`.

use clap::Args;

use super::{miscounted, print_bytes};
use crate::cli::connect::Connection;
use crate::cli::encoding;
use crate::cli::failure::Failure;
use crate::cli::usage;

/// Decrypt a ciphertext
#[derive(Args, Debug)]
#[command(
    override_usage = "kes key decrypt [OPTIONS] NAME CIPHERTEXT [CONTEXT]",
    after_help = concat!(
        "CIPHERTEXT and CONTEXT are base64.\n\n",
        usage::examples!("CIPHERTEXT=$(kes key dek my-key | jq -r .ciphertext)", "kes key decrypt my-key \"$CIPHERTEXT\"")
    ),
    args_override_self = true
)]
pub(crate) struct Decrypt {
    #[command(flatten)]
    connection: Connection,

    #[arg(hide = true)]
    arguments: Vec<String>,
}

impl Decrypt {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (name, ciphertext, context) = match self.arguments.as_slice() {
            [] => return Err(miscounted("no key name specified", "decrypt")),
            [_] => return Err(miscounted("no ciphertext specified", "decrypt")),
            [name, ciphertext] => (name, ciphertext, ""),
            [name, ciphertext, context] => (name, ciphertext, context.as_str()),
            _ => return Err(miscounted("too many arguments", "decrypt")),
        };
        let ciphertext = encoding::decode("ciphertext", ciphertext.as_bytes())?;
        let context = encoding::decode("context", context.as_bytes())?;
        let plaintext = self.connection.run(async |client| {
            let failed = |error| Failure::error(format!("failed to decrypt ciphertext: {error}"));
            client.decrypt(name, ciphertext.expose(), context.expose()).await.map_err(failed)
        })?;
        print_bytes(&[("plaintext", plaintext.expose())])
    }
}
