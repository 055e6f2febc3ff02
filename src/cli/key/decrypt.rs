//! `kes key decrypt`.

use clap::Args;

use super::input::{Input, Operands, input_help};
use super::print_bytes;
use crate::cli::encoding;
use crate::cli::failure::Failure;
use crate::cli::usage;

/// Decrypt a ciphertext
#[derive(Args, Debug)]
#[command(
    override_usage = "kes key decrypt [OPTIONS] NAME CIPHERTEXT [CONTEXT]",
    after_help = concat!(
        "CIPHERTEXT and CONTEXT are base64. ",
        input_help!("CIPHERTEXT"),
        "\n\n",
        usage::examples!(
            "CIPHERTEXT=$(kes key dek my-key | jq -r .ciphertext)",
            "kes key decrypt my-key \"$CIPHERTEXT\""
        )
    ),
    args_override_self = true
)]
pub(crate) struct Decrypt {
    #[command(flatten)]
    input: Input,
}

impl Decrypt {
    pub(super) fn run(self) -> Result<(), Failure> {
        let operands = Operands { command: "decrypt", missing: "no ciphertext specified", context: true };
        let given = self.input.read(operands)?;
        let ciphertext = encoding::decode("ciphertext", given.input.expose().trim_ascii())?;
        let plaintext = given.connection.run(async |client| {
            let failed = Failure::while_doing("failed to decrypt ciphertext");
            client.decrypt(&given.name, ciphertext.expose(), given.context.expose()).await.map_err(failed)
        })?;
        print_bytes(&[("plaintext", plaintext.expose())])
    }
}
