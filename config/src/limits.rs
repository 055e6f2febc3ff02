//! `limits`: how much the server takes on at once, and how long it waits for a client.

use std::time::Duration;

use crate::report::Report;
use crate::section::Section;

/// Bounds of the listener. Apart from `requests` they need a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `connections` at the same time; the server lowers it to what the process may open. Default 16384.
    pub connections: usize,
    /// `requests` in flight. Default 4096.
    pub requests: usize,
    /// `streams` per HTTP/2 connection. Default 250.
    pub streams: u32,
    /// `handshake_timeout`: the longest TLS handshake. Default 5 seconds.
    pub handshake_timeout: Duration,
    /// `header_timeout`: the longest time from the first byte of a request to the end of its header. Default 5 seconds.
    pub header_timeout: Duration,
    /// `idle_timeout`: how long a connection without a request stays open. Default 90 seconds.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            requests: 4096,
            streams: 250,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(90),
        }
    }
}

/// The limits of the file.
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> Limits {
    let default = Limits::default();
    let mut limits = root.section("limits", report);
    let checked = Limits {
        connections: limits.number("connections", 1, report).unwrap_or(default.connections),
        requests: limits.number("requests", 1, report).unwrap_or(default.requests),
        streams: limits.number("streams", 1, report).unwrap_or(default.streams),
        handshake_timeout: limits.positive_duration("handshake_timeout", report).unwrap_or(default.handshake_timeout),
        header_timeout: limits.positive_duration("header_timeout", report).unwrap_or(default.header_timeout),
        idle_timeout: limits.positive_duration("idle_timeout", report).unwrap_or(default.idle_timeout),
    };
    limits.finish(report);
    checked
}
