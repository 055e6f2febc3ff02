//! Vectors of the specification (`formats.md` §2 to §4) and of Wycheproof, properties of keys, and what real releases
//! wrote.

mod ciphertexts;
mod properties;
mod releases;
mod stored_keys;
mod wycheproof;

use super::*;
use crate::key::encoding::decode_base64;

/// The secret key of the vectors.
pub(super) const K: [u8; 32] = counting(0x00);
/// The HMAC key of the vectors.
const H: [u8; 32] = counting(0x20);
/// The IV of the vectors.
pub(super) const IV: [u8; 16] = counting(0xa0);
/// The nonce of the vectors.
const N: [u8; 12] = counting(0xb0);
/// The plaintext of the vectors.
const P: &[u8] = b"Hello KES";
/// The context of the vectors.
const A: &[u8] = b"my-context";
/// The identity of the vectors.
const U: &str = "ea9826089311fe44d7590408ede9150f7c637b6cab0a91ee6fe1aa5d9fb366f6";

const fn counting<const LENGTH: usize>(from: u8) -> [u8; LENGTH] {
    let mut bytes = [from; LENGTH];
    let mut i = 0;
    while i < LENGTH {
        bytes[i] += i as u8;
        i += 1;
    }
    bytes
}

pub(super) fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex")).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn b64(text: &str) -> Vec<u8> {
    decode_base64(text.as_bytes()).expect("base64").expose().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    to_hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}

fn aes(secret_key: &[u8; 32]) -> Key {
    Key::from_parts(secret_key, Some(&H), Algorithm::Aes256, Timestamp::ZERO, "")
}

fn chacha(secret_key: &[u8; 32]) -> Key {
    Key::from_parts(secret_key, Some(&H), Algorithm::ChaCha20, Timestamp::ZERO, "")
}

fn sealed(key: &Key, iv: &[u8], plaintext: &[u8], context: &[u8]) -> Vec<u8> {
    let random = [iv, &N].concat().try_into().expect("28 bytes");
    let mut ciphertext = Vec::new();
    key.seal_with(&random, plaintext, context, &mut ciphertext).expect("sealed");
    ciphertext
}

fn opened(key: &Key, ciphertext: &[u8], context: &[u8]) -> Option<Vec<u8>> {
    key.open(ciphertext, context).ok().map(|plaintext| plaintext.expose().to_vec())
}

/// H1 to H4.
#[test]
fn hmacs_of_the_specification() {
    let own = aes(&K);
    let recorded = stored::decode(stored_keys::K4.as_bytes()).expect("K4");
    for (key, message, expected) in [
        (&own, "Hello KES", "pMxLKanYxaPvjHNrndd1cxx+2V7fISd79Lxz4a8xufE="),
        (&own, "", "9JJAt4qpDlP0YQbDSB43fhlpbndzKLHNbsYGGgvYaKk="),
        (&recorded, "hello", "m6v7LSTluY+8FtS1W9ZBi5QSBnjKcC8YWUmTiqNLiR0="),
        (&recorded, "", "NWir9E63UayGCb4KQ5nzFm30TogmbtthmGpHqoZUwjA="),
    ] {
        assert_eq!(key.hmac(message.as_bytes()).expect("an HMAC key").to_vec(), b64(expected));
    }
}

#[test]
fn a_legacy_key_has_no_hmac() {
    let key = stored::decode(stored_keys::J1.as_bytes()).expect("J1");
    assert!(!key.has_hmac());
    assert_eq!(key.hmac(b"message"), None);
}

#[test]
fn keys_show_nothing_secret() {
    let shown = format!("{:?}", aes(&K));
    assert!(shown.contains("Aes256") && shown.contains("Locked"), "{shown}");
    for piece in ["[0, 1", "000102", "AAECAw"] {
        assert!(!shown.contains(piece), "{shown}");
    }
}

#[test]
fn new_keys_are_fresh_and_know_their_maker() {
    let now = Timestamp::from_unix(1_714_566_896, 789_012_345).expect("a time");
    for algorithm in [Algorithm::Aes256, Algorithm::ChaCha20] {
        let one = Key::generate(algorithm, now, U).expect("random");
        let other = Key::generate(algorithm, now, "").expect("random");
        assert_eq!((one.algorithm(), one.created_at(), one.created_by()), (algorithm, now, Some(U)));
        assert_eq!(other.created_by(), None);
        assert!(one.has_hmac());
        assert_ne!(one.secret_key(), other.secret_key());
        assert_ne!(one.hmac(b""), other.hmac(b""));
        assert_ne!(Some(one.secret_key()), one.hmac_key());
    }
}

#[test]
fn an_imported_key_is_the_given_one_with_a_fresh_hmac_key() {
    let one = Key::import(&K, Algorithm::ChaCha20, Timestamp::ZERO, U).expect("random");
    let other = Key::import(&K, Algorithm::ChaCha20, Timestamp::ZERO, U).expect("random");
    assert_eq!(one.secret_key(), &K);
    assert_eq!(opened(&one, &sealed(&other, &IV, P, A), A).as_deref(), Some(P));
    assert_ne!(one.hmac(P), other.hmac(P));
}

#[test]
fn a_data_key_comes_with_its_ciphertext() {
    let key = aes(&K);
    let (data_key, ciphertext) = key.data_key(A).expect("random");
    assert_eq!(ciphertext.len(), 76);
    assert_eq!(key.open(ciphertext, A).expect("its own").expose(), data_key.expose());
    assert_ne!(key.data_key(A).expect("random").0.expose(), data_key.expose());
}

#[test]
fn no_two_ciphertexts_share_an_iv_or_nonce() {
    let key = chacha(&K);
    let tails: std::collections::HashSet<Vec<u8>> =
        (0..1000).map(|_| key.seal(P, A).expect("sealed")[P.len() + TAG_BYTES..].to_vec()).collect();
    assert_eq!(tails.len(), 1000);
    assert!(tails.iter().all(|tail| tail.len() == RANDOM_BYTES));
}
