//! Just as much JSON as the legacy forms need: the members of one object, read as the reference read them and without
//! a copy of any value.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::encoding::decode_base64;
use crate::secret::SecretBytes;

/// The members of an object in their order. Values are the source text, borrowed: decoding them here would leave
/// pieces of a key in memory that nobody wipes.
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A member is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongType;

impl<'a> Members<'a> {
    /// Reads the whole of `text` as one object; `None` if it is none.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// The text of a member; an absent or null one has none.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, WrongType> {
        match self.last(name, |value| value != "null") {
            None => Ok(None),
            Some(raw) => serde_json::from_str(raw).map(Some).map_err(|_| WrongType),
        }
    }

    /// The bytes whose base64 is a member; an absent or null one has none.
    pub(super) fn bytes(&self, name: &str) -> Result<SecretBytes, WrongType> {
        match self.last(name, |_| true) {
            None | Some("null") => Ok(SecretBytes::default()),
            Some(raw) => decode_base64_string(raw).ok_or(WrongType),
        }
    }

    /// Names match in any case, and the last of several wins. That null leaves text as it was but empties bytes is
    /// how the reference's decoder works.
    fn last(&self, name: &str, counts: impl Fn(&str) -> bool) -> Option<&'a str> {
        let named = self.0.iter().filter(|(member, _)| member.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.get()).rfind(|value| counts(value))
    }
}

/// Decodes a JSON string of base64. Some writers escape `/` and `+`, and line breaks can only come escaped.
fn decode_base64_string(raw: &str) -> Option<SecretBytes> {
    let mut text = raw.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
    if !text.contains(&b'\\') {
        return decode_base64(text).ok();
    }
    let mut plain = SecretBytes::with_capacity(text.len());
    while let Some((&byte, rest)) = text.split_first() {
        let (plain_byte, rest) = if byte == b'\\' { unescape(rest)? } else { (byte, rest) };
        plain.extend_from_slice(&[plain_byte]);
        text = rest;
    }
    decode_base64(plain.expose()).ok()
}

/// The byte that an escape means, and what follows. Escapes of what base64 cannot contain are `None`.
fn unescape(escape: &[u8]) -> Option<(u8, &[u8])> {
    match escape.split_first()? {
        (b'/', rest) => Some((b'/', rest)),
        (b'n', rest) => Some((b'\n', rest)),
        (b'r', rest) => Some((b'\r', rest)),
        (b'u', rest) => {
            let (digits, rest) = rest.split_first_chunk::<4>()?;
            let code = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            Some((u8::try_from(code).ok()?, rest))
        }
        _ => None,
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(object: &str) -> Result<Vec<u8>, WrongType> {
        let members = Members::parse(object.as_bytes()).expect("an object");
        members.bytes("bytes").map(|bytes| bytes.expose().to_vec())
    }

    fn text(object: &str) -> Result<Option<String>, WrongType> {
        Members::parse(object.as_bytes()).expect("an object").text("name")
    }

    #[test]
    fn base64_may_be_escaped_like_any_json_string() {
        for object in [
            r#"{"bytes":"+/+/"}"#,
            r#"{"bytes":"+\/+\/"}"#,
            r#"{"bytes":"\u002b\u002F+/"}"#,
            r#"{"bytes":"+/\r\n+/\n"}"#,
            r#"{"bYtes":"+/+/"}"#,
            r#"{"bytes":"AAAA","BYTES":"+/+/"}"#,
            r#"{"bytes":5,"bytes":"+/+/"}"#,
            " { \"bytes\" : \"+/+/\" } \n",
        ] {
            assert_eq!(bytes(object), Ok(vec![0xfb, 0xff, 0xbf]), "{object}");
        }
        assert_eq!(bytes(r#"{"bytes":"+/+/","bytes":null}"#), Ok(vec![]));
        assert_eq!(bytes("{}"), Ok(vec![]));
        for value in [
            "5",
            "[]",
            "{}",
            "true",
            r#""\u012b+++""#,
            r#""\"+++""#,
            r#""\b+++""#,
            r#""\\+++""#,
            r#""+++""#,
            r#""\ud800\udc00""#,
            r#"" +++""#,
        ] {
            assert_eq!(bytes(&format!(r#"{{"bytes":{value}}}"#)), Err(WrongType), "{value}");
        }
    }

    #[test]
    fn null_leaves_text_as_it_was() {
        assert_eq!(text(r#"{"name":"a","NAME":null}"#), Ok(Some("a".to_owned())));
        assert_eq!(text(r#"{"name":null}"#), Ok(None));
        assert_eq!(text(r#"{"name":"a","name":"\u0062"}"#), Ok(Some("b".to_owned())));
        assert_eq!(text(r#"{"name":1}"#), Err(WrongType));
    }

    #[test]
    fn only_one_whole_object_has_members() {
        for text in ["", "[]", "null", "1", "{}{}", "{} x", "\u{feff}{}", r#"{"a"}"#, r#"{"a":1,}"#, "{"] {
            assert!(Members::parse(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
