//! How a command fails, and what it leaves behind (decision 39).

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use crate::cli::output::{self, Colour};

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// One line for people.
    Error(String),
    /// Arguments were missing: the usage text.
    Usage(String),
    /// The answer is no, or a list of problems, and the output has said so.
    Told,
    /// The question has an answer that cannot be had: one line for people.
    CannotTell(String),
    /// Ctrl-C. Whoever pressed it knows.
    Interrupted,
    /// Nobody reads the output any more.
    OutputClosed,
}

const EXIT_USAGE: u8 = 2;

/// Neither yes nor no.
const EXIT_CANNOT_TELL: u8 = 3;

/// 128 plus the number of SIGINT.
const EXIT_INTERRUPTED: u8 = 130;

impl Failure {
    /// An error with this text.
    pub(crate) fn error(text: impl Into<String>) -> Self {
        Self::Error(text.into())
    }

    /// Tells the user, and returns the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let mut stderr = std::io::stderr();
        // Where even this cannot be written, the exit code has to do.
        let mut say = |text: &str| {
            let style = output::Style::of_stderr(std::io::stderr().is_terminal());
            let _ = writeln!(stderr, "{} {}", style.paint(Colour::Error, "Error:"), text.trim_end());
        };
        match self {
            Self::Error(text) => {
                say(&text);
                ExitCode::FAILURE
            }
            Self::CannotTell(text) => {
                say(&text);
                ExitCode::from(EXIT_CANNOT_TELL)
            }
            Self::Usage(text) => {
                let _ = stderr.write_all(text.as_bytes());
                ExitCode::from(EXIT_USAGE)
            }
            Self::Interrupted => ExitCode::from(EXIT_INTERRUPTED),
            Self::Told | Self::OutputClosed => ExitCode::FAILURE,
        }
    }
}
