//! Byte strings in JSON, and JSON in memory that is wiped.

use std::fmt;
use std::io;

use kes_core::SecretBytes;
use kes_core::key::encoding::{decode_base64, encode_base64};
use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A byte string: standard base64 with padding in JSON, wiped bytes in memory.
///
/// It is read from a string (line breaks inside are skipped), from `null` (no bytes) and from an array of numbers 0 to
/// 255, in which `null` counts as 0 (specification: `server-api.md` §7.2). A string that holds JSON escapes passes
/// through a buffer of the JSON library, which is not wiped; base64 needs no escapes.
#[derive(Debug, Default)]
pub struct Base64(pub SecretBytes);

impl Base64 {
    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

impl From<&[u8]> for Base64 {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<SecretBytes> for Base64 {
    fn from(bytes: SecretBytes) -> Self {
        Self(bytes)
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = SecretBytes::default();
        encode_base64(self.0.expose(), &mut text);
        serializer.serialize_str(std::str::from_utf8(text.expose()).map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ByteString)
    }
}

struct ByteString;

impl<'de> Visitor<'de> for ByteString {
    type Value = Base64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a base64 string")
    }

    /// The error does not repeat the text: it may be a key with one wrong character.
    fn visit_str<E: Error>(self, text: &str) -> Result<Base64, E> {
        decode_base64(text.as_bytes())
            .map(Base64)
            .map_err(|_| E::invalid_value(Unexpected::Other("text that is not base64"), &self))
    }

    fn visit_unit<E: Error>(self) -> Result<Base64, E> {
        Ok(Base64::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Base64, A::Error> {
        let mut bytes = SecretBytes::default();
        while let Some(byte) = items.next_element::<Option<u8>>()? {
            bytes.extend_from_slice(&[byte.unwrap_or(0)]);
        }
        Ok(Base64(bytes))
    }
}

/// The JSON of `value`, on one line and without a final newline, in memory that is wiped.
///
/// # Errors
/// Only those of `value`'s own `Serialize`; the types of this module have none.
pub fn to_json(value: &impl Serialize) -> Result<SecretBytes, serde_json::Error> {
    let mut sink = Sink(SecretBytes::with_capacity(256));
    serde_json::to_writer(&mut sink, value)?;
    Ok(sink.0)
}

struct Sink(SecretBytes);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Vec<u8>> {
        serde_json::from_str::<Base64>(json).ok().map(|bytes| bytes.expose().to_vec())
    }

    #[test]
    fn byte_strings_are_read_as_the_reference_reads_them() {
        assert_eq!(read(r#""SGVsbG8=""#).as_deref(), Some(b"Hello".as_slice()));
        assert_eq!(read(r#""SGVs\r\nbG8=""#).as_deref(), Some(b"Hello".as_slice()));
        assert_eq!(read("null").as_deref(), Some(b"".as_slice()));
        assert_eq!(read(r#""""#).as_deref(), Some(b"".as_slice()));
        assert_eq!(read("[1,null,255]").as_deref(), Some(b"\x01\x00\xff".as_slice()));
        for json in [r#""SGVsbG8""#, r#""_-==""#, "1", "true", "{}", "[256]", "[-1]", r#"["a"]"#] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn neither_debug_nor_errors_show_the_bytes() {
        assert_eq!(format!("{:?}", Base64::from(b"canary".as_slice())), "Base64(SecretBytes(6 bytes))");
        let error = serde_json::from_str::<Base64>(r#""canary-canary""#).unwrap_err().to_string();
        assert!(!error.contains("canary"), "{error}");
    }

    #[test]
    fn json_is_written_on_one_line() {
        let json = to_json(&[Base64::from(b"Hello".as_slice())]).expect("json");
        assert_eq!(json.expose(), br#"["SGVsbG8="]"#);
    }
}
