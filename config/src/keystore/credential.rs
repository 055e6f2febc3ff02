//! Secrets in the settings of a key store.

use std::path::PathBuf;

use kes_core::SecretText;

/// A secret that a store is logged in with. Wiped on drop, never printed.
///
/// Unlike other secrets it can be compared, for one question: whether a reload changed the key store (decision 37).
/// The comparison takes a time that depends on the lengths alone.
pub struct Credential(SecretText);

impl Credential {
    /// The secret.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl From<SecretText> for Credential {
    fn from(text: SecretText) -> Self {
        Self(text)
    }
}

impl PartialEq for Credential {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.expose().as_bytes(), other.expose().as_bytes());
        let difference = one.iter().zip(other).fold(0, |difference, (a, b)| difference | (a ^ b));
        one.len() == other.len() && std::hint::black_box(difference) == 0
    }
}

impl Eq for Credential {}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential")
    }
}

/// Where a credential comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// It stands in the configuration.
    Value(Credential),
    /// It stands in a file, which is read at every login; white space around it does not count.
    File(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(text: &str) -> Credential {
        SecretText::from(text).into()
    }

    #[test]
    fn credentials_are_compared_and_not_shown() {
        assert_eq!(credential("hunter2"), credential("hunter2"));
        for other in ["hunter3", "hunter", "hunter22", ""] {
            assert_ne!(credential("hunter2"), credential(other));
        }
        assert_eq!(format!("{:?}", CredentialSource::Value(credential("hunter2"))), "Value(Credential)");
    }
}
