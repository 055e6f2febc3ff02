//! How a command fails, and what it leaves behind (decision 39).

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use kes_client::{BuildError, Endpoint, Error, TrustError};
use kes_core::api_key;

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

    /// Turns what a client reports into a failure of what was being done: `failed to list keys`.
    pub(crate) fn while_doing(what: impl Display) -> impl Fn(Error) -> Self {
        move |error| Self::Error(format!("{what}: {}", explain(&error)))
    }

    /// Tells the user, and returns the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let mut stderr = std::io::stderr();
        // Where even this cannot be written, the exit code has to do. Servers and file names have their share in the text.
        let mut say = |text: &str| {
            let style = output::Style::of_stderr(std::io::stderr().is_terminal());
            let _ = writeln!(
                stderr,
                "{} {}",
                style.paint(Colour::Error, "Error:"),
                output::one_line(&without_api_keys(text))
            );
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

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(explain(&error))
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let hint = match error {
            BuildError::Trust(TrustError::Nothing { .. }) => {
                "; hint: name a file of them with --ca or in SSL_CERT_FILE"
            }
            _ => "",
        };
        Self::Error(format!("{error}{hint}"))
    }
}

/// The port of URLs that name none.
const HTTPS_PORT: u16 = 443;

/// What a client reports, and what can be done about it with the flags and commands of this program.
pub(crate) fn explain(error: &Error) -> String {
    let is_without_port =
        |endpoint: &str| endpoint.parse::<Endpoint>().is_ok_and(|endpoint| endpoint.port() == HTTPS_PORT);
    let hint = match error {
        Error::NotAllowed => "'kes policy explain PATH' tells which rule decides, or is missing",
        Error::Untrusted { .. } => {
            "trust its CA with --ca FILE or in SSL_CERT_FILE, or do not verify the server with -k/--insecure"
        }
        Error::Tls { .. } => "'kes doctor' tells what the server shows",
        Error::ClientCertificateRejected { .. } => {
            "where `tls.auth` is on, --key and --cert must name a certificate of a CA that the server trusts"
        }
        Error::Connect { endpoint, .. } if is_without_port(endpoint) => {
            "without a port 443 is meant, and servers usually listen on 7373: name it"
        }
        Error::Connect { .. } => "start the server, or name it with --server or in KES_SERVER",
        _ => return error.to_string(),
    };
    format!("{error}; hint: {hint}")
}

/// Text in which API keys are cut off behind their prefix. Arguments that are mistakes are shown, and one of them may be a
/// key that was meant for a flag.
fn without_api_keys(text: &str) -> String {
    let mut parts = text.split(api_key::PREFIX);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        let rest = part.trim_start_matches(is_base64);
        shown.push_str(api_key::PREFIX);
        if rest.len() < part.len() {
            shown.push('…');
        }
        shown.push_str(rest);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(endpoint: &str) -> Error {
        Error::Connect { endpoint: endpoint.to_owned(), reason: "Connection refused".to_owned() }
    }

    #[test]
    fn a_message_shows_no_api_key() {
        for (text, shown) in [
            ("\"kes:v1:canary+/9=\" is not a kes command", "\"kes:v1:…\" is not a kes command"),
            ("kes:v1:a kes:v1:b", "kes:v1:… kes:v1:…"),
            ("not `kes:v1:` and base64", "not `kes:v1:` and base64"),
        ] {
            assert_eq!(without_api_keys(text), shown);
        }
    }

    #[test]
    fn a_message_has_a_cause_and_a_cure() {
        for (error, text) in [
            (Error::KeyNotFound, "key does not exist"),
            (
                connect("h:7373"),
                "cannot connect to `h:7373`: Connection refused; hint: start the server, or name it with --server or in KES_SERVER",
            ),
            (
                connect("h"),
                "cannot connect to `h`: Connection refused; hint: without a port 443 is meant, and servers usually listen on 7373: name it",
            ),
        ] {
            assert_eq!(explain(&error), text);
        }
        let Failure::Error(text) = Failure::while_doing("failed to list keys")(Error::NotAllowed) else {
            panic!("an error")
        };
        assert!(
            text.starts_with(
                "failed to list keys: not authorized: insufficient permissions; hint: 'kes policy explain"
            ),
            "{text}"
        );
    }
}
