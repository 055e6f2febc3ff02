//! `health`: a second listener without TLS, for probes and scrapers.

use std::net::{Ipv4Addr, SocketAddr};

use crate::address;
use crate::report::Report;
use crate::section::Section;

/// `health.address`. A port alone, with or without its colon, means this machine only.
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> Option<SocketAddr> {
    let mut health = root.section("health", report);
    let address = health.filled("address", report).and_then(|text| {
        text.parse(report, |text| {
            let is_port = text.bytes().all(|b| b.is_ascii_digit());
            let text = if is_port { format!(":{text}") } else { text.to_owned() };
            address::parse(&text, Ipv4Addr::LOCALHOST.into())
        })
    });
    health.finish(report);
    address
}
