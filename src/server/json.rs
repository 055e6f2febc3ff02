//! Request bodies as members: the first JSON value of the body, read as leniently as clients rely on.
//!
//! Unknown members are ignored, the last of repeated ones wins, `null` is an empty object. Byte strings are base64
//! text, `null`, or arrays of integers (specification: `server-api.md` §7.2).

use std::fmt;

use kes_core::SecretBytes;
use kes_core::key::encoding::decode_base64;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The members of `body` that are byte strings, by their names; `None` where a member is absent.
///
/// # Errors
/// The body is no JSON object, or one of the members is no byte string. The reason says nothing of the content.
pub fn byte_strings<const N: usize>(body: &[u8], names: [&'static str; N]) -> Result<[Option<SecretBytes>; N], String> {
    let members = Members { names: &names, values: std::array::from_fn(|_| None) };
    read(body, members)
        .map(|members: Members<'_, ByteString, N>| members.values.map(|value| value.map(|bytes| bytes.0)))
}

/// The import request in its three historic forms.
#[derive(Debug)]
pub struct Import {
    /// The key's bytes; empty if the body has none.
    pub key: SecretBytes,
    /// The name of the algorithm as the client gave it.
    pub algorithm: String,
}

/// Reads an import request. With `key`, or with neither, only `cipher` names the algorithm and must; with `bytes`
/// alone it is `algorithm`, else `cipher`, else AES256 (decision 11).
///
/// # Errors
/// As [`byte_strings`].
pub fn import(body: &[u8]) -> Result<Import, String> {
    let [key, bytes] = byte_strings(body, ["key", "bytes"])?;
    let names = Members { names: &["cipher", "algorithm"], values: [const { None }; 2] };
    let texts: Members<'_, OptionalText, 2> = read(body, names)?;
    let [cipher, algorithm] = texts.values.map(|text| text.and_then(|text| text.0).unwrap_or_default());
    let or = |first: String, second: &str| if first.is_empty() { second.to_owned() } else { first };
    Ok(match (key, bytes) {
        (None, Some(bytes)) => Import { key: bytes, algorithm: or(or(algorithm, &cipher), "AES256") },
        (key, _) => Import { key: key.unwrap_or_default(), algorithm: cipher },
    })
}

/// Reads the first JSON value of `body`. What follows it is not looked at.
fn read<'de, S: DeserializeSeed<'de>>(body: &'de [u8], seed: S) -> Result<S::Value, String> {
    // The library's own text can quote a value; its category cannot.
    seed.deserialize(&mut serde_json::Deserializer::from_slice(body)).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Eof | serde_json::error::Category::Io => "ends early",
            serde_json::error::Category::Syntax => "is not JSON",
            serde_json::error::Category::Data => "has a member of the wrong type",
        };
        format!("request body {what} at line {} column {}", error.line(), error.column())
    })
}

/// Collects the members of an object that have one of the names.
struct Members<'n, T, const N: usize> {
    names: &'n [&'static str; N],
    values: [Option<T>; N],
}

impl<'de, T: Member<'de>, const N: usize> DeserializeSeed<'de> for Members<'_, T, N> {
    type Value = Self;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Member<'de>, const N: usize> Visitor<'de> for Members<'_, T, N> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(Name(index)) = map.next_key_seed(NameSeed(self.names))? {
            match index {
                Some(index) => {
                    let value: T = map.next_value()?;
                    if value.counts() {
                        self.values[index] = Some(value);
                    }
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(self)
    }
}

/// The value of a member.
trait Member<'de>: Deserialize<'de> {
    /// Whether the value takes the place of an earlier one of the same name.
    fn counts(&self) -> bool;
}

/// The position of a member's name among those that are wanted.
struct Name(Option<usize>);

struct NameSeed<'n>(&'n [&'static str]);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Name, E> {
        Ok(Name(self.0.iter().position(|name| *name == text)))
    }
}

/// Bytes from base64 text, `null` or an array.
struct ByteString(SecretBytes);

impl<'de> Deserialize<'de> for ByteString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl<'de> Visitor<'de> for Bytes {
            type Value = ByteString;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64 text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteString, E> {
                decode_base64(text.as_bytes()).map(ByteString).map_err(E::custom)
            }

            fn visit_unit<E: de::Error>(self) -> Result<ByteString, E> {
                Ok(ByteString(SecretBytes::default()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ByteString, A::Error> {
                let mut bytes = SecretBytes::default();
                while let Some(byte) = seq.next_element::<Option<u8>>()? {
                    bytes.extend_from_slice(&[byte.unwrap_or_default()]);
                }
                Ok(ByteString(bytes))
            }
        }

        deserializer.deserialize_any(Bytes)
    }
}

/// `null` is no bytes.
impl Member<'_> for ByteString {
    fn counts(&self) -> bool {
        true
    }
}

/// Text, or `null`.
#[derive(serde::Deserialize)]
struct OptionalText(Option<String>);

/// `null` leaves what there was: an earlier value, or the default.
impl Member<'_> for OptionalText {
    fn counts(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(body: &str) -> Result<Option<Vec<u8>>, String> {
        byte_strings(body.as_bytes(), ["context"]).map(|[value]| value.map(|bytes| bytes.expose().to_vec()))
    }

    #[test]
    fn bodies_are_read_as_leniently_as_clients_rely_on() {
        for (body, value) in [
            ("{}", None),
            ("null", None),
            (r#"{"context":"AAAA"} xyz"#, Some(vec![0; 3])),
            (r#" {"version":7,"context":"AAAA","x":[{"y":1e999}]}"#, Some(vec![0; 3])),
            (r#"{"context":"AAAA","context":"AQ=="}"#, Some(vec![1])),
            (r#"{"context":null}"#, Some(vec![])),
            (r#"{"context":""}"#, Some(vec![])),
            (r#"{"context":[1,null,255]}"#, Some(vec![1, 0, 255])),
            (r#"{"context":"AA\nAA"}"#, Some(vec![0; 3])),
            (r#"{"context":"AB=="}"#, Some(vec![0])),
        ] {
            assert_eq!(context(body), Ok(value), "{body}");
        }
    }

    #[test]
    fn bodies_that_are_no_objects_or_hold_no_bytes_are_refused() {
        let deep = format!("{{\"x\":{}", "[".repeat(100_000));
        for body in [
            "",
            "[]",
            "\"a\"",
            "1",
            "true",
            "{bad",
            "{\"context\"",
            "\u{feff}{}",
            r#"{"context":7}"#,
            r#"{"context":"A"}"#,
            r#"{"context":"A_=="}"#,
            r#"{"context":[256]}"#,
            r#"{"context":{}}"#,
            r#"{"context":7,"context":""}"#,
            "{\"context\":\"a\u{1}\"}",
            &deep,
        ] {
            assert!(context(body).is_err(), "{body:.40}");
        }
    }

    #[test]
    fn reasons_never_quote_the_body() {
        for body in [r#"{"context":"c2VjcmV0c2VjcmV0!"}"#, r#"{"context":73313}"#, r#"{"context":["secret"]}"#] {
            let reason = context(body).unwrap_err();
            assert!(!reason.contains("secret") && !reason.contains("c2Vj") && !reason.contains("73313"), "{reason}");
        }
    }

    #[test]
    fn imports_are_read_in_all_their_forms() {
        for (body, length, algorithm) in [
            (r#"{"key":"AAAA","cipher":"ChaCha20"}"#, 3, "ChaCha20"),
            (r#"{"key":"AAAA"}"#, 3, ""),
            (r#"{}"#, 0, ""),
            (r#"{"bytes":"AAAA"}"#, 3, "AES256"),
            (r#"{"bytes":"AAAA","algorithm":"XCHACHA20-POLY1305"}"#, 3, "XCHACHA20-POLY1305"),
            (r#"{"bytes":"AAAA","cipher":"ChaCha20"}"#, 3, "ChaCha20"),
            (r#"{"bytes":"AAAA","key":"AAAAAAAA","cipher":"AES256","algorithm":"x"}"#, 6, "AES256"),
            (r#"{"bytes":"AAAA","algorithm":null}"#, 3, "AES256"),
            (r#"{"key":"AAAA","cipher":"ChaCha20","cipher":null}"#, 3, "ChaCha20"),
        ] {
            let import = import(body.as_bytes()).expect(body);
            assert_eq!((import.key.len(), import.algorithm.as_str()), (length, algorithm), "{body}");
        }
        assert!(import(br#"{"key":"AAAA","cipher":7}"#).is_err());
    }
}
