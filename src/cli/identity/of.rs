//! `kes identity of`.

use std::ffi::OsString;
use std::io::{IsTerminal, Read};
use std::path::Path;

use clap::Args;
use kes_client::{certificate, pem};
use kes_core::{ApiKey, Identity, api_key};

use crate::cli::failure::Failure;
use crate::cli::output::{self, Colour, Style, When};
use crate::cli::usage;

/// Compute the identity of an API key or a certificate
#[derive(Args, Debug)]
#[command(
    override_usage = "kes identity of API-KEY | CERT-FILE...",
    after_help = concat!(
        "A certificate is read from stdin if the file is -. Several identities are printed one per line.\n\n",
        usage::examples!("kes identity of kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc", "kes identity of public.crt")
    ),
    args_override_self = true
)]
pub(crate) struct Of {
    /// The hash function; there is only SHA-256
    #[arg(long, value_name = "HASH", hide = true)]
    hash: Option<String>,

    #[arg(hide = true)]
    arguments: Vec<OsString>,
}

/// Most that is read of a certificate file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

impl Of {
    /// As `kes tool identity of`, which reads stdin if there is no argument.
    pub(crate) fn run_as_tool(mut self) -> Result<(), Failure> {
        if self.arguments.is_empty() && !std::io::stdin().is_terminal() {
            self.arguments.push("-".into());
        }
        self.run()
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(hash) = self.hash.filter(|hash| !hash.eq_ignore_ascii_case("SHA-256")) {
            return Err(Failure::error(format!(
                "invalid argument {hash:?} for \"--hash\" flag: expected SHA-256. See 'kes identity of --help'"
            )));
        }
        if self.arguments.is_empty() {
            return Err(Failure::error("no API key or certificate specified. See 'kes identity of --help'"));
        }
        let identities: Vec<Identity> = self.arguments.iter().map(identity_of).collect::<Result<_, _>>()?;
        let lines =
            |identities: &[Identity]| identities.iter().map(|identity| format!("{identity}\n")).collect::<String>();
        match identities.as_slice() {
            [identity] if output::is_terminal() => {
                let bold = Style::of_stdout(When::Auto).paint(Colour::Bold, identity.as_str());
                output::print(format!("Identity:\n\n   {bold}\n").as_bytes())
            }
            [identity] => output::print(identity.as_str().as_bytes()),
            several => output::print(lines(several).as_bytes()),
        }
    }
}

/// The identity of an API key or of the first certificate of a file.
pub(crate) fn identity_of(argument: &OsString) -> Result<Identity, Failure> {
    if let Some(text) = argument.to_str().filter(|text| text.starts_with(api_key::PREFIX)) {
        let key: ApiKey = text.parse().map_err(|error: api_key::InvalidApiKey| Failure::error(error.to_string()))?;
        return Ok(key.identity());
    }
    let path = Path::new(argument);
    let shown = path.display();
    let mut pem = Vec::new();
    let result = if argument == "-" {
        std::io::stdin().take(MAX_FILE).read_to_end(&mut pem)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut pem))
    };
    result.map_err(|error| Failure::error(format!("cannot read '{shown}': {error}")))?;
    let failed =
        |error: &dyn std::fmt::Display| Failure::error(format!("failed to parse certificate in '{shown}': {error}"));
    let certificates = pem::read_certificates(&pem).map_err(|error| failed(&error))?;
    // A file without a certificate is an error of its own, so there is a first one.
    let first = certificates.first().ok_or_else(|| failed(&pem::PemError::NotPem))?;
    certificate::identity(first).map_err(|error| failed(&error))
}
