//! Base64 as stored keys, ciphertexts and requests use it: standard alphabet, padding required, CR and LF anywhere
//! skipped, non-zero trailing bits tolerated (specification: `formats.md` §2.1, `server-api.md` §7.2).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::stack::lightly_wiped_after;
use crate::secret::SecretBytes;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// The text is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not standard base64 with padding")]
pub struct InvalidBase64;

/// Decodes base64 into wiped memory.
///
/// # Errors
/// A character outside the alphabet (CR and LF apart), or wrong padding.
pub fn decode_base64(text: &[u8]) -> Result<SecretBytes, InvalidBase64> {
    if text.iter().any(|&byte| byte == b'\n' || byte == b'\r') {
        let mut joined = SecretBytes::with_capacity(text.len());
        text.split(|&byte| byte == b'\n' || byte == b'\r').for_each(|part| joined.extend_from_slice(part));
        return decode(joined.expose());
    }
    decode(text)
}

fn decode(text: &[u8]) -> Result<SecretBytes, InvalidBase64> {
    let mut bytes = SecretBytes::default();
    bytes.resize(base64::decoded_len_estimate(text.len()));
    let length = lightly_wiped_after(|| LENIENT.decode_slice(text, bytes.expose_mut())).map_err(|_| InvalidBase64)?;
    bytes.resize(length);
    Ok(bytes)
}

/// Appends the base64 of `bytes` to `out`.
pub fn encode_base64(bytes: &[u8], out: &mut SecretBytes) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4);
    let room = &mut out.expose_mut()[start..];
    lightly_wiped_after(|| base64::engine::general_purpose::STANDARD.encode_slice(bytes, room))
        .expect("the room is the length of the encoding");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_the_reference_reads_it() {
        for (text, bytes) in [("", ""), ("YQ==", "a"), ("Y\nQ=\r\n=", "a"), ("YR==", "a"), ("YWI=\n", "ab")] {
            assert_eq!(decode_base64(text.as_bytes()).expect(text).expose(), bytes.as_bytes(), "{text:?}");
        }
        for text in ["YQ", "YQ=", " YQ==", "YQ==YQ==", "Y_==", "YQ== ", "="] {
            assert!(decode_base64(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn encoding_appends() {
        let mut out = SecretBytes::from(b"x".as_slice());
        encode_base64(b"Hello", &mut out);
        assert_eq!(out.expose(), b"xSGVsbG8=");
    }
}
