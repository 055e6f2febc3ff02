//! The command line.
//!
//! Commands are described with clap, which help texts and completion are made from. The arguments themselves are read as
//! the reference reads them ([`flags`]): scripts depend on `-k=false`, on the texts of errors and on flags that may stand
//! anywhere after the command.

mod completion;
mod config;
mod connect;
mod doctor;
mod duration;
mod encoding;
mod failure;
mod findings;
mod flags;
mod gone;
mod healthcheck;
mod identity;
mod key;
mod log;
mod ls;
mod man;
mod metric;
mod migrate;
mod output;
mod password;
mod policy;
mod secret_input;
mod server;
mod status;
mod tool;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use failure::Failure;
use flags::Request;

#[derive(Debug, Parser)]
#[command(
    name = "kes",
    about = "A key encryption service",
    override_usage = "kes [COMMAND]",
    after_help = usage::examples!("kes server --dev", "kes key create my-key", "kes identity new"),
    args_override_self = true,
    disable_help_subcommand = true,
    disable_version_flag = true
)]
struct Kes {
    #[command(subcommand)]
    command: Option<Command>,

    /// Print what this program is
    #[arg(short, long)]
    version: bool,

    /// Install completion for bash or zsh
    #[arg(long, hide = true)]
    auto_completion: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Server(server::ServerArgs),
    Healthcheck(healthcheck::Healthcheck),
    Doctor(doctor::Doctor),
    Key(key::Key),
    Identity(identity::Identity),
    Policy(policy::Policy),
    Config(config::Config),
    Ls(ls::Ls),
    Log(log::Log),
    #[command(name = "status")]
    Status(status::StatusCommand),
    Metric(metric::Metric),
    Migrate(migrate::Migrate),
    Completion(completion::Completion),
    #[command(name = "man")]
    ManualPages(man::ManualPages),
    #[command(hide = true)]
    Update(gone::Update),
    #[command(hide = true)]
    Tool(tool::Tool),
    #[command(hide = true)]
    Init(gone::Gone),
    #[command(hide = true)]
    Enclave(gone::Gone),
    #[command(hide = true)]
    Secret(gone::Gone),
    #[command(hide = true)]
    Gateway(gone::Gone),
}

/// Runs what the arguments ask for; the first of them is the program.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn dispatch(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let root = usage::finish(Kes::command());
    if let Some(candidates) = completion::answer(&root, |name| std::env::var(name).ok()) {
        output::print(candidates.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let (command, path, words) = match flags::read(&root, arguments)? {
        Request::Help(command) => {
            output::print(usage::help(&command).as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        Request::Run { command, path, words } => (command, path, words),
    };
    let matches = root.clone().try_get_matches_from(words).map_err(|error| flags::explain(&error, &command, &path))?;
    let kes = Kes::from_arg_matches(&matches).map_err(|error| flags::explain(&error, &command, &path))?;
    match kes.command {
        Some(Command::Server(args)) => return Ok(server::run(args)),
        Some(Command::Healthcheck(args)) => args.run(),
        Some(Command::Doctor(args)) => return args.run(),
        Some(Command::Key(args)) => key::run(args),
        Some(Command::Identity(args)) => identity::run(args),
        Some(Command::Policy(args)) => policy::run(args),
        Some(Command::Config(args)) => config::run(args),
        Some(Command::Ls(args)) => args.run(),
        Some(Command::Log(args)) => args.run(),
        Some(Command::Status(args)) => args.run(),
        Some(Command::Metric(args)) => args.run(),
        Some(Command::Migrate(args)) => args.run(),
        Some(Command::Completion(args)) => args.run(&root),
        Some(Command::ManualPages(args)) => args.run(&root),
        Some(Command::Update(args)) => args.run(),
        Some(Command::Tool(args)) => tool::run(args),
        Some(Command::Init(args)) => args.run(gone::INIT),
        Some(Command::Enclave(args)) => args.run(gone::ENCLAVE),
        Some(Command::Secret(args)) => args.run(gone::SECRET),
        Some(Command::Gateway(args)) => args.run(gone::GATEWAY),
        None if kes.version => output::print(usage::version().as_bytes()),
        None if kes.auto_completion => completion::install(),
        None => Err(Failure::Usage(usage::help(&command))),
    }?;
    Ok(ExitCode::SUCCESS)
}
