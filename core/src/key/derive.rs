//! Message keys: every message is sealed under a key of its own, derived from the secret key and the message's IV
//! (specification: `formats.md` §3.2, §3.5).
//!
//! | scheme | message key | AEAD |
//! | --- | --- | --- |
//! | AES256 | HMAC-SHA-256(secret key, IV) | AES-256-GCM |
//! | ChaCha20 | HChaCha20(secret key, IV) | ChaCha20-Poly1305 (RFC 8439) |
//! | AES before March 2020 | four AES blocks under the secret key, see [`aes_blocks`] | AES-256-GCM |
//!
//! The nonce has 12 bytes in all of them. This is not the XChaCha20-Poly1305 of libraries, whose nonce is shorter.

use aws_lc_rs::aead::{AES_256_GCM, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::{error::Unspecified, hmac};
use chacha20::{R20, hchacha};
use zeroize::Zeroize;

use super::algorithm::Algorithm;
use super::stack::wiped_after;
use super::{IV_BYTES, KEY_BYTES};

/// How one message is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// As keys seal today.
    Current(Algorithm),
    /// As KES before v0.6.1 did; opened, never written (decision 34).
    AesBefore2020,
}

/// The AEAD of a scheme under the key of one message.
///
/// # Errors
/// The library's, for want of memory; lengths are right by type.
pub(super) fn message_aead(
    scheme: Scheme,
    secret_key: &[u8; KEY_BYTES],
    iv: &[u8; IV_BYTES],
) -> Result<LessSafeKey, Unspecified> {
    wiped_after(|| {
        let mut message_key = [0; KEY_BYTES];
        let derived = derive(scheme, secret_key, iv, &mut message_key);
        let aead = derived.and_then(|()| aead_under(scheme, &message_key));
        message_key.zeroize();
        aead
    })
}

/// The AEAD of a scheme under a message key.
pub(super) fn aead_under(scheme: Scheme, message_key: &[u8; KEY_BYTES]) -> Result<LessSafeKey, Unspecified> {
    let aead = match scheme {
        Scheme::Current(Algorithm::Aes256) | Scheme::AesBefore2020 => &AES_256_GCM,
        Scheme::Current(Algorithm::ChaCha20) => &CHACHA20_POLY1305,
    };
    UnboundKey::new(aead, message_key).map(LessSafeKey::new)
}

fn derive(
    scheme: Scheme,
    secret_key: &[u8; KEY_BYTES],
    iv: &[u8; IV_BYTES],
    message_key: &mut [u8; KEY_BYTES],
) -> Result<(), Unspecified> {
    match scheme {
        Scheme::Current(Algorithm::Aes256) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret_key);
            hmac::sign_to_buffer(&key, iv, message_key)?;
        }
        Scheme::Current(Algorithm::ChaCha20) => {
            let mut output = hchacha::<R20>(secret_key.into(), iv.into());
            message_key.copy_from_slice(&output);
            output.zeroize();
        }
        Scheme::AesBefore2020 => aes_blocks(secret_key, iv, message_key)?,
    }
    Ok(())
}

/// HMAC-SHA-256.
pub(super) fn hmac_sha256(key: &[u8; KEY_BYTES], message: &[u8]) -> [u8; 32] {
    wiped_after(|| {
        let mut tag = [0; 32];
        tag.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref());
        tag
    })
}

/// The derivation before March 2020. E is an AES-256 block under the secret key; numbers have 4 bytes, little endian:
///
/// ```text
/// (E(0 ‖ iv[0..12]) xor E(1 ‖ iv[4..16]))  ‖  (E(2 ‖ iv[0..12]) xor E(3 ‖ iv[4..16]))
/// ```
fn aes_blocks(
    secret_key: &[u8; KEY_BYTES],
    iv: &[u8; IV_BYTES],
    message_key: &mut [u8; KEY_BYTES],
) -> Result<(), Unspecified> {
    const BLOCK_BYTES: usize = 16;
    let mut blocks = [[0; BLOCK_BYTES]; 4];
    for (number, block) in (0_u8..).zip(&mut blocks) {
        block[0] = number;
        block[4..].copy_from_slice(if number % 2 == 0 { &iv[..12] } else { &iv[4..] });
    }
    let cipher = EncryptingKey::ecb(UnboundCipherKey::new(&AES_256, secret_key)?)?;
    cipher.less_safe_encrypt(blocks.as_flattened_mut(), EncryptionContext::None)?;
    let [one, two, three, four] = &blocks;
    let halves = one.iter().zip(two).chain(three.iter().zip(four));
    for (byte, (left, right)) in message_key.iter_mut().zip(halves) {
        *byte = left ^ right;
    }
    blocks.zeroize();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::{IV, K, hex};

    fn derived(scheme: Scheme, secret_key: &[u8; KEY_BYTES], iv: &[u8; IV_BYTES]) -> [u8; KEY_BYTES] {
        let mut message_key = [0; KEY_BYTES];
        derive(scheme, secret_key, iv, &mut message_key).expect("memory");
        message_key
    }

    #[test]
    fn message_keys_of_the_specification() {
        assert_eq!(
            derived(Scheme::Current(Algorithm::Aes256), &K, &IV),
            *hex("b1489727b2602a0e047cb237580a4c795aaf9023c5bc6b0b865c7fa17e0a2367")
        );
        assert_eq!(
            derived(Scheme::Current(Algorithm::ChaCha20), &K, &IV),
            *hex("63af6fb4d59bc1c804aa5445ac7b83ad4a382704316d56d2c89aca16db68ee39")
        );
    }

    /// draft-irtf-cfrg-xchacha, §2.2.1.
    #[test]
    fn hchacha20_agrees_with_its_draft() {
        let iv = hex("000000090000004a0000000031415927");
        assert_eq!(
            derived(Scheme::Current(Algorithm::ChaCha20), &K, iv[..].try_into().expect("16 bytes")),
            *hex("82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc")
        );
    }

    /// The weakness for which it was given up is a way to check the construction: where two halves of the IV coincide,
    /// outputs are related.
    #[test]
    fn the_oldest_derivation_xors_what_it_should() {
        let key = |first: u8, second: u8| {
            let mut iv = [0; IV_BYTES];
            iv[0] = first;
            iv[15] = second;
            derived(Scheme::AesBefore2020, &K, &iv)
        };
        let (a, b, c, d) = (key(0, 0), key(1, 0), key(0, 1), key(1, 1));
        for i in 0..KEY_BYTES {
            assert_eq!(a[i] ^ b[i] ^ c[i], d[i]);
        }
        assert_ne!(a, b);
    }
}
