//! The real program, with a configuration of its own.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use kes_client::{certificate, pem};

use super::Failure;

/// A server that listens on any port of this machine, and has these further lines of configuration. Its files are in
/// `directory`.
pub fn program(directory: &Path, further: &str) -> Result<Command, Failure> {
    let (certificate, key) = certificate::of_development_server(&[IpAddr::from([127, 0, 0, 1])], SystemTime::now())?;
    let [certificate_file, key_file, configuration] =
        ["server.crt", "server.key", "kes.yaml"].map(|name| directory.join(name));
    fs::write(&certificate_file, pem::write_certificate(&certificate))?;
    fs::write(&key_file, pem::write_private_key(&key, None)?.expose())?;
    let tls = format!("tls: {{key: {}, cert: {}}}", key_file.display(), certificate_file.display());
    fs::write(&configuration, format!("address: 127.0.0.1:0\n{tls}\n{further}"))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_kes"));
    command.arg("server").arg("--config").arg(configuration);
    Ok(command)
}
