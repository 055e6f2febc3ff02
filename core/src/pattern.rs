//! What a list request asks for: a prefix, and where to go on.

use std::str::FromStr;

use crate::name::{InvalidName, MAX_NAME_BYTES, is_name_byte, is_strict};

/// What separates prefix and next name in a token. It is no name byte and needs no escape in a URL.
const TOKEN_SEPARATOR: char = '~';

/// The argument of a list request, from `my-key*` or the token of an earlier answer.
///
/// A pattern is a prefix with at most one `*` at its end (specification: `server-api.md` §5, decision 5). A token is
/// `<prefix>~<first name of the next page>`: it cannot be mistaken for a pattern, and it still starts with the prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPattern {
    prefix: String,
    start_at: Option<String>,
}

impl ListPattern {
    /// What every listed name begins with; may be empty.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The first name that may be listed, if this is a later page.
    #[must_use]
    pub fn start_at(&self) -> Option<&str> {
        self.start_at.as_deref()
    }

    /// Whether a name is on this page or a later one.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        name.starts_with(&self.prefix) && self.start_at().is_none_or(|start| name >= start)
    }

    /// The token that asks for the same prefix from `next` on.
    #[must_use]
    pub fn token(&self, next: &str) -> String {
        format!("{}{TOKEN_SEPARATOR}{next}", self.prefix)
    }
}

impl FromStr for ListPattern {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if let Some((prefix, next)) = text.split_once(TOKEN_SEPARATOR) {
            if is_prefix(prefix) && is_strict(next) {
                return Ok(Self { prefix: prefix.to_owned(), start_at: Some(next.to_owned()) });
            }
            return Err(InvalidName);
        }
        let prefix = text.strip_suffix('*').unwrap_or(text);
        if text.len() <= MAX_NAME_BYTES && is_prefix(prefix) && text != "_" {
            Ok(Self { prefix: prefix.to_owned(), start_at: None })
        } else {
            Err(InvalidName)
        }
    }
}

/// Whether a strict name could begin with this text, or equal it.
fn is_prefix(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES && text.bytes().all(is_name_byte) && !text.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Option<String> {
        text.parse::<ListPattern>().ok().map(|pattern| pattern.prefix)
    }

    #[test]
    fn patterns_of_the_specification() {
        for (text, expected) in
            [("", ""), ("*", ""), ("my*", "my"), ("_-*", "_-"), ("my-", "my-"), ("my-*", "my-"), ("my-key", "my-key")]
        {
            assert_eq!(prefix(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["-a", "_", "my.key", "key/", "a b", "☰", "hel<lo", "*-*", "m*y", "**"] {
            assert_eq!(prefix(text), None, "{text}");
        }
        assert!(prefix(&"a".repeat(80)).is_some());
        assert!(prefix(&"a".repeat(81)).is_none());
    }

    #[test]
    fn a_token_round_trips() {
        let pattern: ListPattern = "my-*".parse().expect("a pattern");
        let token = pattern.token("my-key-7");
        assert_eq!(token, "my-~my-key-7");
        let next: ListPattern = token.parse().expect("a token");
        assert_eq!((next.prefix(), next.start_at()), ("my-", Some("my-key-7")));
        assert!(next.covers("my-key-7") && next.covers("my-z") && pattern.covers("my-key-6"));
        assert!(!next.covers("my-key-6") && !next.covers("z"));
        let everything: ListPattern = "~k".parse().expect("a token");
        assert_eq!((everything.prefix(), everything.start_at()), ("", Some("k")));
    }

    #[test]
    fn damaged_tokens_are_refused() {
        let long = "a".repeat(80);
        assert!(format!("{long}~{long}").parse::<ListPattern>().is_ok());
        for token in ["~", "a~", "a~b~c", "a*~b", "a~b*", "a~-b", &format!("{long}a~b"), &format!("a~{long}b")] {
            assert!(token.parse::<ListPattern>().is_err(), "{token}");
        }
    }
}
