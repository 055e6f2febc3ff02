//! `kes key import`.

use clap::Args;
use kes_core::Algorithm;

use super::input::{Input, Operands, input_help};
use crate::cli::encoding;
use crate::cli::failure::Failure;
use crate::cli::usage;

/// Import a key of 32 bytes
#[derive(Args, Debug)]
#[command(
    override_usage = "kes key import [OPTIONS] NAME KEY",
    after_help = concat!(
        "KEY is base64. ",
        input_help!("KEY"),
        "\n\n",
        usage::examples!(
            "kes key import my-key Xlnr/nOgAWE5cA7GAsl3L2goCvmfs6KE0gNgB1T93wE=",
            "openssl rand -base64 32 | kes key import my-key -"
        )
    ),
    args_override_self = true
)]
pub(crate) struct Import {
    #[command(flatten)]
    input: Input,
}

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        let operands = Operands { command: "import", missing: "no crypto key specified", context: false };
        let given = self.input.read(operands)?;
        let key = encoding::decode("key", given.input.expose().trim_ascii())?;
        let name = &given.name;
        given.connection.run(async |client| {
            let failed = Failure::while_doing(format!("failed to import \"{name}\""));
            client.import_key(name, key, Algorithm::Aes256).await.map_err(failed)
        })
    }
}
