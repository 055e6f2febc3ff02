//! What commands write to stdout. Whether it is a terminal decides the form; stderr has no say.

use std::io::{ErrorKind, IsTerminal, Write};

use clap::Args;
use kes_core::Timestamp;
use serde::Serialize;

use crate::cli::failure::Failure;

pub(crate) use style::{Colour, Style, When};
pub(crate) use table::labelled;

mod style;
mod table;

/// Writes `text` to stdout, as it is.
pub(crate) fn print(text: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::error(format!("cannot write the output: {error}")),
    })
}

/// Writes one line of JSON to stdout.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut json = serde_json::to_vec(value).map_err(|error| Failure::error(error.to_string()))?;
    json.push(b'\n');
    print(&json)
}

/// Whether people read stdout.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Writes JSON to stdout: one line for programs, indented for people.
pub(crate) fn print_json_for_reader(value: &impl Serialize) -> Result<(), Failure> {
    if !is_terminal() {
        return print_json(value);
    }
    let json = serde_json::to_string_pretty(value).map_err(|error| Failure::error(error.to_string()))?;
    print(format!("{json}\n").as_bytes())
}

/// The form of what a command prints; a group of flags.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Format {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// When to use colours: auto, always or never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub(crate) color: When,
}

impl Format {
    /// How to colour what goes to stdout.
    pub(crate) fn style(self) -> Style {
        Style::of_stdout(self.color)
    }

    /// Writes a header and names, or an array of them. Nothing at all if there is no name.
    pub(crate) fn print_names(self, header: &str, mut names: Vec<String>) -> Result<(), Failure> {
        names.sort_unstable();
        if self.json {
            return print_json(&names);
        }
        let names: Vec<String> = names.iter().map(|name| harmless(name)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let header = self.style().paint(Colour::Header, header);
        print(format!("{header}\n{}\n", names.join("\n")).as_bytes())
    }
}

/// Columns of the terminal that shows stdout; `None` if there is none, or it does not say.
pub(crate) fn width() -> Option<usize> {
    rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| size.ws_col.into()).filter(|&width| width > 0)
}

/// Text of others for a terminal: what could move the cursor or change colours is shown as a replacement character.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Text of others in one line, and harmless.
pub(crate) fn one_line(text: &str) -> String {
    harmless(&text.trim_end().replace('\n', " "))
}

/// Bytes in decimal units: `512.0B`, `524.3KB`, `1.2MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KB", "MB", "GB", "TB", "PB", "EB"];
    if bytes == 0 {
        return "0B".to_owned();
    }
    // A float has more digits than are shown.
    let (mut value, mut unit) = (bytes as f64, "B");
    for larger in UNITS {
        // What would be shown as 1000.0 is 1.0 of the next unit.
        if value < 999.95 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    format!("{value:.1}{unit}")
}

/// A moment for people: UTC, to the second.
pub(crate) fn time(time: Timestamp) -> String {
    let text = time.utc().to_string();
    let seconds = text.get(..19).unwrap_or(&text).replace('T', " ");
    format!("{seconds}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_decimal_units() {
        for (bytes, text) in [
            (0, "0B"),
            (512, "512.0B"),
            (999, "999.0B"),
            (999_949, "999.9KB"),
            (999_950, "1.0MB"),
            (524_288, "524.3KB"),
            (3_400_000_000, "3.4GB"),
            (u64::MAX, "18.4EB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn text_of_others_cannot_move_the_cursor() {
        assert_eq!(harmless("a\u{1b}[2J\r\nb\u{9b}é"), "a\u{fffd}[2J\u{fffd}\u{fffd}b\u{fffd}é");
        assert_eq!(one_line("404\nnot \u{1b}[2Jfound\n\n"), "404 not \u{fffd}[2Jfound");
    }

    #[test]
    fn times_are_utc() {
        let moment = Timestamp::parse("2026-01-02T05:04:05.678+02:00").expect("a time");
        assert_eq!(time(moment), "2026-01-02 03:04:05Z");
    }
}
