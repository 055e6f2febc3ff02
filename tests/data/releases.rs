//! What is recorded of real releases, as `README.md` beside this file describes it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What one run of a release wrote.
#[derive(Deserialize)]
pub struct Release {
    /// Stored entries by name.
    pub keys: BTreeMap<String, String>,
    pub ciphertexts: Vec<Sealed>,
    pub hmacs: Vec<Hmac>,
}

/// A ciphertext; byte strings are base64.
#[derive(Deserialize)]
pub struct Sealed {
    pub key: String,
    pub context: String,
    pub plaintext: String,
    pub ciphertext: String,
}

/// A MAC; byte strings are base64.
#[derive(Deserialize)]
pub struct Hmac {
    pub key: String,
    pub message: String,
    pub hmac: String,
}

/// All runs by their names.
pub fn releases() -> BTreeMap<String, Release> {
    serde_json::from_str(include_str!("releases.json")).expect("the recording")
}
