//! API keys: a client's identity as one line of text.
//!
//! ```text
//! kes:v1:AAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
//! └prefix┘└────────── base64 of 33 bytes ───────────┘
//!
//! byte 0        type, 0x00 = Ed25519 (the only one)
//! bytes 1–32    Ed25519 seed (the RFC 8032 private key)
//! ```
//!
//! Source: specification, `formats.md` §6.

use std::str::FromStr;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use zeroize::Zeroize;

use crate::identity::{ED25519_SPKI_PREFIX, Identity};
use crate::secret::{Secret, SecretBytes, SecretText};

/// What every API key begins with.
pub const PREFIX: &str = "kes:v1:";

const TYPE_ED25519: u8 = 0;
const SEED_BYTES: usize = 32;

/// What stands before the seed in a PKCS #8 Ed25519 private key (RFC 8410 §7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The private half of a client's identity.
#[derive(Debug)]
pub struct ApiKey {
    seed: Secret<SEED_BYTES>,
    public_key: [u8; 32],
}

/// The text is no API key. Never contains any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApiKey {
    /// Not standard base64 with padding, or another prefix.
    #[error("invalid API key: not `kes:v1:` and base64")]
    Encoding,
    /// Not 33 bytes.
    #[error("invalid API key: invalid length")]
    Length,
    /// A type other than Ed25519.
    #[error("invalid API key: unsupported type")]
    Type,
    /// The random source failed.
    #[error("the random source of the system failed")]
    Random,
}

impl ApiKey {
    /// A fresh API key.
    ///
    /// # Errors
    /// [`InvalidApiKey::Random`].
    pub fn generate() -> Result<Self, InvalidApiKey> {
        let random = SystemRandom::new();
        Self::from_seed(Secret::try_init_with(|seed| random.fill(seed).map_err(|_| InvalidApiKey::Random))?)
    }

    /// The API key with this Ed25519 seed.
    ///
    /// # Errors
    /// None that a seed of the right length can cause; the library's answer is passed on as [`InvalidApiKey::Length`].
    pub fn from_seed(seed: Secret<SEED_BYTES>) -> Result<Self, InvalidApiKey> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| InvalidApiKey::Length)?;
        let mut public_key = [0; 32];
        public_key.copy_from_slice(pair.public_key().as_ref());
        Ok(Self { seed, public_key })
    }

    /// The API key whose PKCS #8 form (48 bytes, RFC 8410) this is; `None` for any other private key.
    #[must_use]
    pub fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let seed = der.strip_prefix(PKCS8_PREFIX.as_slice())?;
        let seed = <&[u8; SEED_BYTES]>::try_from(seed).ok()?;
        Self::from_seed(Secret::init_with(|bytes| *bytes = *seed)).ok()
    }

    /// The text form, 51 characters.
    #[must_use]
    pub fn to_text(&self) -> SecretText {
        let mut bytes = [0; 1 + SEED_BYTES];
        bytes[0] = TYPE_ED25519;
        bytes[1..].copy_from_slice(self.seed.expose());
        let mut text = String::with_capacity(PREFIX.len() + 44);
        text.push_str(PREFIX);
        base64::engine::general_purpose::STANDARD.encode_string(bytes, &mut text);
        bytes.zeroize();
        SecretText::from(text)
    }

    /// The private key as PKCS #8 DER, 48 bytes (RFC 8410).
    #[must_use]
    pub fn to_pkcs8(&self) -> SecretBytes {
        let mut der = SecretBytes::with_capacity(PKCS8_PREFIX.len() + SEED_BYTES);
        der.extend_from_slice(&PKCS8_PREFIX);
        der.extend_from_slice(self.seed.expose());
        der
    }

    /// The identity of everybody who holds this key.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::of_public_key(&[ED25519_SPKI_PREFIX.as_slice(), &self.public_key].concat())
    }
}

/// The prefix may be absent, as the official SDK accepts it. Line breaks inside the base64 are skipped.
impl FromStr for ApiKey {
    type Err = InvalidApiKey;

    fn from_str(text: &str) -> Result<Self, InvalidApiKey> {
        let encoded = text.strip_prefix(PREFIX).unwrap_or(text);
        let bytes = crate::key::encoding::decode_base64(encoded.as_bytes()).map_err(|_| InvalidApiKey::Encoding)?;
        let bytes = <&[u8; 1 + SEED_BYTES]>::try_from(bytes.expose()).map_err(|_| InvalidApiKey::Length)?;
        if bytes[0] != TYPE_ED25519 {
            return Err(InvalidApiKey::Type);
        }
        Self::from_seed(Secret::init_with(|seed| seed.copy_from_slice(&bytes[1..])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors A1 to A6 of `formats.md` §6.2.
    #[test]
    fn api_keys_of_the_specification() {
        for (text, identity) in [
            (
                "kes:v1:AAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
                "a050837d85070582ccf7394b0988847cc312cb88259b894899f6f239cf1791a5",
            ),
            (
                "kes:v1:AGaV6VXHasF0FnaB60WdCOeTZ8eTIDikL4zlN16c8NAs",
                "ea9826089311fe44d7590408ede9150f7c637b6cab0a91ee6fe1aa5d9fb366f6",
            ),
            (
                "kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc",
                "3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22",
            ),
            (
                "kes:v1:ACQpoGqx3rHHjT938Hfu5hVVQJHZWSqVI2Xp1KlYxFVw",
                "0426fa9a04bc2756b92fbe8a97e1a1e07b53ecf04ed33da22c33e5c9faeb8cbb",
            ),
            (
                "kes:v1:AMxvd2uV1l5dDSRwuKZxSjuM5BDemlr+685+JAHA1TuJ",
                "ab785e3b95d80d72cc9c27cb9fde886a0bf9068a69d40e3bd08a54e68c3f2bf7",
            ),
            (
                "kes:v1:AM0F5TP43FYEShMzA42f2drFYGnBOiNx7UH4DK0nm08E",
                "dd4f4ea7208c5bbd56ce43f9b0717100b079d835fd09db329c9d15f8e36ad544",
            ),
        ] {
            let key: ApiKey = text.parse().expect(text);
            assert_eq!(key.identity().as_str(), identity);
            assert_eq!(key.to_text().expose(), text);
            assert_eq!(ApiKey::from_pkcs8(key.to_pkcs8().expose()).expect("its own form").identity(), key.identity());
            let bare: ApiKey = text[PREFIX.len()..].parse().expect("the prefix is optional");
            assert_eq!(bare.identity(), key.identity());
        }
    }

    #[test]
    fn what_is_no_api_key_is_refused() {
        use InvalidApiKey::{Encoding, Length, Type};
        for (text, error) in [
            ("v1:AM0F5TP43FYEShMzA42f2drFYGnBOiNx7UH4DK0nm08E", Encoding),
            ("kes:AM0F5TP43FYEShMzA42f2drFYGnBOiNx7UH4DK0nm08E", Encoding),
            ("kes:v2:AM0F5TP43FYEShMzA42f2drFYGnBOiNx7UH4DK0nm08E", Encoding),
            ("kes:v1:kes:v1:AM0F5TP43FYEShMzA42f2drFYGnBOiNx7UH4DK0nm08E", Encoding),
            ("kes:v1:sbDvZFqUPFFwxRS4EkuoEb2nyyInkdKSUEYHXFHeTouW", Type),
            ("kes:v1:AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f", Type),
            ("kes:v1:", Length),
            ("", Length),
            ("kes:v1:AAAB", Length),
        ] {
            assert_eq!(text.parse::<ApiKey>().unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn generated_keys_differ() {
        let (one, other) = (ApiKey::generate().expect("random"), ApiKey::generate().expect("random"));
        assert_ne!(one.identity(), other.identity());
    }
}
