//! `kes server`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use kes::serve::Options;

use crate::cli::usage;

/// Start a server
#[derive(Args, Debug)]
#[command(
    override_usage = "kes server --config FILE [--addr [IP]:PORT]\n    kes server --dev [--addr [IP]:PORT]",
    after_help = usage::examples!("kes server --config kes-config.yaml", "kes server --dev"),
    args_override_self = true
)]
pub(crate) struct ServerArgs {
    /// Listen here; beats the address in the configuration
    #[arg(long, value_name = "[IP]:PORT")]
    addr: Option<String>,

    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Keys in memory and a fresh API key, for development
    #[arg(long)]
    dev: bool,

    /// Check the configuration, start nothing
    #[arg(long)]
    check: bool,

    #[arg(long, value_name = "FILE", hide = true)]
    key: Option<PathBuf>,

    #[arg(long, value_name = "FILE", hide = true)]
    cert: Option<PathBuf>,

    #[arg(long, value_name = "on|off", hide = true)]
    auth: Option<String>,

    #[arg(long, value_name = "IDENTITY", hide = true)]
    root: Option<String>,

    #[arg(long, hide = true)]
    mlock: bool,

    #[arg(short, long, hide = true)]
    quiet: bool,

    #[arg(hide = true)]
    arguments: Vec<String>,
}

/// Runs the server until it is stopped.
pub(crate) fn run(args: ServerArgs) -> ExitCode {
    if !args.arguments.is_empty() {
        return crate::cli::failure::Failure::error("too many arguments. See 'kes server --help'").report();
    }
    let old = [("--mlock", args.mlock), ("--quiet", args.quiet)];
    kes::serve::run(&Options {
        address: args.addr,
        config: args.config,
        dev: args.dev,
        check: args.check,
        key: args.key,
        cert: args.cert,
        auth: args.auth,
        root: args.root,
        ignored: old.into_iter().filter(|flag| flag.1).map(|flag| flag.0).collect(),
    })
}
