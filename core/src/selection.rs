//! Which keys a command that copies many is for: a shell pattern over names.

use std::str::FromStr;

use crate::glob::{glob, is_glob, literal_prefix};
use crate::name::KeyName;

/// The text selects nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSelection {
    /// `[` without its `]`, a range without its end, `\` at the end.
    #[error("is a malformed pattern")]
    Malformed,
    /// There is nothing to match in it, and a key cannot have this name.
    #[error("is neither a pattern nor the name of a key")]
    NoName,
}

/// A selection of keys: `*` any run of characters, `?` one, `[a-z]` and `[^a-z]` one of a class, `\c` the character
/// itself. Without any of these it is a single name, which may be one that only older releases allowed.
///
/// The service's records beside a key (decision 33) are selected with it, and by their own names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySelection {
    pattern: String,
    prefix: String,
    name: Option<KeyName>,
}

impl KeySelection {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self { pattern: "*".to_owned(), prefix: String::new(), name: None }
    }

    /// Whether a key or record is selected.
    #[must_use]
    pub fn selects(&self, name: &KeyName) -> bool {
        self.matches(name.as_str()) || name.record_of().is_some_and(|key| self.matches(key))
    }

    /// Whether the text matches, name of a key or not.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        // Checked when it was read, so there is an answer.
        glob(self.pattern.as_bytes(), text.as_bytes()) == Some(true)
    }

    /// What everything that is selected begins with; may be empty.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The name, if this selects a single key.
    #[must_use]
    pub fn name(&self) -> Option<&KeyName> {
        self.name.as_ref()
    }
}

impl FromStr for KeySelection {
    type Err = InvalidSelection;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !is_glob(text.as_bytes()) {
            return Err(InvalidSelection::Malformed);
        }
        let (prefix, whole) = literal_prefix(text.as_bytes());
        // A `\` before a character of several bytes leaves the character; it cannot cut one.
        let prefix = String::from_utf8(prefix).map_err(|_| InvalidSelection::Malformed)?;
        let name = match whole {
            true => Some(KeyName::stored(&prefix).map_err(|_| InvalidSelection::NoName)?),
            false => None,
        };
        Ok(Self { pattern: text.to_owned(), prefix, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(text: &str) -> KeySelection {
        text.parse().unwrap_or_else(|error| panic!("`{text}` {error}"))
    }

    fn selects(pattern: &str, name: &str) -> bool {
        selection(pattern).selects(&KeyName::stored(name).expect("a name"))
    }

    #[test]
    fn patterns_select_keys_and_their_records() {
        for (pattern, name) in [
            ("*", "my-key"),
            ("my-*", "my-key--v2-"),
            ("my-key", "my-key--v2-"),
            ("my-key--v2-", "my-key--v2-"),
            ("m[x-z]-k?y", "my-key"),
            ("my\\-key", "my-key"),
            ("☰*", "☰"),
        ] {
            assert!(selects(pattern, name), "{pattern} on {name}");
        }
        for (pattern, name) in [
            ("my-key", "my-key2"),
            ("my-key", "my-key2--v2-"),
            ("my-key--v2-", "my-key"),
            ("?", "my-key"),
            ("[^m]*", "my"),
        ] {
            assert!(!selects(pattern, name), "{pattern} on {name}");
        }
        assert_eq!(KeySelection::all(), selection("*"));
    }

    #[test]
    fn a_pattern_without_wildcards_is_a_name() {
        for (pattern, name) in [("my-key", "my-key"), ("my.key", "my.key"), ("my\\*", "my*"), ("☰", "☰")] {
            assert_eq!(selection(pattern).name().map(KeyName::as_str), Some(name), "{pattern}");
        }
        for (pattern, prefix) in [("my-*", "my-"), ("a\\*b?", "a*b"), ("[ab]c", "")] {
            let selection = selection(pattern);
            assert_eq!((selection.name(), selection.prefix()), (None, prefix), "{pattern}");
        }
    }

    #[test]
    fn what_can_select_nothing_is_refused() {
        for malformed in ["[", "a[", "[a-]", "\\", "[]"] {
            assert_eq!(malformed.parse::<KeySelection>(), Err(InvalidSelection::Malformed), "{malformed}");
        }
        for no_name in ["", "a/b", ".", &"a".repeat(81), "a\nb"] {
            assert_eq!(no_name.parse::<KeySelection>(), Err(InvalidSelection::NoName), "{no_name}");
        }
    }
}
