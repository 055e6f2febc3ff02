//! Help texts and what the program says of itself.

use clap::{Args, Command};
use kes::build;

use crate::cli::output::{self, Colour, Style, When};

/// The examples of a command, one per line.
macro_rules! examples {
    ($($line:literal),+ $(,)?) => {
        // The heading is that of `EXAMPLES`; `concat!` takes literals alone.
        concat!("Examples:", $("\n    $ ", $line),+)
    };
}
pub(crate) use examples;

/// The heading of [`examples!`].
pub(crate) const EXAMPLES: &str = "Examples:\n";

/// The layout of a command's help.
const LEAF: &str = "{about}\n\nUsage:\n    {usage}\n\nOptions:\n{options}{after-help}\n";

/// The layout of a group's help.
const GROUP: &str = "{about}\n\nUsage:\n    {usage}\n\nCommands:\n{subcommands}\n\nOptions:\n{options}{after-help}\n";

/// Widest help text, in columns.
const MAX_WIDTH: usize = 110;

/// Width of help texts elsewhere than in a terminal, in columns.
const USUAL_WIDTH: usize = 80;

/// Gives a command and all below it our layout.
pub(crate) fn finish(command: Command) -> Command {
    let template = if command.has_subcommands() { GROUP } else { LEAF };
    let after = command.get_after_help().map(|text| flowing(&text.to_string()));
    command
        .after_help(after.unwrap_or_default())
        .help_template(template)
        .disable_help_subcommand(true)
        .mut_subcommands(finish)
}

/// Text whose paragraphs are one line each, for whoever knows the width. Indented lines stay as they are.
fn flowing(text: &str) -> String {
    let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
    let mut flowing = String::with_capacity(text.len());
    let mut before = "";
    for line in text.lines() {
        if !flowing.is_empty() {
            flowing.push(if is_prose(before) && is_prose(line) { ' ' } else { '\n' });
        }
        flowing.push_str(line);
        before = line;
    }
    flowing
}

/// The help text of a command.
pub(crate) fn help(command: &Command) -> String {
    let width = output::width().map_or(USUAL_WIDTH, |width| width.min(MAX_WIDTH));
    let text = command.clone().term_width(width).render_help().to_string();
    text.trim_end().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A command and all below it, without what is accepted for old scripts and not advertised.
pub(crate) fn visible(command: &Command) -> Command {
    let mut visible = Command::new(command.get_name().to_owned())
        .disable_help_subcommand(true)
        .args(command.get_arguments().filter(|argument| !argument.is_hide_set()))
        .subcommands(command.get_subcommands().filter(|command| !command.is_hide_set()).map(visible));
    if let Some(about) = command.get_about() {
        visible = visible.about(about.clone());
    }
    if let Some(usage) = command.get_overridden_usage() {
        visible = visible.override_usage(usage.clone());
    }
    if let Some(help) = command.get_after_help() {
        visible = visible.after_help(help.clone());
    }
    visible
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn check(path: &str, command: &Command) {
        let help = help(command);
        assert!(help.contains(&format!("\nUsage:\n    {path}")), "{path}: {help}");
        assert!(help.contains("\nExamples:\n    $ "), "{path}: {help}");
        for line in help.lines() {
            assert!(line.chars().count() <= USUAL_WIDTH, "{path}: too wide: {line}");
        }
        for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
            check(&format!("{path} {}", command.get_name()), command);
        }
    }

    #[test]
    fn every_help_text_has_an_example_and_fits() {
        check("kes", &finish(crate::cli::Kes::command()));
    }

    #[test]
    fn paragraphs_flow_and_examples_do_not() {
        assert_eq!(flowing("a\nb\n\nc\nExamples:\n    $ d\n    $ e"), "a b\n\nc Examples:\n    $ d\n    $ e");
        assert_eq!(flowing("a\n\nExamples:\n    $ d"), "a\n\nExamples:\n    $ d");
    }

    #[test]
    fn what_is_not_advertised_is_not_visible() {
        let visible = visible(&crate::cli::Kes::command());
        assert!(visible.find_subcommand("tool").is_none() && visible.find_subcommand("key").is_some());
        let create = visible.find_subcommand("key").and_then(|key| key.find_subcommand("create")).expect("a command");
        let flags: Vec<&str> = create.get_arguments().filter_map(|flag| flag.get_long()).collect();
        assert!(flags.contains(&"server") && !flags.contains(&"enclave"), "{flags:?}");
        assert!(create.get_positionals().next().is_none());
    }
}
