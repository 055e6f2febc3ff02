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
    /// Ctrl-C. Whoever pressed it knows.
    Interrupted,
    /// Nobody reads the output any more.
    OutputClosed,
}

const EXIT_USAGE: u8 = 2;

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
        match self {
            Self::Error(text) => {
                let style = output::Style::of_stderr(stderr.is_terminal());
                let _ = writeln!(stderr, "{} {}", style.paint(Colour::Error, "Error:"), text.trim_end());
                ExitCode::FAILURE
            }
            Self::Usage(text) => {
                let _ = stderr.write_all(text.as_bytes());
                ExitCode::from(EXIT_USAGE)
            }
            Self::Interrupted => ExitCode::from(EXIT_INTERRUPTED),
            Self::OutputClosed => ExitCode::FAILURE,
        }
    }
}
