//! Where a key store listens.

use std::net::IpAddr;

use crate::problem::Wrong;
use crate::report::Report;
use crate::section::{Section, Text};

/// Whether an endpoint may be written without `https://`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Required,
    Assumed,
}

/// The required `endpoint` of a store, as a URL without a slash at its end.
pub(crate) fn required(store: &mut Section<'_>, scheme: Scheme, report: &mut Report<'_>) -> Option<String> {
    let text = store.required("endpoint", "the endpoint of the key store", report)?;
    check(&text, scheme, report)
}

/// The `endpoint` of a store that has a default one.
pub(crate) fn optional(store: &mut Section<'_>, scheme: Scheme, report: &mut Report<'_>) -> Option<String> {
    let text = store.filled("endpoint", report)?;
    check(&text, scheme, report)
}

fn check(text: &Text, scheme: Scheme, report: &mut Report<'_>) -> Option<String> {
    let url = text.parse(report, |text| url(text, scheme))?;
    if is_in_the_clear(&url) {
        report.warning(&text.place, "the connection to the key store is not encrypted", "use an `https://` endpoint");
    }
    Some(url)
}

/// The URL, trimmed. No message repeats it: somebody may have put a password into it.
fn url(text: &str, scheme: Scheme) -> Result<String, Wrong> {
    const HINT: &str = "write a URL such as `https://kms.example.net:8200`";
    let text = text.trim().trim_end_matches('/');
    let url = match text.split_once("://") {
        Some(_) => text.to_owned(),
        None if scheme == Scheme::Assumed => format!("https://{text}"),
        None => return Err(Wrong::new("the endpoint has no scheme", HINT)),
    };
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return Err(Wrong::new("the scheme of the endpoint is neither https nor http", HINT));
    };
    let host = authority(rest);
    if host.contains('@') {
        return Err(Wrong::new("the endpoint holds a user name or password", "use the store's own credentials"));
    }
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '<' | '>' | '"' | '\\');
    if host.is_empty() || host.starts_with(':') || url.contains(is_odd) {
        return Err(Wrong::new("the endpoint is not a URL of a server", HINT));
    }
    Ok(url)
}

/// Host and port of what follows the scheme.
fn authority(rest: &str) -> &str {
    rest.split('/').next().unwrap_or_default()
}

/// Whether what is sent there can be read on a network.
fn is_in_the_clear(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = authority(rest);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host != "localhost" && !host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_urls_without_credentials() {
        assert_eq!(url(" https://a.example:8200/ ", Scheme::Required).as_deref(), Ok("https://a.example:8200"));
        assert_eq!(url("https://a.example/kms/", Scheme::Required).as_deref(), Ok("https://a.example/kms"));
        assert_eq!(url("a.example:443", Scheme::Assumed).as_deref(), Ok("https://a.example:443"));
        for text in [
            "a.example",
            "a.example:8200",
            "ftp://a.example",
            "https://",
            "https:///kv",
            "https://:8200",
            "https://user:hunter2@a.example",
            "https://a b",
            "https://a?x=y",
            "://a",
            "https://<your-endpoint>",
        ] {
            let wrong = url(text, Scheme::Required).expect_err(text);
            assert!(!format!("{wrong:?}").contains("hunter2"));
        }
    }

    #[test]
    fn only_plain_http_beyond_this_machine_is_in_the_clear() {
        assert!(is_in_the_clear("http://vault.example:8200"));
        assert!(is_in_the_clear("http://192.0.2.7"));
        for url in ["https://vault.example", "http://127.0.0.1:8200", "http://[::1]:8200", "http://localhost"] {
            assert!(!is_in_the_clear(url), "{url}");
        }
    }
}
