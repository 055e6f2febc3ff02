//! What TLS proxies say of their clients: a forwarded certificate, against another way to unescape it and against itself
//! escaped in full, and a forwarded address.
#![no_main]

use http::{HeaderMap, HeaderValue};
use kes::server::proxy::{ForwardingProblem, MAX_FORWARDED_BYTES, Proxies, forwarded_ip};
use kes_client::pem;
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::CertificateDer;

const HEADER: &str = "X-Tls-Client-Cert";

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let read = certificate(&value);
    let expected = unescaped(bytes).filter(|_| bytes.len() <= MAX_FORWARDED_BYTES);
    let expected = expected.and_then(|text| pem::leading_certificate(&text).ok());
    assert_eq!(read, expected);
    if let Some(certificate_read) = read {
        let text = pem::write_certificate(&certificate_read);
        let escaped: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        if escaped.len() <= MAX_FORWARDED_BYTES {
            let again = certificate(&HeaderValue::try_from(escaped).expect("a value"));
            assert_eq!(again, Some(certificate_read));
        }
    }
    let headers = HeaderMap::from_iter([(http::header::HeaderName::from_static("x-forwarded-for"), value)]);
    if let Some(ip) = forwarded_ip(&headers) {
        let first =
            std::str::from_utf8(bytes).expect("an address is text").split(',').next().unwrap_or_default().trim();
        let bare = match first.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None if first.matches(':').count() == 1 => first.split(':').next().unwrap_or_default(),
            None => first,
        };
        // A scope behind an address says on which of the proxy's networks it is.
        let bare = bare.split('%').next().unwrap_or_default();
        assert_eq!(bare.parse::<std::net::IpAddr>().map(|ip| ip.to_canonical()), Ok(ip), "{first}");
    }
});

/// The certificate in a header.
fn certificate(value: &HeaderValue) -> Option<CertificateDer<'static>> {
    let proxies = Proxies::new([], HEADER).expect("a header's name");
    let mut headers = HeaderMap::new();
    headers.insert(HEADER, value.clone());
    let read = proxies.certificate(&headers);
    headers.append(HEADER, value.clone());
    assert_eq!(proxies.certificate(&headers), Err(ForwardingProblem::Several));
    assert_eq!(proxies.certificate(&HeaderMap::new()), Err(ForwardingProblem::Absent));
    assert!(matches!(read, Ok(_) | Err(ForwardingProblem::Unreadable)));
    read.ok()
}

/// The text behind the escapes, or nothing if one of them is none.
fn unescaped(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => *byte,
        });
    }
    Some(text)
}
