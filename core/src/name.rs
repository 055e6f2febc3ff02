//! Names of keys and policies: text that was checked once and stays checked.
//!
//! Three grammars are in use (specification: `server-api.md` §5, decisions 19 and 33):
//!
//! | grammar | who may use it | rule |
//! | --- | --- | --- |
//! | strict | create, import, policies, identities, predefined keys, listings | 1–80 of `0-9A-Za-z_-`, `-` not at an end, not `_` |
//! | existing | every other operation on a key | one path segment of at most 80 bytes, no control character |
//! | stored | key stores and what copies them | the above, and reserved names of at most 104 bytes |

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name that a client can give, in bytes.
pub const MAX_NAME_BYTES: usize = 80;

/// Longest name that a key store must hold, in bytes. Reserved names reach 103 of them; the specification says 104.
pub const MAX_STORED_NAME_BYTES: usize = 104;

/// The text is not a name. Deliberately without detail: the caller knows the text and what it was meant to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is empty, too long or contains invalid characters")]
pub struct InvalidName;

/// The name of a key.
///
/// [`FromStr`] takes strict names only, those under which a key may be made. [`KeyName::existing`] and
/// [`KeyName::stored`] are the wider doors.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Arc<str>);

impl KeyName {
    /// A name that an older release may have made (`my.key`, `old-`): for every operation but create and import.
    ///
    /// # Errors
    /// Empty, longer than [`MAX_NAME_BYTES`], `.`, `..`, a `/` or a control character inside, or [reserved](Self::is_reserved).
    pub fn existing(text: &str) -> Result<Self, InvalidName> {
        if text.len() <= MAX_NAME_BYTES && is_segment(text) && !is_reserved(text) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName)
        }
    }

    /// Any name that a key store may be asked for, the service's own records beside a key included.
    ///
    /// # Errors
    /// As [`KeyName::existing`], but reserved names of up to [`MAX_STORED_NAME_BYTES`] pass.
    pub fn stored(text: &str) -> Result<Self, InvalidName> {
        if is_reserved(text) { Ok(Self(text.into())) } else { Self::existing(text) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a new key may have this name.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        is_strict(&self.0)
    }

    /// Whether this is the name of a record of the service itself, such as `my-key--v2-` (decision 33).
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        is_reserved(&self.0)
    }

    /// The name of the key whose record this is; `None` for names that are not reserved.
    #[must_use]
    pub fn record_of(&self) -> Option<&str> {
        record_of(&self.0)
    }
}

impl FromStr for KeyName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if is_strict(text) { Ok(Self(text.into())) } else { Err(InvalidName) }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyName({:?})", self.as_str())
    }
}

/// The name of a policy. Always strict.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyName(Arc<str>);

impl PolicyName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PolicyName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if is_strict(text) { Ok(Self(text.into())) } else { Err(InvalidName) }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `byte` may stand in a strict name.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// The grammar of new names (specification: `server-api.md` §5).
pub(crate) fn is_strict(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_NAME_BYTES
        && text.bytes().all(is_name_byte)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text != "_"
}

/// Whether the text can be one segment of a path, and means itself there.
fn is_segment(text: &str) -> bool {
    !text.is_empty() && text != "." && text != ".." && !text.contains('/') && !text.chars().any(char::is_control)
}

/// The grammar of reserved names, `^[0-9A-Za-z_-]{1,80}--[a-z][0-9]{1,19}-$` (decision 33).
fn is_reserved(text: &str) -> bool {
    record_of(text).is_some()
}

/// What stands before the service's part of a reserved name.
fn record_of(text: &str) -> Option<&str> {
    let rest = text.strip_suffix('-')?;
    let without_digits = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = rest.len() - without_digits.len();
    let base = without_digits.strip_suffix(|c: char| c.is_ascii_lowercase())?.strip_suffix("--")?;
    let fits = (1..=19).contains(&digits) && (1..=MAX_NAME_BYTES).contains(&base.len());
    (fits && base.bytes().all(is_name_byte)).then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strict(text: &str) -> bool {
        text.parse::<KeyName>().is_ok()
    }

    #[test]
    fn names_of_the_specification() {
        for name in ["my-key", "abc123", "0", "123ABC321", "_-___---_", "_0", "0-Z", "my_key-0", "__"] {
            assert!(strict(name), "{name}");
        }
        for name in ["", "*", "my*", "_-*", "my-", "my-*", "-a", "_", "my.key", "key/", "a b", "☰", "hel<lo", "Εmacs"]
        {
            assert!(!strict(name), "{name}");
        }
        assert!(strict(&"a".repeat(80)));
        assert!(!strict(&"a".repeat(81)));
    }

    #[test]
    fn every_byte_value_is_decided() {
        for byte in 0..=u8::MAX {
            let text = format!("a{}a", byte as char);
            let letter = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            assert_eq!(strict(&text), letter, "byte {byte}");
        }
    }

    #[test]
    fn names_that_older_releases_allowed_stay_usable() {
        for name in ["my.key", "old-", "-a", "_", "a b", "☰", "my*", "a\\b", ".hidden"] {
            assert!(KeyName::existing(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a/b", "a\nb", "a\u{7f}", "a\u{85}b", "my-key--v2-"] {
            assert!(KeyName::existing(name).is_err(), "{name}");
        }
        assert!(KeyName::existing(&"é".repeat(40)).is_ok());
        assert!(KeyName::existing(&"é".repeat(41)).is_err());
    }

    #[test]
    fn reserved_names_are_for_stores_only() {
        let longest = format!("{}--v{}-", "a".repeat(80), "1".repeat(19));
        assert!(longest.len() <= MAX_STORED_NAME_BYTES);
        for name in ["my-key--v2-", "a--b1700000000-", "a-b--c--z9-", "----v1-", longest.as_str()] {
            let name = KeyName::stored(name).expect("a reserved name");
            assert!(name.is_reserved() && !name.is_strict());
            assert!(name.as_str().starts_with(&format!("{}--", name.record_of().expect("a record"))));
            assert!(KeyName::existing(name.as_str()).is_err());
        }
        for name in ["my-key--v-", "my-key--2-", "my-key--V2-", "my-key-v2-", "--v2-", "my-key--v2", "a.b--v2-"] {
            assert!(!is_reserved(name), "{name}");
        }
        assert!(!is_reserved(&format!("a--v{}-", "1".repeat(20))));
        assert!(!is_reserved(&format!("{}--v1-", "a".repeat(81))));
    }

    proptest! {
        #[test]
        fn strict_names_are_existing_names_and_never_reserved(text in "[0-9A-Za-z_-]{0,90}") {
            if let Ok(name) = text.parse::<KeyName>() {
                prop_assert!(!name.is_reserved());
                prop_assert_eq!(KeyName::existing(&text), Ok(name));
            }
        }
    }
}
