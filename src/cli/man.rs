//! `kes man`: manual pages, made from the descriptions that help texts are made from.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use kes::build;

use crate::cli::failure::Failure;
use crate::cli::usage;

/// Write the manual pages, one per command
#[derive(Args, Debug)]
#[command(
    override_usage = "kes man DIRECTORY",
    after_help = usage::examples!("kes man /usr/local/share/man/man1"),
    args_override_self = true
)]
pub(crate) struct ManualPages {
    #[arg(hide = true)]
    directories: Vec<PathBuf>,
}

impl ManualPages {
    /// Writes the pages of `root` and all commands below.
    pub(crate) fn run(self, root: &Command) -> Result<(), Failure> {
        let [directory] = self.directories.as_slice() else {
            let what = if self.directories.is_empty() { "no directory specified" } else { "too many arguments" };
            return Err(Failure::error(format!("{what}. See 'kes man --help'")));
        };
        let mut root = usage::visible(root);
        root.build();
        let failed = |path: &PathBuf, error| Failure::error(format!("cannot write '{}': {error}", path.display()));
        fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
        let mut commands = vec![root];
        while let Some(command) = commands.pop() {
            let page = page(&command).map_err(|error| Failure::error(error.to_string()))?;
            let name = command.get_display_name().unwrap_or_else(|| command.get_name());
            let path = directory.join(format!("{name}.1"));
            fs::write(&path, page).map_err(|error| failed(&path, error))?;
            commands.extend(command.get_subcommands().cloned());
        }
        Ok(())
    }
}

fn page(command: &Command) -> std::io::Result<Vec<u8>> {
    let man = Man::new(command.clone()).source(format!("kes {}", build::VERSION)).manual("KES");
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (prose, examples) = help.split_once(usage::EXAMPLES).unwrap_or((&help, ""));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    if !prose.trim().is_empty() {
        paragraphs(prose).to_writer(&mut page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    if !examples.is_empty() {
        as_written("EXAMPLES", examples).to_writer(&mut page)?;
    }
    Ok(page)
}

fn paragraphs(text: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    for line in text.trim().lines() {
        if line.is_empty() {
            roff.control("PP", []);
        } else {
            roff.text([roman(line)]);
        }
    }
    roff
}

/// Text whose line ends stay.
fn as_written(heading: &str, text: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]).control("nf", []);
    for line in text.lines().filter(|line| !line.is_empty()) {
        roff.text([roman(line.strip_prefix("    ").unwrap_or(line))]);
    }
    roff.control("fi", []);
    roff
}
