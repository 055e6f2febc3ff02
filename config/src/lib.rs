//! What an operator may write, and its checked form.
//!
//! A file becomes a tree of nodes that know where they stand, the forms of older releases are rewritten, and one
//! module per topic turns its section into settings. Every problem is reported, not only the first, with file, line,
//! column, path and cure, and never with the value of a secret.
//!
//! Nothing is bound, connected or created here. Of the file system only the configuration is read, and whether the
//! file of a Vault login can be opened.

pub mod address;
mod admin;
pub mod api;
pub mod cache;
mod check;
mod compat;
pub mod environment;
mod health;
mod historic;
mod identity;
mod inspect;
mod keys;
pub mod keystore;
pub mod limits;
mod load;
pub mod log;
mod metrics;
mod nearest;
mod policy;
pub mod problem;
pub mod proxy;
pub mod proxy_protocol;
mod report;
pub mod rules;
mod scalar;
mod section;
pub mod shutdown;
pub mod tls;
mod tree;
mod yaml;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use kes_core::{Access, KeyName};

pub use address::parse_address;
pub use api::ApiSettings;
pub use cache::Cache;
pub use environment::{Environment, ProcessEnvironment};
pub use inspect::{Inspection, inspect};
pub use limits::Limits;
pub use load::{Loaded, Overrides, load, load_with, parse, parse_with};
pub use log::{AuditFile, Level, Log, LogFormat, Rotation};
pub use problem::{Problem, Problems, Severity};
pub use proxy::Proxy;
pub use proxy_protocol::{Network, ProxyProtocol};
pub use tls::Tls;

/// A configuration that was checked: all of it fits together.
///
/// What the development mode needs beside its own certificate and store has a `Default`: [`Cache`], [`Limits`],
/// [`Log`], [`keystore::StoreCalls`].
#[derive(Debug)]
pub struct Config {
    /// `address`: where to listen. Needs a restart.
    pub address: SocketAddr,
    /// `admin` and `policy`: who may do what.
    pub access: Access,
    /// `tls`: the server's certificate and its clients'.
    pub tls: Tls,
    /// `cache`: how long keys stay in memory.
    pub cache: Cache,
    /// `api`: overrides by canonical path, one of [`api::PATHS`].
    pub api: BTreeMap<String, ApiSettings>,
    /// `log`: what is logged, how, and where to.
    pub log: Log,
    /// `keys`: which keys exist before the first client is served, in the file's order, each once.
    pub keys: Vec<KeyName>,
    /// `keystore`: where keys live.
    pub keystore: keystore::KeyStore,
    /// `keystore`: how calls to the store are bounded.
    pub store_calls: keystore::StoreCalls,
    /// `limits`: how much the server takes on at once.
    pub limits: Limits,
    /// `shutdown.grace`: how long running requests may go on after SIGTERM. Needs a restart.
    pub shutdown_grace: Duration,
    /// `health.address`: where probes are answered without TLS, if anywhere. Needs a restart.
    pub health: Option<SocketAddr>,
    /// `proxy_protocol`: whether connections begin with a PROXY header, and whose is believed. Needs a restart.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// `metrics.extended`: whether the main listener offers the extended metrics.
    pub metrics_extended: bool,
    /// `compat.legacy_error_texts`: whether errors read as old clients expect.
    pub legacy_error_texts: bool,
}

impl Config {
    /// Whether some API may be called without a certificate, so that the handshake cannot demand one.
    #[must_use]
    pub fn any_skip_auth(&self) -> bool {
        self.api.values().any(|api| api.skip_auth)
    }
}
