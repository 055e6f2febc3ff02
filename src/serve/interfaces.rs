//! The addresses under which a server can be reached.

use std::net::{IpAddr, SocketAddr};

/// The URLs of a listening address: its own, or those of all interfaces if it is unspecified. IPv6 only where there is
/// no IPv4.
pub(super) fn urls(address: SocketAddr) -> Vec<String> {
    addresses(address.ip()).into_iter().map(|ip| format!("https://{}", SocketAddr::new(ip, address.port()))).collect()
}

/// The addresses that `ip` stands for.
pub(super) fn addresses(ip: IpAddr) -> Vec<IpAddr> {
    if !ip.is_unspecified() {
        return vec![ip];
    }
    let mut all: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|interface| !interface.is_link_local())
        .map(|interface| interface.ip())
        .filter(|ip| !ip.is_multicast())
        .collect();
    if all.iter().any(IpAddr::is_ipv4) {
        all.retain(IpAddr::is_ipv4);
    }
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specific_address_stands_for_itself() {
        assert_eq!(urls("127.0.0.1:7373".parse().expect("an address")), ["https://127.0.0.1:7373"]);
        assert_eq!(urls("[::1]:7373".parse().expect("an address")), ["https://[::1]:7373"]);
    }

    #[test]
    fn an_unspecified_address_stands_for_all_interfaces() {
        let urls = urls("0.0.0.0:7373".parse().expect("an address"));
        assert!(urls.contains(&"https://127.0.0.1:7373".to_owned()), "{urls:?}");
    }
}
