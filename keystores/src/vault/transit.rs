//! Values that Vault's transit engine encrypts before they are stored (specification: `keystores.md` §4.6).
//!
//! ```text
//! vault:v1:FuW3AYHkROkQdl+3eynFSI9b…
//! └─┬─┘ │  └ what only Vault can read
//!   │   └─── version of its key: any can be read
//!   └─────── what tells it from a plain value
//! ```

use kes_config::keystore::Transit as Settings;
use kes_core::key::encoding::{decode_base64, encode_base64};
use kes_core::{KeyName, SecretBytes, SecretText};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::address::path;
use super::answer::{Envelope, Member};
use super::api::Api;
use super::entry::json;
use super::transport::Request;
use crate::StoreError;

/// A key of the transit engine.
#[derive(Debug)]
pub(super) struct Transit(pub(super) Settings);

#[derive(Serialize)]
struct Plaintext<'a> {
    plaintext: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_version: Option<u8>,
}

#[derive(Serialize)]
struct Ciphertext<'a> {
    ciphertext: &'a str,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: Member,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: Member,
}

/// Whether a stored text is one of the transit engine's, of whatever version of its key (defect V3).
pub(super) fn is_wrapped(text: &str) -> bool {
    text.strip_prefix("vault:v")
        .and_then(|rest| rest.split_once(':'))
        .is_some_and(|(version, _)| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Transit {
    /// What is stored in place of `value`.
    pub(super) async fn wrap(&self, api: &Api, value: &SecretBytes) -> Result<SecretText, StoreError> {
        let mut base64 = SecretBytes::default();
        encode_base64(value.expose(), &mut base64);
        let plaintext = std::str::from_utf8(base64.expose()).unwrap_or_default();
        let body = json(&Plaintext { plaintext, key_version: self.0.pinned.then_some(1) })?;
        let request = Request::new(Method::POST, self.path("encrypt"), api.namespace.as_deref());
        let request = request.json(body, plaintext);
        let content: Envelope<Encrypted> = api.call(request).await?.content()?;
        match content.data.ciphertext.into_text() {
            Some(text) if is_wrapped(text.expose()) => Ok(text),
            _ => Err(StoreError::Denied(format!("the transit key `{}` gave no ciphertext", self.0.key))),
        }
    }

    /// The value that `text` was stored in place of.
    pub(super) async fn unwrap(&self, api: &Api, name: &KeyName, text: &str) -> Result<SecretBytes, StoreError> {
        let body = json(&Ciphertext { ciphertext: text })?;
        let request = Request::new(Method::POST, self.path("decrypt"), api.namespace.as_deref());
        let request = request.json(body, text);
        let answer = api.call(request).await?;
        let content: Envelope<Decrypted> = answer.content().map_err(|error| match error {
            StoreError::Denied(reason) if answer.status == 400 => StoreError::Corrupt(format!(
                "the entry of `{name}` cannot be decrypted: {reason}; hint: the transit key is not the one that \
                 encrypted it, or has a `min_decryption_version` that is too high"
            )),
            error => error,
        })?;
        let plaintext = content.data.plaintext.into_text().unwrap_or_default();
        decode_base64(plaintext.expose().as_bytes())
            .map_err(|_| StoreError::Corrupt(format!("what transit made of the entry of `{name}` is not base64")))
    }

    fn path(&self, operation: &str) -> String {
        path(&[&self.0.engine, operation, &self.0.key])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphertexts_of_every_version_of_the_key_are_known() {
        for text in ["vault:v1:x", "vault:v2:x", "vault:v1234:"] {
            assert!(is_wrapped(text), "{text}");
        }
        for text in ["", "vault:", "vault:v:x", "vault:v1", "vault:vx:x", "CiQKIAAB", r#"{"bytes":"vault:v1:"}"#] {
            assert!(!is_wrapped(text), "{text}");
        }
    }
}
