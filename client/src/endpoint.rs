//! Where servers are: `https://host[:port]`, and lists of such.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use reqwest::Url;

/// Asking for the addresses of a name, only to know which server is near, may take this long.
const LOOKUP_LIMIT: Duration = Duration::from_secs(1);

/// The address of a server.
///
/// Read from `host`, `host:port` or a URL. A leading `http://` is replaced: there is no plain HTTP. Without a port it is
/// 443, as with every URL. A path before the routes is kept (for proxies), a final `/` is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    host: String,
    port: u16,
}

/// The text is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid server address `{0}`, expected `host:port`, for example `127.0.0.1:7373`")]
pub struct InvalidEndpoint(pub String);

impl Endpoint {
    /// The endpoints of a comma-separated list. Blanks around them and empty elements are skipped.
    ///
    /// # Errors
    /// If there is none, or one of them is invalid.
    pub fn list(text: &str) -> Result<Vec<Self>, InvalidEndpoint> {
        let endpoints: Vec<Self> =
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect::<Result<_, _>>()?;
        if endpoints.is_empty() { Err(InvalidEndpoint(text.to_owned())) } else { Ok(endpoints) }
    }

    /// The URL without a final `/`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name or address of the host; an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether requests stay on this machine for certain: `localhost` or a loopback address. Such never go through a
    /// proxy.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.address().is_some_and(|address| address.is_loopback())
    }

    /// How far away the server is, as far as this machine can tell without asking anybody but its resolver.
    pub(crate) async fn distance(&self, networks: &Networks) -> Distance {
        if self.is_loopback() {
            return Distance::ThisMachine;
        }
        if let Some(address) = self.address() {
            return networks.distance(address);
        }
        let lookup = tokio::net::lookup_host((self.host.as_str(), self.port));
        match tokio::time::timeout(LOOKUP_LIMIT, lookup).await {
            Ok(Ok(addresses)) => {
                addresses.map(|address| networks.distance(address.ip())).min().unwrap_or(Distance::Elsewhere)
            }
            _ => Distance::Elsewhere,
        }
    }

    fn address(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }
}

/// How far away a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Distance {
    ThisMachine,
    ThisNetwork,
    Elsewhere,
}

/// The addresses of this machine, and the networks in which they lie.
#[derive(Debug)]
pub(crate) struct Networks(Vec<if_addrs::IfAddr>);

impl Networks {
    /// Those of all interfaces; none if the system does not tell, for the order of servers is only a preference.
    pub(crate) fn of_this_machine() -> Self {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        Self(interfaces.into_iter().map(|interface| interface.addr).collect())
    }

    fn distance(&self, address: IpAddr) -> Distance {
        let distances = self.0.iter().map(|ours| match (ours, address) {
            _ if ours.ip() == address => Distance::ThisMachine,
            (if_addrs::IfAddr::V4(ours), IpAddr::V4(address)) => {
                near((ours.ip.to_bits() ^ address.to_bits()) & ours.netmask.to_bits() == 0)
            }
            (if_addrs::IfAddr::V6(ours), IpAddr::V6(address)) => {
                near((ours.ip.to_bits() ^ address.to_bits()) & ours.netmask.to_bits() == 0)
            }
            _ => Distance::Elsewhere,
        });
        distances.min().unwrap_or(Distance::Elsewhere)
    }
}

fn near(same_network: bool) -> Distance {
    if same_network { Distance::ThisNetwork } else { Distance::Elsewhere }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let invalid = || InvalidEndpoint(text.to_owned());
        let rest = text.trim();
        let rest = rest.strip_prefix("http://").or_else(|| rest.strip_prefix("https://")).unwrap_or(rest);
        let url = Url::parse(&format!("https://{rest}")).map_err(|_| invalid())?;
        let plain = url.username().is_empty() && url.password().is_none();
        let plain = plain && url.query().is_none() && url.fragment().is_none();
        let (Some(host), Some(port), true) = (url.host_str(), url.port_or_known_default(), plain) else {
            return Err(invalid());
        };
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), host: host.to_owned(), port })
    }
}

/// The address without `https://`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.trim_start_matches("https://"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Option<String> {
        text.parse::<Endpoint>().ok().map(|endpoint| endpoint.url)
    }

    #[test]
    fn addresses_are_read_generously() {
        for (text, expected) in [
            ("127.0.0.1:7373", "https://127.0.0.1:7373"),
            ("https://kes.example:7373/", "https://kes.example:7373"),
            ("http://h:1", "https://h:1"),
            (" kes.example ", "https://kes.example"),
            ("[::1]:7373", "https://[::1]:7373"),
            ("h:1/behind/proxy/", "https://h:1/behind/proxy"),
        ] {
            assert_eq!(url(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "https://", ":7373", "h:port", "h:99999", "user@h:1", "h:1?x", "h:1#x", "a b:1", "[::1"] {
            assert_eq!(url(text), None, "{text}");
        }
    }

    #[test]
    fn lists_skip_what_is_empty_and_need_one() {
        let list = Endpoint::list(" a:1, b:2,,").expect("a list");
        assert_eq!(list.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:1", "b:2"]);
        assert!(Endpoint::list("").is_err());
        assert!(Endpoint::list(" , ").is_err());
        assert!(Endpoint::list("a:1,:2").is_err());
    }

    #[tokio::test]
    async fn servers_are_near_or_far() {
        let ours = if_addrs::Ifv4Addr {
            ip: "192.0.2.7".parse().expect("an address"),
            netmask: "255.255.255.0".parse().expect("a mask"),
            prefixlen: 24,
            broadcast: None,
        };
        let networks = Networks(vec![if_addrs::IfAddr::V4(ours)]);
        for (text, distance) in [
            ("localhost:1", Distance::ThisMachine),
            ("127.0.0.1:1", Distance::ThisMachine),
            ("[::1]:1", Distance::ThisMachine),
            ("192.0.2.7:1", Distance::ThisMachine),
            ("192.0.2.8:1", Distance::ThisNetwork),
            ("192.0.3.8:1", Distance::Elsewhere),
            ("[2001:db8::1]:1", Distance::Elsewhere),
        ] {
            let endpoint: Endpoint = text.parse().expect("an address");
            assert_eq!(endpoint.distance(&networks).await, distance, "{text}");
        }
    }
}
