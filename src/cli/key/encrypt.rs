//! `kes key encrypt`.

use clap::Args;

use super::input::{Input, Operands, input_help};
use super::print_bytes;
use crate::cli::failure::Failure;
use crate::cli::usage;

/// Encrypt a message
#[derive(Args, Debug)]
#[command(
    override_usage = "kes key encrypt [OPTIONS] NAME MESSAGE [CONTEXT]",
    after_help = concat!(
        "MESSAGE is taken as it is; CONTEXT is base64, and is needed again to decrypt. ",
        input_help!("MESSAGE"),
        "\n\n",
        usage::examples!("kes key encrypt my-key \"Hello World\"", "kes key encrypt my-key --file secret.txt")
    ),
    args_override_self = true
)]
pub(crate) struct Encrypt {
    #[command(flatten)]
    input: Input,
}

impl Encrypt {
    pub(super) fn run(self) -> Result<(), Failure> {
        let operands = Operands { command: "encrypt", missing: "no message specified", context: true };
        let given = self.input.read(operands)?;
        let ciphertext = given.connection.run(async |client| {
            let failed = Failure::while_doing("failed to encrypt message");
            client.encrypt(&given.name, given.input.expose(), given.context.expose()).await.map_err(failed)
        })?;
        print_bytes(&[("ciphertext", &ciphertext)])
    }
}
