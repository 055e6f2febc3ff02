//! `proxy_protocol`: load balancers that announce the real client's address before the handshake.

use std::net::IpAddr;

use crate::problem::{Wrong, shown};
use crate::report::Report;
use crate::section::Section;

/// Every connection begins with a PROXY header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// `trusted`: from where such headers are believed; at least one network.
    pub trusted: Vec<Network>,
}

impl ProxyProtocol {
    /// Whether headers are believed that come from this address.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

/// An IP network, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether the address belongs to the network. An IPv4 address in IPv6 form counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && masked(address, self.prefix) == self.first
    }
}

impl From<IpAddr> for Network {
    /// The network of this address alone. An IPv4 address in IPv6 form counts as IPv4.
    fn from(address: IpAddr) -> Self {
        let first = address.to_canonical();
        Self { first, prefix: if first.is_ipv4() { 32 } else { 128 } }
    }
}

/// The address with all bits behind the prefix cleared.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(u32::BITS - prefix).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(u128::BITS - prefix).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

/// The settings, or `None` if the protocol is off.
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> Option<ProxyProtocol> {
    let mut section = root.section("proxy_protocol", report);
    let required = section.filled("mode", report).and_then(|text| text.parse(report, mode)).unwrap_or(false);
    let written = section.literal_list("trusted", report);
    let trusted: Vec<Network> = written.iter().flatten().filter_map(|item| item.parse(report, network)).collect();
    if required && written.is_none_or(|written| written.is_empty()) {
        report.error(
            &section.place,
            "the protocol is required, and nobody is trusted to speak it",
            "list the load balancers' networks under `trusted`",
        );
    }
    section.finish(report);
    required.then_some(ProxyProtocol { trusted })
}

/// Whether the protocol is required.
fn mode(text: &str) -> Result<bool, Wrong> {
    match text.to_ascii_lowercase().as_str() {
        "off" => Ok(false),
        "required" => Ok(true),
        _ => Err(Wrong::new(format!("{} is not a mode", shown(text)), "write `off` or `required`")),
    }
}

/// `IP/PREFIX`, or an IP for itself alone.
fn network(text: &str) -> Result<Network, Wrong> {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
    let wrong =
        || Wrong::new(format!("{} is not a network", shown(text)), "write one such as `10.0.0.0/8` or `::1/128`");
    let first: IpAddr = address.parse().map_err(|_| wrong())?;
    let bits = if first.is_ipv4() { 32 } else { 128 };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u8>().ok()).flatten();
    let prefix = prefix.map_or(Some(bits), digits).filter(|prefix| *prefix <= bits).ok_or_else(wrong)?;
    match masked(first, prefix) {
        network if network == first => Ok(Network { first, prefix }),
        network => Err(Wrong::new(
            format!("{} has digits behind its prefix", shown(text)),
            format!("write `{network}/{prefix}` if that network is meant"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(text: &str, address: &str) -> bool {
        network(text).expect(text).contains(address.parse().expect("an address"))
    }

    #[test]
    fn networks_end_at_their_prefix() {
        assert!(contains("10.0.0.0/8", "10.255.255.255"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("0.0.0.0/0", "203.0.113.7"));
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(contains("192.0.2.7", "192.0.2.7"));
        assert!(!contains("192.0.2.7/32", "192.0.2.8"));
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.9"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(contains("::/0", "2001:db8::1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "host/8", "::/129", "10.0.0.1/8"] {
            assert!(network(text).is_err(), "{text}");
        }
    }
}
