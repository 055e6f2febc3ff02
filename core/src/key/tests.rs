//! Vectors of the specification (`formats.md` §2 to §4) and properties of keys.

use super::*;

/// The secret key, IV and so on of the vectors.
pub(super) const K: [u8; 32] = counting(0x00);
pub(super) const H: [u8; 32] = counting(0x20);
pub(super) const IV: [u8; 16] = counting(0xa0);
pub(super) const N: [u8; 12] = counting(0xb0);
pub(super) const P: &[u8] = b"Hello KES";
pub(super) const A: &[u8] = b"my-context";

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

fn key(algorithm: Algorithm, secret_key: [u8; 32]) -> Key {
    Key::from_parts(&secret_key, Some(&H), algorithm, Timestamp::ZERO, "")
}

#[test]
fn sealing_writes_the_layout_of_the_specification() {
    let random = [IV.as_slice(), &N].concat().try_into().expect("28 bytes");
    for (algorithm, plaintext, context, expected) in [
        (
            Algorithm::Aes256,
            P,
            A,
            "fc7d5169f9944a15fee96133f7817916e30f30761b2c2f0668a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babb",
        ),
        (
            Algorithm::Aes256,
            b"".as_slice(),
            b"".as_slice(),
            "832292083357ebeed8d503c5c69dccc0a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babb",
        ),
        (
            Algorithm::ChaCha20,
            P,
            A,
            "830ff8b305fbb4cb95ce31e2b2744ccdda7dba470062c583e0a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babb",
        ),
        (
            Algorithm::ChaCha20,
            b"",
            b"",
            "c8ab971c3b4a3b968da12bd463139ce1a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babb",
        ),
    ] {
        let key = key(algorithm, K);
        let mut sealed = Vec::new();
        key.seal_with(&random, plaintext, context, &mut sealed).expect("sealed");
        assert_eq!(sealed, hex(expected));
        assert_eq!(key.open(sealed, context).expect("opened").expose(), plaintext);
    }
}
