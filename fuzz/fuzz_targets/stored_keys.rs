//! Stored keys from anywhere: what is read as a key can be written and read again as the same key, and what is written
//! has one form only.
#![no_main]

use kes_core::Key;
use kes_core::key::stored;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    let Ok(key) = stored::decode(value) else { return };
    // A line break behind it is no damage in either generation.
    let with_newline = stored::decode(&[value, b"\n"].concat()).expect("a newline is nothing");
    assert_same(&key, &with_newline);
    match stored::encode(&key) {
        None => assert!(!key.has_hmac(), "a key cannot be written"),
        Some(written) => {
            assert!(written.expose().starts_with(b"CiQKI"));
            let again = stored::decode(written.expose()).expect("what is written can be read");
            assert_same(&key, &again);
            let rewritten = stored::encode(&again).expect("it was written before");
            assert_eq!(rewritten.expose(), written.expose());
        }
    }
});

fn assert_same(one: &Key, other: &Key) {
    assert_eq!(one.algorithm(), other.algorithm());
    assert_eq!(one.created_at(), other.created_at());
    assert_eq!(one.created_by(), other.created_by());
    assert_eq!(one.hmac(b"message"), other.hmac(b"message"));
    let ciphertext = one.seal(b"plaintext", b"context").expect("sealed");
    assert_eq!(other.open(ciphertext, b"context").expect("the same key").expose(), b"plaintext");
}
