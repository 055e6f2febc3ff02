//! Shell completion: scripts, and the older way in which the shell asks the program itself.

mod old;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::usage;

pub(crate) use old::{answer, install};

/// Print a script that completes commands and flags
#[derive(Args, Debug)]
#[command(
    override_usage = "kes completion bash | zsh | fish",
    after_help = usage::examples!(
        "kes completion bash > ~/.local/share/bash-completion/completions/kes",
        "kes completion zsh > ~/.zfunc/_kes",
        "kes completion fish > ~/.config/fish/completions/kes.fish",
    ),
    args_override_self = true
)]
pub(crate) struct Completion {
    #[arg(hide = true)]
    shells: Vec<String>,
}

impl Completion {
    /// Prints the script for the commands below `root`.
    pub(crate) fn run(self, root: &Command) -> Result<(), Failure> {
        let mistake = |what: &str| Failure::error(format!("{what}. See 'kes completion --help'"));
        let shell = match self.shells.as_slice() {
            [] => return Err(mistake("no shell specified: use bash, zsh or fish")),
            [shell] => match shell.as_str() {
                "bash" => Shell::Bash,
                "zsh" => Shell::Zsh,
                "fish" => Shell::Fish,
                other => return Err(mistake(&format!("no completion for '{other}': use bash, zsh or fish"))),
            },
            _ => return Err(mistake("too many arguments")),
        };
        let mut script = Vec::new();
        let mut command = usage::visible(root);
        let name = command.get_name().to_owned();
        clap_complete::generate(shell, &mut command, name, &mut script);
        output::print(&script)
    }
}
