//! `kes config check`.

use std::path::PathBuf;

use clap::Args;
use kes_config::Overrides;

use crate::cli::failure::Failure;
use crate::cli::findings::{Finding, Findings};
use crate::cli::output::Format;
use crate::cli::usage;

/// Tell all problems of a configuration
#[derive(Args, Debug)]
#[command(
    override_usage = "kes config check [OPTIONS] FILE",
    after_help = concat!(
        "Looks at the file and at the certificates and keys that it names; connects and creates nothing. Run it as\n",
        "the user and with the environment of the server. The exit code is 1 if a server would not start, and 0 if\n",
        "there are warnings alone.\n\n",
        usage::examples!("kes config check kes-config.yaml", "kes config check --json /etc/kes/config.yaml")
    ),
    args_override_self = true
)]
pub(super) struct Check {
    #[command(flatten)]
    format: Format,

    #[arg(hide = true)]
    files: Vec<PathBuf>,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let file = match self.files.as_slice() {
            [file] => file,
            [] => return Err(Failure::error("no configuration file specified. See 'kes config check --help'")),
            _ => return Err(Failure::error("too many arguments. See 'kes config check --help'")),
        };
        let problems = kes::serve::check(file, &Overrides::default());
        let findings: Findings = problems.into_iter().map(Finding::from).collect();
        findings.print(&format!("{}: the configuration is valid", file.display()), self.format)
    }
}
