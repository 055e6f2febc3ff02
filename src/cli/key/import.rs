//! `kes key import`.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use kes_core::{Algorithm, SecretBytes, SecretText};

use super::miscounted;
use crate::cli::connect::Connection;
use crate::cli::encoding;
use crate::cli::failure::Failure;
use crate::cli::usage;

/// Import a key of 32 bytes
#[derive(Args, Debug)]
#[command(
    override_usage = "kes key import [OPTIONS] NAME KEY\n    kes key import [OPTIONS] NAME -\n    kes key import [OPTIONS] --file FILE NAME",
    after_help = concat!(
        "KEY is the key in base64, or - to read it from stdin, which keeps it out of the process list.\n\n",
        usage::examples!(
            "kes key import my-key Xlnr/nOgAWE5cA7GAsl3L2goCvmfs6KE0gNgB1T93wE=",
            "openssl rand -base64 32 | kes key import my-key -"
        )
    ),
    args_override_self = true
)]
pub(crate) struct Import {
    #[command(flatten)]
    connection: Connection,

    /// Read the key from stdin
    #[arg(long)]
    stdin: bool,

    /// Read the key from a file
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,

    #[arg(hide = true)]
    arguments: Vec<String>,
}

/// Most that is read of a file or of stdin, in bytes: a key in base64 with some blanks.
const MAX_INPUT: u64 = 4096;

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut arguments = self.arguments.into_iter();
        let name = arguments.next().ok_or_else(|| miscounted("no key name specified", "import"))?;
        let argument = arguments.next().map(SecretText::from);
        let elsewhere = self.stdin || self.file.is_some();
        if arguments.next().is_some() || argument.is_some() && elsewhere || self.stdin && self.file.is_some() {
            return Err(miscounted("too many arguments", "import"));
        }
        let text = match (argument, self.file) {
            (_, Some(file)) => {
                let failed = |error| Failure::error(format!("cannot read '{}': {error}", file.display()));
                read(std::fs::File::open(&file).map_err(failed)?, &file.display().to_string())?
            }
            (Some(argument), None) if argument.expose() != "-" => argument.expose().as_bytes().into(),
            (None, None) if !self.stdin => return Err(miscounted("no crypto key specified", "import")),
            _ => read(std::io::stdin(), "stdin")?,
        };
        let key = encoding::decode("key", text.expose().trim_ascii())?;
        self.connection.run(async |client| {
            let failed = |error| Failure::error(format!("failed to import \"{name}\": {error}"));
            client.import_key(&name, key, Algorithm::Aes256).await.map_err(failed)
        })
    }
}

fn read(source: impl Read, name: &str) -> Result<SecretBytes, Failure> {
    let mut bytes = Vec::with_capacity(MAX_INPUT as usize);
    let result = source.take(MAX_INPUT).read_to_end(&mut bytes);
    let bytes = SecretBytes::from(bytes);
    result.map_err(|error| Failure::error(format!("cannot read '{name}': {error}")))?;
    Ok(bytes)
}
