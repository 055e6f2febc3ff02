//! `kes doctor`: why something does not work, and what to do about it.
//!
//! Looks from the outside, as clients do, step by step; with a configuration also at what the server would do with it.
//! No key is read, and none is made but for `--probe`. A key store is connected as a running server does it: the one in
//! a directory tries there whether it can write, and takes away what interrupted writers left.

mod access;
mod certificate;
mod clock;
mod configuration;
mod endpoint;
mod finding;
mod minio;
mod probe;
mod report;
mod service;
mod store;
mod warnings;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use kes_client::Builder;

use crate::cli::connect::{self, Connection};
use crate::cli::failure::Failure;
use crate::cli::output::Format;
use crate::cli::{duration, usage};
use endpoint::Examination;
use finding::{Finding, Subject};
use report::Report;

/// Find out why something does not work, and what to do about it
#[derive(Args, Debug)]
#[command(
    override_usage = "kes doctor [OPTIONS]",
    after_help = concat!(
        "Each server is looked at: name, connection, certificate, protocol, clock, who you are and what\n",
        "MinIO may do as you (with the key of MINIO_KMS_KES_KEY_NAME, if that is set), key store. With\n",
        "--config the configuration, its TLS files and its key store are looked at, and servers only if\n",
        "they are named; run it as the user that the server runs as.\n\n",
        "With --json each finding is a line: subject, check, state (ok, skipped, warning, problem),\n",
        "message, hint. The exit code is 1 if there is a problem, and 0 for warnings alone.\n\n",
        usage::examples!(
            "kes doctor --server kes-1:7373,kes-2:7373",
            "kes doctor --config /etc/kes/config.yaml --probe"
        )
    ),
    args_override_self = true
)]
pub(crate) struct Doctor {
    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    format: Format,

    /// Look at this configuration, its files and its key store
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Create, read and delete an entry in the key store of --config
    #[arg(long)]
    probe: bool,

    /// How long each step may take
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse)]
    timeout: Duration,

    #[arg(hide = true)]
    arguments: Vec<String>,
}

impl Doctor {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let mistake = |what: &str| Failure::error(format!("{what}. See 'kes doctor --help'"));
        if !self.arguments.is_empty() {
            return Err(mistake("too many arguments"));
        }
        if self.probe && self.config.is_none() {
            return Err(mistake("'--probe' needs '--config'"));
        }
        if self.timeout.is_zero() {
            return Err(mistake("'--timeout' must be more than 0"));
        }
        let mut report = Report::default();
        let mut interrupted = false;
        if self.config.is_none() || self.connection.names_servers() {
            self.examine_servers(&mut report)?;
        }
        if let Some(file) = &self.config {
            // What is created has to be deleted again, whatever is pressed.
            let looking = configuration::examine(file, self.timeout, self.probe);
            let (subject, was_interrupted) = connect::to_its_end(looking)?;
            report.add(subject);
            interrupted = was_interrupted;
        }
        report.print(self.format)?;
        if interrupted { Err(Failure::Interrupted) } else { Ok(report.exit_code()) }
    }

    fn examine_servers(&self, report: &mut Report) -> Result<(), Failure> {
        let servers = self.connection.servers()?;
        // Without credentials there is still much to see.
        let identity = match self.connection.identity() {
            Ok(identity) => Some(identity),
            Err(Failure::Error(text)) => {
                let hint = "give an API key, or a private key and its certificate";
                report.add(Subject::new("client", vec![Finding::problem("credentials", text, hint)]));
                None
            }
            Err(other) => return Err(other),
        };
        let builder = identity.iter().cloned().fold(self.connection.builder(), Builder::identity);
        let inspector = match builder.inspector() {
            Ok(inspector) => inspector,
            Err(error) => {
                let hint = "name a PEM file with the server's CA as --ca FILE or in SSL_CERT_FILE";
                report.add(Subject::new("client", vec![Finding::problem("trust", error.to_string(), hint)]));
                return Ok(());
            }
        };
        let examination = Examination {
            inspector: &inspector,
            identity: identity.as_ref(),
            connection: &self.connection,
            limit: self.timeout,
            key: connect::environment(&["MINIO_KMS_KES_KEY_NAME"]),
        };
        let all = async { Ok(join_all(servers.iter().map(|server| examination.examine(server))).await) };
        for subject in connect::until_interrupted(all)? {
            report.add(subject);
        }
        Ok(())
    }
}
