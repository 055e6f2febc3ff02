//! Project Wycheproof's vectors for the primitives, run through what [`Key`] seals, opens and authenticates with.
//!
//! A key derives another one for every message. The vectors for AES-256-GCM and ChaCha20-Poly1305 therefore take the
//! place of derived keys: they go through `seal_message` and `open_message`, which is all that a key does after deriving.
//! Those for XChaCha20-Poly1305 go through a whole key, for a key's derivation is the one of XChaCha20.

use ::wycheproof::{TestResult, aead, mac};

use super::*;
use crate::key::derive::aead_under;

/// The vectors of a set for the lengths that keys use: keys of 256 bits, tags of 128.
fn vectors(name: aead::TestName, nonce_bits: usize) -> Vec<aead::Test> {
    let set = aead::TestSet::load(name).expect("well-formed vectors");
    let groups = set.test_groups.into_iter();
    let fitting = groups.filter(|group| (group.key_size, group.nonce_size, group.tag_size) == (256, nonce_bits, 128));
    fitting.flat_map(|group| group.tests).collect()
}

/// Checks that the vectors open, and seal, as they say.
fn check(scheme: Scheme, vectors: &[aead::Test]) {
    for vector in vectors {
        let key = vector.key[..].try_into().expect("32 bytes");
        let aead = || aead_under(scheme, key).expect("memory");
        let nonce = || Nonce::try_assume_unique_for_key(&vector.nonce).expect("12 bytes");
        let sealed = [&vector.ct[..], &vector.tag].concat();
        let opened = open_message(&aead(), nonce(), &vector.aad, sealed.clone().into(), 0);
        let opened = opened.map(|plaintext| plaintext.expose().to_vec()).ok();
        let mut resealed = Vec::new();
        seal_message(&aead(), nonce(), &vector.pt, &vector.aad, &mut resealed).expect("sealed");
        let is_valid = vector.result == TestResult::Valid;
        assert_eq!(opened, is_valid.then(|| vector.pt.to_vec()), "{vector:?}");
        assert_eq!(resealed == sealed, is_valid, "{vector:?}");
    }
}

#[test]
fn aes_256_gcm() {
    let vectors = vectors(aead::TestName::AesGcm, 96);
    assert_eq!(vectors.len(), 66);
    check(Scheme::Current(Algorithm::Aes256), &vectors);
    check(Scheme::AesBefore2020, &vectors);
}

#[test]
fn chacha20_poly1305() {
    let vectors = vectors(aead::TestName::ChaCha20Poly1305, 96);
    assert_eq!(vectors.len(), 316);
    check(Scheme::Current(Algorithm::ChaCha20), &vectors);
}

/// XChaCha20-Poly1305 derives from the first 16 bytes of its nonce as a key does from the IV, and has four zeros before
/// the other 8 where a ciphertext of ours has 12 random bytes.
#[test]
fn xchacha20_poly1305_is_a_chacha20_key_whose_nonce_begins_with_zeros() {
    let vectors = vectors(aead::TestName::XChaCha20Poly1305, 192);
    assert_eq!(vectors.len(), 306);
    for vector in vectors {
        let key = chacha(vector.key[..].try_into().expect("32 bytes"));
        let (iv, rest) = vector.nonce.split_at(IV_BYTES);
        let random: [u8; RANDOM_BYTES] = [iv, &[0; 4], rest].concat().try_into().expect("28 bytes");
        let ciphertext = [&vector.ct[..], &vector.tag, &random].concat();
        let mut resealed = Vec::new();
        key.seal_with(&random, &vector.pt, &vector.aad, &mut resealed).expect("sealed");
        let is_valid = vector.result == TestResult::Valid;
        assert_eq!(opened(&key, &ciphertext, &vector.aad), is_valid.then(|| vector.pt.to_vec()), "{vector:?}");
        assert_eq!(resealed == ciphertext, is_valid, "{vector:?}");
    }
}

#[test]
fn hmac_sha_256() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).expect("well-formed vectors");
    let groups = set.test_groups.into_iter().filter(|group| group.key_size == 256);
    let vectors: Vec<mac::Test> = groups.flat_map(|group| group.tests).collect();
    assert_eq!(vectors.len(), 162);
    for vector in vectors {
        let hmac_key = vector.key[..].try_into().expect("32 bytes");
        let key = Key::from_parts(&K, Some(hmac_key), Algorithm::Aes256, Timestamp::ZERO, "");
        let tag = key.hmac(&vector.msg).expect("an HMAC key");
        // Half of the vectors have only the first half of the tag.
        assert_eq!(tag[..vector.tag.len()] == vector.tag[..], vector.result == TestResult::Valid, "{vector:?}");
    }
}
