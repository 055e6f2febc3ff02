//! Ciphertexts from anywhere: nothing opens that was not sealed. The seeds are ciphertexts of all layouts under two
//! secret keys; whatever is made of them opens to what was once sealed, or not at all.
#![no_main]

use std::sync::LazyLock;

use kes_core::{Algorithm, Key, Timestamp};
use libfuzzer_sys::fuzz_target;

/// The secret keys of the seeds: bytes counting up, and zeros.
static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let counting = std::array::from_fn(|index| index as u8);
    let pairs =
        [counting, [0; 32]].into_iter().flat_map(|bytes| [(bytes, Algorithm::Aes256), (bytes, Algorithm::ChaCha20)]);
    pairs.map(|(bytes, algorithm)| Key::import(&bytes, algorithm, Timestamp::ZERO, "").expect("random")).collect()
});

/// What the seeds were sealed under.
const CONTEXTS: [&[u8]; 2] = [b"", b"my-context"];

/// What the seeds hold.
const PLAINTEXTS: [&[u8]; 3] = [b"Hello KES", b"", &[0; 16]];

fuzz_target!(|ciphertext: &[u8]| {
    let mut opened = Vec::new();
    for key in KEYS.iter() {
        for context in CONTEXTS {
            let Ok(plaintext) = key.open(ciphertext, context) else { continue };
            assert!(PLAINTEXTS.contains(&plaintext.expose()), "opened to what nobody sealed: {:?}", plaintext.expose());
            assert!(key.open(ciphertext, b"another context").is_err(), "opened under any context");
            let again = key.seal(plaintext.expose(), context).expect("sealed");
            assert_eq!(key.open(again, context).expect("its own").expose(), plaintext.expose());
            opened.push(context);
        }
    }
    opened.dedup();
    assert!(opened.len() <= 1, "opened under two contexts");
});
