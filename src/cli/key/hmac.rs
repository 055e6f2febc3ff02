//! `kes key hmac`.

use clap::Args;

use super::input::{Input, Operands, input_help};
use super::print_bytes;
use crate::cli::failure::Failure;
use crate::cli::usage;

/// Compute the HMAC-SHA256 of a message
#[derive(Args, Debug)]
#[command(
    override_usage = "kes key hmac [OPTIONS] NAME MESSAGE",
    after_help = concat!(
        "The same key and message give the same HMAC. MESSAGE is taken as it is. ",
        input_help!("MESSAGE"),
        "\n\n",
        usage::examples!("kes key hmac my-key \"Hello World\"", "kes key hmac my-key --file message.bin")
    ),
    args_override_self = true
)]
pub(crate) struct Hmac {
    #[command(flatten)]
    input: Input,
}

impl Hmac {
    pub(super) fn run(self) -> Result<(), Failure> {
        let operands = Operands { command: "hmac", missing: "no message specified", context: false };
        let given = self.input.read(operands)?;
        let hmac = given.connection.run(async |client| {
            let failed = Failure::while_doing("failed to compute HMAC");
            client.hmac(&given.name, given.input.expose()).await.map_err(failed)
        })?;
        print_bytes(&[("hmac", hmac.expose())])
    }
}
