//! The layouts of ciphertexts, from the first release on (specification: `formats.md` §3).
//!
//! Current, since January 2024. Nothing in it tells the key or the algorithm:
//!
//! ```text
//! offset 0        len(P)       +16            +32        +44
//!        ├ encrypted P ─┤├ tag (16) ─┤├ IV (16) ─┤├ nonce (12) ─┤
//! ```
//!
//! April 2022 to January 2024, MessagePack; nothing may follow:
//!
//! ```text
//! 95              array of 5
//!    str          algorithm, canonical name or alias
//!    str          id of the key: ignored, the tag decides
//!    bin (16)     IV
//!    bin (12)     nonce
//!    bin          encrypted P and tag
//! ```
//!
//! Until April 2022, JSON; `id` since August 2021, `aead` one of `AES-256-GCM-HMAC-SHA-256`, `ChaCha20Poly1305` and,
//! before March 2020, `AES-256-GCM`:
//!
//! ```text
//! {"aead":"…","id":"<id of the key>","iv":"<base64>","nonce":"<base64>","bytes":"<base64 of encrypted P and tag>"}
//! ```
//!
//! The first byte, `95` or `{`, makes a legacy form likely. Since random bytes begin like that once in 128 messages,
//! what does not parse is taken for the current layout.

use super::algorithm::Algorithm;
use super::derive::Scheme;
use super::json::Members;
use super::{IV_BYTES, NONCE_BYTES};
use crate::secret::SecretBytes;

/// The first byte of a MessagePack array of five.
const MESSAGE_PACK_ARRAY_OF_5: u8 = 0x95;

/// A ciphertext of any layout, taken apart.
#[derive(Debug)]
pub(super) struct Ciphertext {
    /// The algorithm that the ciphertext names. It decides, whatever the key says (decision 10).
    pub(super) scheme: Option<Scheme>,
    pub(super) iv: [u8; IV_BYTES],
    pub(super) nonce: [u8; NONCE_BYTES],
    /// Encrypted plaintext and tag, from `sealed_at` to the end. The plaintext will take their place.
    pub(super) bytes: SecretBytes,
    pub(super) sealed_at: usize,
}

impl Ciphertext {
    /// Recognises the layout; `None` if the bytes are too few for any.
    pub(super) fn parse(bytes: SecretBytes) -> Option<Self> {
        if let Some((algorithm, iv, nonce, sealed_at)) = read_message_pack(bytes.expose()) {
            let scheme = Some(Scheme::Current(algorithm));
            return Some(Self { scheme, iv, nonce, bytes, sealed_at });
        }
        read_json(bytes.expose()).or_else(|| split_current(bytes))
    }
}

fn split_current(mut bytes: SecretBytes) -> Option<Ciphertext> {
    let (rest, nonce) = bytes.expose().split_last_chunk()?;
    let (sealed, iv) = rest.split_last_chunk()?;
    let (iv, nonce, sealed_bytes) = (*iv, *nonce, sealed.len());
    bytes.resize(sealed_bytes);
    Some(Ciphertext { scheme: None, iv, nonce, bytes, sealed_at: 0 })
}

/// Algorithm, IV, nonce, and where the encrypted plaintext begins, which is the last of the bytes.
fn read_message_pack(bytes: &[u8]) -> Option<(Algorithm, [u8; IV_BYTES], [u8; NONCE_BYTES], usize)> {
    let mut rest = bytes.strip_prefix(&[MESSAGE_PACK_ARRAY_OF_5])?;
    let algorithm = std::str::from_utf8(take_text(&mut rest)?).ok()?.parse().ok()?;
    take_text(&mut rest)?;
    let iv = take_bytes(&mut rest)?.try_into().ok()?;
    let nonce = take_bytes(&mut rest)?.try_into().ok()?;
    let sealed = take_bytes(&mut rest)?;
    rest.is_empty().then_some((algorithm, iv, nonce, bytes.len() - sealed.len()))
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = rmp::decode::read_str_len(rest).ok()?;
    rest.split_off(..usize::try_from(length).ok()?)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = rmp::decode::read_bin_len(rest).ok()?;
    rest.split_off(..usize::try_from(length).ok()?)
}

/// As lenient as the reference was: blanks between members and behind, unknown members, names in any case.
fn read_json(bytes: &[u8]) -> Option<Ciphertext> {
    if !bytes.starts_with(b"{") {
        return None;
    }
    let members = Members::parse(bytes)?;
    let scheme = match members.text("aead").ok()??.as_str() {
        "AES-256-GCM-HMAC-SHA-256" => Scheme::Current(Algorithm::Aes256),
        "ChaCha20Poly1305" => Scheme::Current(Algorithm::ChaCha20),
        "AES-256-GCM" => Scheme::AesBefore2020,
        _ => return None,
    };
    members.text("id").ok()?;
    let iv = members.bytes("iv").ok()?.expose().try_into().ok()?;
    let nonce = members.bytes("nonce").ok()?.expose().try_into().ok()?;
    Some(Ciphertext { scheme: Some(scheme), iv, nonce, bytes: members.bytes("bytes").ok()?, sealed_at: 0 })
}
