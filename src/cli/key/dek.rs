//! `kes key dek`.

use clap::Args;

use super::{miscounted, print_bytes};
use crate::cli::connect::Connection;
use crate::cli::encoding;
use crate::cli::failure::Failure;
use crate::cli::usage;

/// Generate a data key, plain and encrypted
#[derive(Args, Debug)]
#[command(
    override_usage = "kes key dek [OPTIONS] NAME [CONTEXT]",
    after_help = concat!("CONTEXT is base64.\n\n", usage::examples!("kes key dek my-key")),
    args_override_self = true
)]
pub(crate) struct Dek {
    #[command(flatten)]
    connection: Connection,

    #[arg(hide = true)]
    arguments: Vec<String>,
}

impl Dek {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (name, context) = match self.arguments.as_slice() {
            [] => return Err(miscounted("no key name specified", "dek")),
            [name] => (name, ""),
            [name, context] => (name, context.as_str()),
            _ => return Err(miscounted("too many arguments", "dek")),
        };
        let context = encoding::decode("context", context.as_bytes())?;
        let key = self.connection.run(async |client| {
            let failed = Failure::while_doing("failed to derive key");
            client.generate_key(name, context.expose()).await.map_err(failed)
        })?;
        print_bytes(&[("plaintext", key.plaintext.expose()), ("ciphertext", &key.ciphertext)])
    }
}
