//! TLS: which clients are let through, whom they are taken for, and what is spoken.

mod chains;
mod files;
mod modes;
pub mod pki;
mod protocol;
mod quiet;
mod resumption;

use std::error::Error;

use http::Method;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};

use crate::support::{Build, Client, TestServer};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// `GET` over HTTP/1.1 on a connection of its own; an error if the server lets nobody in.
async fn get(server: &TestServer, config: ClientConfig, path: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut connection = Client::of_config(server, config).connect().await?;
    Ok(connection.send(Method::GET, path, "").await?.line())
}

/// A server in one of the four modes. Who verifies does so against `ca`, and some route that skips authentication makes
/// a certificate optional.
fn mode(verified: bool, required: bool, ca: &str) -> Build {
    let mut build = Build { ca: Some(ca.to_owned()), ..Build::default() };
    build.mode.verified = verified;
    if required { build } else { build.skip_auth("/v1/ready") }
}
