//! Commands of older releases that are no more. Each says what to do instead, whatever its arguments are.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::usage;

/// A command of older releases
#[derive(Args, Debug)]
pub(crate) struct Gone {
    // Flags included: those of the command that was meant are not ours.
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Gone {
    /// Always fails, with this text.
    pub(crate) fn run(self, cure: &str) -> Result<(), Failure> {
        Err(Failure::error(cure))
    }
}

/// What to do instead of `kes init`.
pub(crate) const INIT: &str = "'kes init' is gone: a server needs no initialization but its configuration file. See 'kes server --help' and 'kes identity new --help'";

/// What to do instead of `kes enclave`.
pub(crate) const ENCLAVE: &str = "'kes enclave' is gone: all clients of a server share its keys, as far as its policies let them. For keys that are kept apart run several servers, each with a key store of its own";

/// What to do instead of `kes secret`.
pub(crate) const SECRET: &str = "'kes secret' is gone: the server keeps keys and nothing else. Keep the secret elsewhere, encrypted: see 'kes key encrypt --help'";

/// What to do instead of `kes gateway`.
pub(crate) const GATEWAY: &str = "'kes gateway' is now 'kes server': the `keystore` section of its configuration names the key store. See 'kes server --help'";

/// What to do instead of changing identities.
pub(crate) const IDENTITIES: &str =
    "identities are managed in the configuration file of the server: edit `policy`, then send it SIGHUP";

/// What to do instead of changing policies.
pub(crate) const POLICIES: &str =
    "policies are managed in the configuration file of the server: edit `policy`, then send it SIGHUP";

const UPDATE: &str = "'kes update' is not supported: this program does not download or replace itself. Install the release that you want as this one was installed (package, container image or binary), then restart the server";

/// Explain how to update
#[derive(Args, Debug)]
#[command(
    override_usage = "kes update [OPTIONS] [VERSION]",
    after_help = concat!(
        "This program does not download or replace itself: whatever the flags are, the command says what to do instead, ",
        "and its exit code is 1. The flags are those of older releases.\n\n",
        usage::examples!("kes --version")
    ),
    args_override_self = true
)]
pub(crate) struct Update {
    /// Without effect
    #[arg(short = 'k', long)]
    insecure: bool,

    /// Without effect
    #[arg(short, long)]
    downgrade: bool,

    /// Without effect
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Without effect
    #[arg(long, value_name = "OS")]
    os: Option<OsString>,

    /// Without effect
    #[arg(long, value_name = "ARCH")]
    arch: Option<OsString>,

    /// Without effect
    #[arg(long, value_name = "KEY")]
    minisign_key: Option<OsString>,

    #[arg(hide = true)]
    arguments: Vec<OsString>,
}

impl Update {
    /// Always fails.
    pub(crate) fn run(self) -> Result<(), Failure> {
        if self.arguments.len() > 1 {
            return Err(Failure::error("too many arguments. See 'kes update --help'"));
        }
        Err(Failure::error(UPDATE))
    }
}
