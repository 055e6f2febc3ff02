//! Who signs JWTs.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A key of its own.
pub struct Issuer(EcdsaKeyPair);

impl Issuer {
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }

    /// PEM of the public key.
    pub fn public_key(&self) -> String {
        // SubjectPublicKeyInfo up to the point: id-ecPublicKey on prime256v1.
        const HEAD: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
        // The point without its first byte, which says that it is uncompressed and is part of the head.
        let point = STANDARD.encode(&self.0.public_key().as_ref()[1..]);
        format!("-----BEGIN PUBLIC KEY-----\n{HEAD}{point}\n-----END PUBLIC KEY-----\n")
    }

    /// A JWT of these claims that does not end.
    pub fn jwt(&self, mut claims: Value) -> String {
        // In seconds since 1970: long ago, and the year 2100.
        (claims["nbf"], claims["exp"]) = (json!(1), json!(4_102_444_800_u64));
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(json!({"alg": "ES256", "typ": "JWT"})), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).expect("a signature");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
