//! What a server says of itself when it runs.

use std::fmt::Write as _;
use std::net::SocketAddr;

use kes_config::{Level, Log};
use kes_core::SecretText;

use super::harden::MemoryLocking;
use super::interfaces;
use crate::build;

/// The banner's content.
#[derive(Debug)]
pub(super) struct Banner {
    /// The administrator as configured.
    pub(super) admin: String,
    /// The development server's API key.
    pub(super) api_key: Option<SecretText>,
    /// What is logged where.
    pub(super) log: Log,
    /// How memory is locked.
    pub(super) memory_lock: MemoryLocking,
}

impl Banner {
    /// The text, with `end` for its last line. Labels are 12 wide.
    pub(super) fn text(&self, address: SocketAddr, store: &str, end: &str) -> String {
        let mut text = String::new();
        let mut line = |label: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}", format!("{label:<12}{value}").trim_end());
        };
        for (label, value, detail) in build::about() {
            line(label, &format!("{value:<22}  {detail}"));
        }
        line("", "");
        line("KMS", store);
        for (index, url) in interfaces::urls(address).iter().enumerate() {
            line(if index == 0 { "API" } else { "" }, &format!("· {url}"));
        }
        line("", "");
        line("Docs", build::DOCS);
        line("", "");
        if let Some(api_key) = &self.api_key {
            line("API Key", api_key.expose());
        }
        let is_hex = !self.admin.is_empty()
            && self.admin.len().is_multiple_of(2)
            && self.admin.bytes().all(|byte| byte.is_ascii_hexdigit());
        line("Admin", if is_hex { &self.admin } else { "<disabled>" });
        line("Logs", &format!("error=stderr level={}", self.log.error));
        if self.log.audit <= Level::INFO {
            line("", &format!("audit=stdout level={}", self.log.audit));
        }
        if let Some(file) = &self.log.audit_file {
            line("", &format!("audit={}", file.path.display()));
        }
        match &self.memory_lock {
            MemoryLocking::All => line("MLock", "enabled"),
            MemoryLocking::Keys => line("MLock", "enabled for keys"),
            MemoryLocking::None(reason) => line("MLock", &format!("disabled: {reason}")),
        }
        text + "\n" + end + "\n\n"
    }
}
