//! A token of Vault, held in memory that is wiped.

use std::fmt;

use bytes::Bytes;
use kes_core::SecretText;
use reqwest::header::HeaderValue;

use crate::StoreError;

/// A token, in the form in which every request sends it. Copies share its memory, which is wiped with the last of them.
#[derive(Clone)]
pub(super) struct Token(HeaderValue);

/// For one question: whether a renewal left the token as it is. Both come from Vault, so time tells nobody anything.
impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes() == other.0.as_bytes()
    }
}

impl Token {
    /// Takes the token over.
    ///
    /// # Errors
    /// [`StoreError::Denied`] if it is no text that a header can have.
    pub(super) fn new(text: SecretText) -> Result<Self, StoreError> {
        if text.is_empty() {
            return Err(StoreError::Denied("the token is empty".to_owned()));
        }
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(Shared(text)))
            .map_err(|_| StoreError::Denied("the token has characters that no token has".to_owned()))?;
        // Keeps it out of `Debug` output, and out of HTTP/2's table of what was sent before.
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// What it is.
    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

struct Shared(SecretText);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_and_not_shown() {
        let token = Token::new("s.canary".into()).expect("a token");
        assert_eq!(token.header().as_bytes(), b"s.canary");
        assert_eq!(format!("{token:?} {:?}", token.header()), "Token Sensitive");
        for text in ["", "two\nlines"] {
            assert!(Token::new(text.into()).is_err());
        }
    }
}
