//! What a key store holds of a key: ASCII text, in one of two generations (specification: `formats.md` §2).
//!
//! Both are read; only the current one, base64 of protobuf, is written:
//!
//! ```text
//! 0a 24                      1 Key, a message of 36 bytes
//!    0a 20 <32 bytes>           1 Key
//!    10 01                      2 Type: 1 AES256, 2 ChaCha20
//! 12 24                      2 HMACKey, a message of 36 bytes; absent: none
//!    0a 20 <32 bytes>           1 Key
//!    10 01                      2 Hash: 1 SHA-256
//! 1a 0c                      3 CreatedAt; absent or empty: 1970
//!    08 <varint>                1 seconds since 1970
//!    10 <varint>                2 nanoseconds, omitted when 0
//! 22 40 <64 bytes>           4 CreatedBy, omitted when empty
//! ```
//!
//! The older one, until January 2024, is JSON. Such a key has no HMAC key:
//!
//! ```text
//! {"version":"v1","bytes":"<base64 of 32 bytes>","algorithm":"<name>","created_at":"<RFC 3339>","created_by":"…"}
//! ```
//!
//! All but `bytes` may be absent. Without an `algorithm` it is AES256.

use prost::Message;
use prost::bytes::Bytes;
use serde::de::IgnoredAny;

use super::encoding::{decode_base64, encode_base64};
use super::json::Members;
use super::{Algorithm, KEY_BYTES, Key};
use crate::clock::Timestamp;
use crate::secret::SecretBytes;

/// The number of HMAC-SHA-256.
const HASH_SHA256: u32 = 1;

/// The value is no stored key. Tells what is wrong with it, for the log, and nothing that is in it but numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredKeyError {
    /// There is nothing.
    #[error("stored key is empty")]
    Empty,
    /// Not a form of stored keys.
    #[error("stored key is neither JSON nor base64")]
    Encoding,
    /// Base64, but of something else, or cut off.
    #[error("stored key is base64, but not of a well-formed protobuf message")]
    Protobuf,
    /// JSON, but not an object.
    #[error("stored key is JSON, but not an object")]
    NotAnObject,
    /// There is no secret key in it.
    #[error("stored key has no secret key")]
    SecretKeyMissing,
    /// The secret key has another length.
    #[error("stored key has a secret key of {0} bytes instead of {KEY_BYTES}")]
    SecretKeyLength(usize),
    /// The secret key is of an unknown type.
    #[error("stored key has the secret key type {0}; known are 1 (AES256) and 2 (ChaCha20)")]
    SecretKeyType(u32),
    /// The HMAC key has another length.
    #[error("stored key has an HMAC key of {0} bytes instead of {KEY_BYTES}")]
    HmacKeyLength(usize),
    /// The HMAC key is for an unknown hash.
    #[error("stored key has the HMAC hash {0}; known is 1 (SHA256)")]
    HmacHash(u32),
    /// The `bytes` of a legacy key.
    #[error("stored key: `bytes` is not a string of standard base64 with padding")]
    Bytes,
    /// The `algorithm` of a legacy key.
    #[error("stored key: `algorithm` is none of AES256, AES256-GCM_SHA256, ChaCha20, XCHACHA20-POLY1305")]
    Algorithm,
    /// The time of creation.
    #[error("stored key: the time of creation is not RFC 3339, or outside the years 0 to 9999")]
    CreatedAt,
    /// The `created_by` of a legacy key.
    #[error("stored key: `created_by` is not a string")]
    CreatedBy,
}

#[derive(prost::Message)]
#[prost(skip_debug)]
struct KeyVersion {
    #[prost(message, optional, tag = "1")]
    key: Option<SecretKey>,
    #[prost(message, optional, tag = "2")]
    hmac_key: Option<HmacKey>,
    #[prost(message, optional, tag = "3")]
    created_at: Option<UnixTime>,
    #[prost(string, tag = "4")]
    created_by: String,
}

#[derive(prost::Message)]
#[prost(skip_debug)]
struct SecretKey {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(uint32, tag = "2")]
    algorithm: u32,
}

#[derive(prost::Message)]
#[prost(skip_debug)]
struct HmacKey {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(uint32, tag = "2")]
    hash: u32,
}

/// The well-known `Timestamp`.
#[derive(Clone, Copy, prost::Message)]
struct UnixTime {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanoseconds: i32,
}

/// What protobuf fields refer to: prost copies from and to anything but `Bytes` through buffers that nobody wipes.
fn shared(bytes: SecretBytes) -> Bytes {
    struct Owner(SecretBytes);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            self.0.expose()
        }
    }
    Bytes::from_owner(Owner(bytes))
}

/// What to store of a key. `None` for a key without an HMAC key: such a key was read from a legacy entry, which is
/// never rewritten, and the current form has no way to say it.
#[must_use]
pub fn encode(key: &Key) -> Option<SecretBytes> {
    let (seconds, nanoseconds) = key.created_at().to_unix();
    let message = KeyVersion {
        key: Some(SecretKey {
            key: shared(key.secret_key().as_slice().into()),
            algorithm: match key.algorithm() {
                Algorithm::Aes256 => 1,
                Algorithm::ChaCha20 => 2,
            },
        }),
        hmac_key: Some(HmacKey { key: shared(key.hmac_key()?.as_slice().into()), hash: HASH_SHA256 }),
        created_at: Some(UnixTime {
            seconds,
            nanoseconds: nanoseconds.try_into().expect("a second has fewer nanoseconds than 2^31"),
        }),
        created_by: key.created_by().unwrap_or_default().to_owned(),
    };
    let mut bytes = SecretBytes::default();
    bytes.resize(message.encoded_len());
    message.encode(&mut bytes.expose_mut()).expect("the room is the length of the encoding");
    let mut text = SecretBytes::default();
    encode_base64(bytes.expose(), &mut text);
    Some(text)
}

/// Reads a stored key of either generation.
///
/// # Errors
/// What is wrong with the value. What is JSON as a whole is a legacy key or nothing.
pub fn decode(value: &[u8]) -> Result<Key, StoredKeyError> {
    if value.is_empty() {
        return Err(StoredKeyError::Empty);
    }
    if serde_json::from_slice::<IgnoredAny>(value).is_ok() {
        return decode_json(&Members::parse(value).ok_or(StoredKeyError::NotAnObject)?);
    }
    let bytes = decode_base64(value).map_err(|_| StoredKeyError::Encoding)?;
    decode_message(&KeyVersion::decode(shared(bytes)).map_err(|_| StoredKeyError::Protobuf)?)
}

fn decode_message(message: &KeyVersion) -> Result<Key, StoredKeyError> {
    let key = message.key.as_ref().ok_or(StoredKeyError::SecretKeyMissing)?;
    let secret_key = key.key.as_ref().try_into().map_err(|_| StoredKeyError::SecretKeyLength(key.key.len()))?;
    let algorithm = match key.algorithm {
        1 => Algorithm::Aes256,
        2 => Algorithm::ChaCha20,
        other => return Err(StoredKeyError::SecretKeyType(other)),
    };
    let hmac_key = message.hmac_key.as_ref().map(HmacKey::checked).transpose()?;
    let time = message.created_at.unwrap_or_default();
    let nanoseconds = u32::try_from(time.nanoseconds).map_err(|_| StoredKeyError::CreatedAt)?;
    let created_at = Timestamp::from_unix(time.seconds, nanoseconds).map_err(|_| StoredKeyError::CreatedAt)?;
    Ok(Key::from_parts(secret_key, hmac_key, algorithm, created_at, &message.created_by))
}

impl HmacKey {
    fn checked(&self) -> Result<&[u8; KEY_BYTES], StoredKeyError> {
        let key = self.key.as_ref().try_into().map_err(|_| StoredKeyError::HmacKeyLength(self.key.len()))?;
        if self.hash == HASH_SHA256 { Ok(key) } else { Err(StoredKeyError::HmacHash(self.hash)) }
    }
}

fn decode_json(members: &Members<'_>) -> Result<Key, StoredKeyError> {
    let bytes = members.bytes("bytes").map_err(|_| StoredKeyError::Bytes)?;
    let secret_key = bytes.expose().try_into().map_err(|_| match bytes.len() {
        0 => StoredKeyError::SecretKeyMissing,
        length => StoredKeyError::SecretKeyLength(length),
    })?;
    let algorithm = match members.text("algorithm").map_err(|_| StoredKeyError::Algorithm)?.as_deref() {
        None | Some("") => Algorithm::Aes256,
        Some(name) => name.parse().map_err(|_| StoredKeyError::Algorithm)?,
    };
    let created_at = match members.text("created_at").map_err(|_| StoredKeyError::CreatedAt)? {
        None => Timestamp::ZERO,
        Some(text) => Timestamp::parse(&text).map_err(|_| StoredKeyError::CreatedAt)?,
    };
    let created_by = members.text("created_by").map_err(|_| StoredKeyError::CreatedBy)?.unwrap_or_default();
    Ok(Key::from_parts(secret_key, None, algorithm, created_at, &created_by))
}
