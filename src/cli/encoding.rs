//! Base64 in arguments.

use kes_core::SecretBytes;
use kes_core::key::encoding::{decode_base64, encode_base64};

use crate::cli::failure::Failure;

/// Decodes an argument. The error says where it goes wrong and shows nothing of it: it may be a key.
pub(crate) fn decode(what: &str, text: &[u8]) -> Result<SecretBytes, Failure> {
    decode_base64(text).map_err(|_| {
        let position = first_illegal(text);
        Failure::error(format!("invalid {what}: illegal base64 data at input byte {position}."))
    })
}

/// Where text that is not base64 stops being base64.
fn first_illegal(text: &[u8]) -> usize {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'\r' | b'\n');
    text.iter().position(|byte| !is_digit(byte)).unwrap_or(text.len())
}

/// Base64 as text in memory that is wiped.
pub(crate) fn encode(bytes: &[u8]) -> SecretBytes {
    let mut text = SecretBytes::default();
    encode_base64(bytes, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_where_and_not_what() {
        assert_eq!(decode("key", b"SGVsbG8=").expect("base64").expose(), b"Hello");
        let Failure::Error(text) = decode("key", b"canary!!").unwrap_err() else { panic!("an error") };
        assert_eq!(text, "invalid key: illegal base64 data at input byte 6.");
    }
}
