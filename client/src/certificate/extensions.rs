//! The extensions, as DER. They are written by hand because the library has an order and additions of its own.

use std::net::IpAddr;

use rcgen::CustomExtension;

use super::CertificateError;

/// Whom a certificate is for.
#[derive(Clone, Copy)]
pub(super) enum Usage {
    Client,
    ClientAndServer,
    Server,
}

const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];

/// BIT STRING with bit 0, digitalSignature, and 7 unused ones.
const DIGITAL_SIGNATURE: &[u8] = &[0x03, 0x02, 0x07, 0x80];

/// An empty SEQUENCE: neither a CA nor a path length.
const NOT_A_CA: &[u8] = &[0x30, 0x00];

/// OBJECT IDENTIFIER 1.3.6.1.5.5.7.3.2.
const CLIENT_AUTH: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// OBJECT IDENTIFIER 1.3.6.1.5.5.7.3.1.
const SERVER_AUTH: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

const SEQUENCE: u8 = 0x30;

/// GeneralName, context tags of RFC 5280 §4.2.1.6.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// All extensions of a certificate in their order.
pub(super) fn all(usage: Usage, dns: &[String], ip: &[IpAddr]) -> Result<Vec<CustomExtension>, CertificateError> {
    let usages = match usage {
        Usage::Client => CLIENT_AUTH.to_vec(),
        Usage::ClientAndServer => [CLIENT_AUTH, SERVER_AUTH].concat(),
        Usage::Server => SERVER_AUTH.to_vec(),
    };
    let mut extensions = vec![
        extension(KEY_USAGE, true, DIGITAL_SIGNATURE.to_vec()),
        extension(EXTENDED_KEY_USAGE, false, element(SEQUENCE, &usages)),
        extension(BASIC_CONSTRAINTS, true, NOT_A_CA.to_vec()),
    ];
    let mut names = Vec::new();
    for name in dns {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CertificateError::DnsName(name.clone()));
        }
        names.extend(element(DNS_NAME, name.as_bytes()));
    }
    for address in ip {
        names.extend(match address {
            IpAddr::V4(address) => element(IP_ADDRESS, &address.octets()),
            IpAddr::V6(address) => element(IP_ADDRESS, &address.octets()),
        });
    }
    if !names.is_empty() {
        extensions.push(extension(SUBJECT_ALT_NAME, false, element(SEQUENCE, &names)));
    }
    Ok(extensions)
}

fn extension(oid: &[u64], critical: bool, content: Vec<u8>) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content);
    extension.set_criticality(critical);
    extension
}

/// One DER element: tag, length (short below 128, else the bytes of the number after their count), content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().position(|&byte| byte != 0).unwrap_or(length.len() - 1)..];
    let mut der = vec![tag];
    if content.len() >= 0x80 {
        // A length has at most 8 bytes, so the count fits the low bits.
        der.push(0x80 | length.len() as u8);
    }
    der.extend_from_slice(length);
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_der_demands() {
        for (length, header) in [
            (0, vec![0x30, 0]),
            (0x7f, vec![0x30, 0x7f]),
            (0x80, vec![0x30, 0x81, 0x80]),
            (0x100, vec![0x30, 0x82, 1, 0]),
            (0x1_0000, vec![0x30, 0x83, 1, 0, 0]),
        ] {
            let der = element(SEQUENCE, &vec![7; length]);
            assert_eq!((&der[..header.len()], der.len()), (header.as_slice(), header.len() + length));
        }
    }

    #[test]
    fn names_that_are_no_dns_names_are_refused() {
        for name in ["", "a b", "ä.example", "a\n"] {
            assert!(all(Usage::Server, &[name.to_owned()], &[]).is_err(), "{name:?}");
        }
    }
}
