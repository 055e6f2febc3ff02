//! The bodies that clients send.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::Base64;

/// Defines requests whose members are all byte strings.
///
/// `serde`'s own derive refuses a member that occurs twice. Clients of this protocol may repeat one: the last wins, and
/// a wrong type in any occurrence fails the body. `null` in place of the object means `{}`.
macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Default, Serialize)]
        pub struct $name {
            $($(#[$member_doc])* #[serde(skip_serializing_if = "is_empty")] pub $member: Base64,)+
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;

                impl<'de> Visitor<'de> for Members {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_unit<E: Error>(self) -> Result<$name, E> {
                        Ok($name::default())
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<$name, A::Error> {
                        let mut request = $name::default();
                        while let Some(member) = members.next_key::<Member>()? {
                            match member.0.as_ref() {
                                $(stringify!($member) => request.$member = members.next_value()?,)+
                                _ => drop(members.next_value::<IgnoredAny>()?),
                            }
                        }
                        Ok(request)
                    }
                }

                deserializer.deserialize_any(Members)
            }
        }
    )+};
}

requests! {
    /// Body of `PUT /v1/key/encrypt/<name>`.
    EncryptRequest {
        /// What to encrypt.
        plaintext,
        /// Associated data that decryption must repeat.
        context,
    }

    /// Body of `PUT /v1/key/decrypt/<name>`.
    DecryptRequest {
        /// What an encrypt or generate request returned.
        ciphertext,
        /// The associated data of that request.
        context,
    }

    /// Body of `PUT /v1/key/generate/<name>`.
    GenerateRequest {
        /// Associated data that decryption must repeat.
        context,
    }

    /// Body of `PUT /v1/key/hmac/<name>`.
    HmacRequest {
        /// What to authenticate.
        message,
    }
}

fn is_empty(bytes: &Base64) -> bool {
    bytes.0.is_empty()
}

/// The name of a member, borrowed where it needs no unescaping.
#[derive(Deserialize)]
struct Member<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

/// Body of `PUT /v1/key/import/<name>`.
///
/// Three forms were in use (specification: `server-api.md` §7.2, decision 11): `key` with `cipher`, which is what this
/// type writes; `bytes` with `algorithm`; `bytes` with `cipher`. The latter two mean AES256 where they name nothing.
#[derive(Debug, Serialize)]
pub struct ImportRequest {
    /// The secret key, 32 bytes.
    pub key: Base64,
    /// The algorithm's name as the client gave it; empty if a request in the `key` form names none.
    pub cipher: String,
}

/// What the `bytes` forms mean when they name no algorithm.
const DEFAULT_CIPHER: &str = "AES256";

impl<'de> Deserialize<'de> for ImportRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ImportMembers)
    }
}

struct ImportMembers;

impl<'de> Visitor<'de> for ImportMembers {
    type Value = ImportRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: Error>(self) -> Result<ImportRequest, E> {
        Ok(ImportRequest { key: Base64::default(), cipher: String::new() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<ImportRequest, A::Error> {
        let (mut key, mut bytes) = (None, None);
        let (mut cipher, mut algorithm) = (None::<String>, None::<String>);
        while let Some(member) = members.next_key::<Member>()? {
            match member.0.as_ref() {
                "key" => key = Some(members.next_value()?),
                "bytes" => bytes = Some(members.next_value()?),
                "cipher" => cipher = members.next_value::<Option<String>>()?.or(cipher),
                "algorithm" => algorithm = members.next_value::<Option<String>>()?.or(algorithm),
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(match (key, bytes) {
            (None, Some(bytes)) => {
                let named = [algorithm, cipher].into_iter().flatten().find(|name| !name.is_empty());
                ImportRequest { key: bytes, cipher: named.unwrap_or_else(|| DEFAULT_CIPHER.to_owned()) }
            }
            (key, _) => ImportRequest { key: key.unwrap_or_default(), cipher: cipher.unwrap_or_default() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_two_equal_members_wins() {
        let request: EncryptRequest =
            serde_json::from_str(r#"{"plaintext":"QQ==","x":[{}],"version":1,"plaintext":"Qg=="}"#).expect("a request");
        assert_eq!(request.plaintext.expose(), b"B");
        assert!(request.context.expose().is_empty());
        assert!(serde_json::from_str::<EncryptRequest>(r#"{"plaintext":1,"plaintext":"Qg=="}"#).is_err());
    }

    #[test]
    fn null_is_an_empty_object_and_nothing_else_is() {
        assert!(serde_json::from_str::<GenerateRequest>("null").expect("a request").context.expose().is_empty());
        for json in ["[]", "\"\"", "1", "true", "", "\u{feff}{}"] {
            assert!(serde_json::from_str::<GenerateRequest>(json).is_err(), "{json}");
            assert!(serde_json::from_str::<ImportRequest>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn escaped_member_names_count() {
        let request: HmacRequest = serde_json::from_str(r#"{"mess\u0061ge":"QQ=="}"#).expect("a request");
        assert_eq!(request.message.expose(), b"A");
    }

    #[test]
    fn all_three_import_forms_are_read() {
        for (json, key, cipher) in [
            (r#"{"key":"QQ==","cipher":"ChaCha20"}"#, "A", "ChaCha20"),
            (r#"{"key":"QQ=="}"#, "A", ""),
            (r#"{"key":"QQ==","algorithm":"ChaCha20"}"#, "A", ""),
            (r#"{"key":null,"bytes":"QQ=="}"#, "", ""),
            (r#"{"bytes":"QQ==","algorithm":"ChaCha20","cipher":"AES256"}"#, "A", "ChaCha20"),
            (r#"{"bytes":"QQ==","algorithm":null,"cipher":"ChaCha20"}"#, "A", "ChaCha20"),
            (r#"{"bytes":"QQ=="}"#, "A", "AES256"),
            ("{}", "", ""),
            ("null", "", ""),
        ] {
            let request: ImportRequest = serde_json::from_str(json).expect(json);
            assert_eq!((request.key.expose(), request.cipher.as_str()), (key.as_bytes(), cipher), "{json}");
        }
    }

    #[test]
    fn requests_are_written_without_their_empty_members() {
        let json = |value: &GenerateRequest| serde_json::to_string(value).expect("json");
        assert_eq!(json(&GenerateRequest::default()), "{}");
        assert_eq!(json(&GenerateRequest { context: b"A".as_slice().into() }), r#"{"context":"QQ=="}"#);
        let import = ImportRequest { key: b"A".as_slice().into(), cipher: "AES256".to_owned() };
        assert_eq!(serde_json::to_string(&import).expect("json"), r#"{"key":"QQ==","cipher":"AES256"}"#);
    }
}
