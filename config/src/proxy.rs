//! `tls.proxy`: reverse proxies that end TLS and pass the client's certificate on.

use std::collections::BTreeSet;

use kes_core::Identity;
use kes_core::caller::Admin;

use crate::identity;
use crate::problem::{Wrong, shown};
use crate::report::Report;
use crate::section::Section;

/// The header in which proxies pass the certificate on if the file does not say (decision 27).
const DEFAULT_HEADER: &str = "X-Tls-Client-Cert";

/// TLS proxies in front of the server, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Whose requests carry the real client's certificate in a header. Sorted, each once, none of them the
    /// administrator's or a policy's.
    pub identities: Vec<Identity>,
    /// The header with the client's certificate: PEM, URL-query-escaped. Matched without regard to case.
    pub header: String,
}

/// The proxies, or `None` if there is no identity of one.
pub(crate) fn check(tls: &mut Section<'_>, admin: Option<&Admin>, report: &mut Report<'_>) -> Option<Proxy> {
    let mut proxy = tls.section("proxy", report);
    let mut identities = BTreeSet::new();
    for written in proxy.list("identities", report).unwrap_or_default() {
        if written.value.is_empty() {
            report.warning(&written.place, "the identity of a proxy is empty: ignored", "remove it, or fill it in");
            continue;
        }
        let Some(identity) = identity::identity(&written, report) else { continue };
        if admin.is_some_and(|admin| admin.is(&identity)) {
            let message = format!("{} is the administrator and cannot be a proxy", shown(identity.as_str()));
            report.error(&written.place, message, "give the proxy a certificate of its own");
        }
        identities.insert(identity);
    }
    let mut header = proxy.section("header", report);
    let name = header.filled("cert", report).and_then(|text| text.parse(report, header_name));
    header.finish(report);
    proxy.finish(report);
    let header = name.unwrap_or_else(|| DEFAULT_HEADER.to_owned());
    (!identities.is_empty()).then(|| Proxy { identities: identities.into_iter().collect(), header })
}

/// A header name: the token characters of RFC 9110 §5.6.2.
fn header_name(text: &str) -> Result<String, Wrong> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.bytes().all(is_token) {
        Ok(text.to_owned())
    } else {
        Err(Wrong::new(
            format!("{} is not the name of a header", shown(text)),
            "write a name such as `X-Tls-Client-Cert`",
        ))
    }
}
