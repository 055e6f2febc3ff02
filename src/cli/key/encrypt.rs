//! `kes key encrypt`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::{miscounted, print_bytes};
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::usage;

/// Encrypt a message
#[derive(Args, Debug)]
#[command(
    override_usage = "kes key encrypt [OPTIONS] NAME MESSAGE",
    after_help = usage::examples!("kes key encrypt my-key \"Hello World\""),
    args_override_self = true
)]
pub(crate) struct Encrypt {
    #[command(flatten)]
    connection: Connection,

    #[arg(hide = true)]
    arguments: Vec<OsString>,
}

impl Encrypt {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (name, message) = match self.arguments.as_slice() {
            [] => return Err(miscounted("no key name specified", "encrypt")),
            [_] => return Err(miscounted("no message specified", "encrypt")),
            [name, message] => (name.to_string_lossy(), message.as_bytes()),
            _ => return Err(miscounted("too many arguments", "encrypt")),
        };
        let ciphertext = self.connection.run(async |client| {
            let failed = |error| Failure::error(format!("failed to encrypt message: {error}"));
            client.encrypt(&name, message, b"").await.map_err(failed)
        })?;
        print_bytes(&[("ciphertext", &ciphertext)])
    }
}
