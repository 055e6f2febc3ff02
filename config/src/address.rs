//! Where to listen: `[IP]:PORT`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::problem::{Wrong, shown};
use crate::report::Report;
use crate::section::Section;

/// Where a server listens if nobody says.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), DEFAULT_PORT);

/// The port of a key encryption service.
const DEFAULT_PORT: u16 = 7373;

/// Services that may stand for a port.
const SERVICES: [(&str, u16); 2] = [("https", 443), ("http", 80)];

/// Reads a listen address: of the file, or of `--addr`.
///
/// The host is a literal IP address, in brackets if it is IPv6, or nothing: that means all interfaces and gives
/// `[::]`, which takes IPv4 connections too. The port is a number, 0 for any free one, or `https` or `http`.
///
/// # Errors
/// A sentence that says what is wrong and what to write instead.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    parse(text, Ipv6Addr::UNSPECIFIED.into()).map_err(|wrong| match wrong.hint {
        Some(hint) => format!("{}; hint: {hint}", wrong.message),
        None => wrong.message,
    })
}

/// The `address` of a file.
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> SocketAddr {
    let address = root.filled("address", report);
    address
        .and_then(|text| text.parse(report, |text| parse(text, Ipv6Addr::UNSPECIFIED.into())))
        .unwrap_or(DEFAULT_ADDRESS)
}

/// `[IP]:PORT`, where no IP means `default`.
pub(crate) fn parse(text: &str, default: IpAddr) -> Result<SocketAddr, Wrong> {
    const HINT: &str = "write `IP:PORT`, such as `0.0.0.0:7373`, `[::1]:7373` or `:7373`";
    let Some((host, port)) = text.rsplit_once(':').filter(|(host, _)| !is_bare_ipv6(host)) else {
        return Err(Wrong::new(format!("{} has no port", shown(text)), HINT));
    };
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => host,
        None => host,
    };
    let ip = match host {
        "" => default,
        host => host.parse().map_err(|_| Wrong::new(format!("the host {} is not an IP address", shown(host)), HINT))?,
    };
    let number = port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok()).flatten();
    let service = || SERVICES.iter().find(|(name, _)| *name == port).map(|(_, number)| *number);
    match number.or_else(service) {
        Some(port) => Ok(SocketAddr::new(ip, port)),
        None => Err(Wrong::new(format!("{} is not a port", shown(port)), "write a number from 0 to 65535")),
    }
}

/// Whether what stands before the last colon is part of an IPv6 address without brackets.
fn is_bare_ipv6(host: &str) -> bool {
    host.contains(':') && !(host.starts_with('[') && host.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_specification() {
        for (text, address) in [
            (":7373", "[::]:7373"),
            ("0.0.0.0:7373", "0.0.0.0:7373"),
            ("[::]:7373", "[::]:7373"),
            ("[::1]:7373", "[::1]:7373"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            (":https", "[::]:443"),
            ("127.0.0.1:http", "127.0.0.1:80"),
            ("127.0.0.1:65535", "127.0.0.1:65535"),
        ] {
            assert_eq!(parse_address(text).expect(text).to_string(), address);
        }
        for text in [
            "foo",
            "127.0.0.1",
            "7373",
            "localhost:7373",
            "127.0.0.1:99999",
            "127.0.0.1:",
            ":",
            "",
            "::1:7373",
            "::1",
            "[::1]",
            "[::1:7373",
            "127.0.0.1:+80",
            ":ftp",
            "https://127.0.0.1:7373",
        ] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        assert_eq!(
            parse_address("localhost:7373").unwrap_err(),
            "the host `localhost` is not an IP address; \
             hint: write `IP:PORT`, such as `0.0.0.0:7373`, `[::1]:7373` or `:7373`"
        );
    }
}
