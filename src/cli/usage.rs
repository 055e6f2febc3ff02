//! Help texts and what the program says of itself.

use clap::{Args, Command};
use kes::build;

use crate::cli::output::{Colour, Style, When};

/// The examples of a command, one per line.
macro_rules! examples {
    ($($line:literal),+ $(,)?) => {
        concat!("Examples:", $("\n    $ ", $line),+)
    };
}
pub(crate) use examples;

/// The layout of a command's help.
const LEAF: &str = "{about}\n\nUsage:\n    {usage}\n\nOptions:\n{options}{after-help}\n";

/// The layout of a group's help.
const GROUP: &str = "{about}\n\nUsage:\n    {usage}\n\nCommands:\n{subcommands}\n\nOptions:\n{options}{after-help}\n";

/// Widest help text, in columns.
const MAX_WIDTH: usize = 110;

/// Gives a command and all below it our layout.
pub(crate) fn finish(command: Command) -> Command {
    let template = if command.has_subcommands() { GROUP } else { LEAF };
    command.help_template(template).max_term_width(MAX_WIDTH).disable_help_subcommand(true).mut_subcommands(finish)
}

/// The help text of a command.
pub(crate) fn help(command: &Command) -> String {
    let text = command.clone().render_help().to_string();
    format!("{}\n", text.trim_end())
}

/// The help text of a command that knows only its own flags.
pub(crate) fn help_of<Flags: Args>(path: &'static str) -> String {
    help(&finish(Flags::augment_args(Command::new(path))))
}

/// The four lines of `--version`. Scripts read the second column of the first.
pub(crate) fn version() -> String {
    let style = Style::of_stdout(When::Auto);
    let line = |(label, value, detail): (&str, String, String)| {
        format!("{label:<10} {value:<22} {}\n", style.paint(Colour::Faint, &detail))
    };
    build::about().into_iter().map(line).collect()
}
