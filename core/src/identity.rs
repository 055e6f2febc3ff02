//! Who a client is: the SHA-256 of its public key.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::name::{InvalidName, is_strict};

/// The identity of a client or of a policy's member.
///
/// Of a certificate it is 64 lower-case hex digits. Configurations may hold any strict name (specification:
/// `server-api.md` §3.3), so the type promises a valid name and no more. Comparison is exact.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(Arc<str>);

/// What stands before the 32 bytes of an Ed25519 public key in its SubjectPublicKeyInfo (RFC 8410 §4).
pub(crate) const ED25519_SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

impl Identity {
    /// The identity of a public key: SHA-256 over its whole DER SubjectPublicKeyInfo, as lower-case hex
    /// (specification: `formats.md` §5).
    #[must_use]
    pub fn of_public_key(spki_der: &[u8]) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, spki_der);
        Self(hex(digest.as_ref()).into())
    }

    /// The identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text has the form of a SHA-256: 64 lower-case hex digits.
    #[must_use]
    pub fn is_hash(&self) -> bool {
        self.0.len() == 64 && self.0.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }
}

impl FromStr for Identity {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if is_strict(text) { Ok(Self(text.into())) } else { Err(InvalidName) }
    }
}

impl Borrow<str> for Identity {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.0)
    }
}

/// Lower-case hex digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex")).collect()
    }

    /// Vectors I1 to I3 of `formats.md` §5.
    #[test]
    fn identities_of_the_specification() {
        let vectors = [
            (
                "302a300506032b657003210003a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
                "a050837d85070582ccf7394b0988847cc312cb88259b894899f6f239cf1791a5",
            ),
            (
                "3059301306072a8648ce3d020106082a8648ce3d030107034200046485d7fdab50571049f775498de3045f36058d0c1fbedf0e7efe691ed5f0bd4ce63a031c1a91f93028a92d38195205acc0bdbca498b8d571e4f9f485f43e67dd",
                "96918edf9cc8e7473d4217e3eed793ba111c3b7827189eafdcfd7ab275b43af6",
            ),
            (
                "302a300506032b6570032100cd29c63e32ff38406504c82fcd22f25e7cb8edf4d18643d923e5e1177b640d19",
                "dd46485bedc9ad2909d2e8f9017216eec4413bc5c64b236d992f7ec19c843c5f",
            ),
        ];
        for (spki, identity) in vectors {
            let computed = Identity::of_public_key(&unhex(spki));
            assert_eq!(computed.as_str(), identity);
            assert!(computed.is_hash());
        }
    }

    #[test]
    fn identities_need_not_look_like_hashes() {
        let disabled: Identity = "disabled".parse().expect("a valid name");
        assert!(!disabled.is_hash());
        for text in ["", "*", "a,b", &"a".repeat(81)] {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
    }
}
