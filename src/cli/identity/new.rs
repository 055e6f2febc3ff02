//! `kes identity new`.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use kes_client::certificate::{self, IDENTITY_VALIDITY, IdentityCertificate};
use kes_client::pem;
use kes_core::{ApiKey, SecretText};

use super::files;
use crate::cli::duration;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Colour, Style, When};
use crate::cli::password::PasswordFlag;
use crate::cli::usage;

/// Create an API key, and a certificate for it
#[derive(Args, Debug)]
#[command(
    override_usage = "kes identity new [OPTIONS] [SUBJECT]",
    after_help = concat!(
        "Without --key and --cert nothing is written: an API key needs no files.\n\n",
        usage::examples!(
            "kes identity new",
            "kes identity new --key private.key --cert public.crt my-app",
            "kes identity new --key server.key --cert server.crt --dns kes.example.net"
        )
    ),
    args_override_self = true
)]
pub(crate) struct New {
    /// Write the private key here
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Write the certificate here
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,

    /// Address in the certificate; may be repeated
    #[arg(long, value_name = "IP", value_delimiter = ',')]
    ip: Vec<IpAddr>,

    /// DNS name in the certificate; may be repeated
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    dns: Vec<String>,

    /// How long the certificate is valid [default: 720h]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    expiry: Option<Duration>,

    /// Encrypt the private key with a password
    #[arg(long)]
    encrypt: bool,

    #[command(flatten)]
    password: PasswordFlag,

    /// Overwrite files
    #[arg(short, long)]
    force: bool,

    #[arg(hide = true)]
    subject: Vec<String>,
}

/// Names of the files that `kes tool identity new` writes by default.
const OLD_KEY_FILE: &str = "private.key";
const OLD_CERT_FILE: &str = "public.crt";

impl New {
    /// As `kes tool identity new`, which always writes files.
    pub(crate) fn run_as_tool(mut self, time: Option<String>) -> Result<(), Failure> {
        self.key.get_or_insert_with(|| OLD_KEY_FILE.into());
        self.cert.get_or_insert_with(|| OLD_CERT_FILE.into());
        if let Some(time) = time {
            self.expiry = Some(duration::parse(&time).map_err(|error| {
                Failure::error(format!(
                    "invalid argument {time:?} for \"-t, --time\" flag: {error}. See 'kes tool identity new --help'"
                ))
            })?);
        }
        self.run()
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        let see = |text: &str| Failure::error(format!("{text}. See 'kes identity new --help'"));
        if self.subject.len() > 1 {
            return Err(see("too many arguments"));
        }
        if self.password.is_given() && !self.encrypt {
            return Err(see("--password-file needs --encrypt as well"));
        }
        match (&self.key, &self.cert) {
            (Some(_), None) => Err(see("--key needs --cert as well")),
            (None, Some(_)) => Err(see("--cert needs --key as well")),
            (None, None) if self.wants_files() => Err(see(&format!(
                "--ip, --dns, --expiry, --encrypt and --force need the files to write: --key {OLD_KEY_FILE} --cert {OLD_CERT_FILE}"
            ))),
            (None, None) => self.run_without_files(),
            (Some(_), Some(_)) if self.expiry.is_some_and(|expiry| expiry.is_zero()) => {
                Err(see("--expiry must be longer than nothing"))
            }
            (Some(key), Some(cert)) => self.run_with_files(key, cert),
        }
    }

    fn wants_files(&self) -> bool {
        self.encrypt || self.force || self.expiry.is_some() || !self.ip.is_empty() || !self.dns.is_empty()
    }

    fn run_without_files(&self) -> Result<(), Failure> {
        if !self.subject.is_empty() {
            eprintln!(
                "hint: no file is written and the subject is not used, use --key {OLD_KEY_FILE} --cert {OLD_CERT_FILE} to make a certificate"
            );
        }
        print(&generate()?, None)
    }

    fn run_with_files(&self, key_path: &Path, cert_path: &Path) -> Result<(), Failure> {
        if !self.force {
            files::refuse_existing("private key", key_path)?;
            files::refuse_existing("certificate", cert_path)?;
        }
        let password = if self.encrypt { Some(self.password.fresh()?) } else { None };
        let key = generate()?;
        let content = IdentityCertificate {
            subject: self.subject.first().map(String::as_str),
            dns: &self.dns,
            ip: &self.ip,
            validity: self.expiry.unwrap_or(IDENTITY_VALIDITY),
        };
        let certificate = certificate::of_identity(&key, &content, SystemTime::now())
            .map_err(|error| Failure::error(error.to_string()))?;
        let key_pem = pem::write_private_key(&key.to_pkcs8(), password.as_ref().map(SecretText::expose))
            .map_err(|error| Failure::error(error.to_string()))?;
        let certificate_pem = pem::write_certificate(&certificate);
        files::write_pair((key_path, key_pem.expose()), (cert_path, certificate_pem.as_bytes()), self.force)?;
        print(&key, Some(Written { key: key_path, cert: cert_path, encrypted: self.encrypt }))
    }
}

fn generate() -> Result<ApiKey, Failure> {
    ApiKey::generate().map_err(|error| Failure::error(error.to_string()))
}

/// The files that were written.
struct Written<'a> {
    key: &'a Path,
    cert: &'a Path,
    encrypted: bool,
}

/// Prints key and identity. The API key of an encrypted private key is not shown: it would make the password useless.
fn print(key: &ApiKey, files: Option<Written<'_>>) -> Result<(), Failure> {
    let bold = |text: &str| {
        let when = if output::is_terminal() { When::Auto } else { When::Never };
        Style::of_stdout(when).paint(Colour::Bold, text)
    };
    let api_key = key.to_text();
    let shown = !files.as_ref().is_some_and(|files| files.encrypted);
    // Room for the whole text: a string that grows leaves copies of the key behind.
    let mut text = String::with_capacity(4096);
    // Writing to a string does not fail.
    if shown {
        let _ = write!(
            text,
            "Your API key:\n\n   {}\n\nIt is shown only once and must be kept secret.\n\n",
            bold(api_key.expose())
        );
    }
    let _ = write!(
        text,
        "Your Identity:\n\n   {}\n\nThe identity is not a secret and can be shared. Peers need it to know\nwho you are.\n\n",
        bold(key.identity().as_str())
    );
    if let Some(files) = &files {
        let _ = write!(
            text,
            "The private key was written to: {}\nThe certificate was written to: {}\n\n",
            files.key.display(),
            files.cert.display()
        );
    }
    text.push_str("The identity can be computed again with:\n\n");
    if shown {
        let _ = writeln!(text, "    kes identity of {}", api_key.expose());
    }
    if let Some(files) = &files {
        let _ = writeln!(text, "    kes identity of {}", files.cert.display());
    }
    output::print(SecretText::from(text).expose().as_bytes())
}
