//! No byte of a root key stays in the memory of the process once the key was dropped.
//!
//! A thread makes, reads, uses and drops keys in every way there is and then waits, so that its stack stays as it was
//! left. Meanwhile all readable memory is searched. What is searched for is kept inverted, or the search would find
//! its own list.

#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "shared with the tests of the whole program, which use the rest of it")]
mod search;

use std::hint::black_box;
use std::sync::mpsc;

use kes_core::key::encoding::{decode_base64, encode_base64};
use kes_core::key::{KEY_BYTES, stored};
use kes_core::{Algorithm, Key, Secret, SecretBytes, Timestamp};

use search::{Memory, Wanted};

fn random_bytes() -> Secret<KEY_BYTES> {
    Secret::try_init_with(|bytes| aws_lc_rs::rand::fill(bytes)).expect("random")
}

/// The text of a legacy key.
fn legacy_text(bytes: &Secret<KEY_BYTES>, algorithm: Algorithm, is_escaped: bool) -> SecretBytes {
    let mut encoded = SecretBytes::default();
    encode_base64(bytes.expose(), &mut encoded);
    let mut text = SecretBytes::from(br#"{"version":"v1","bytes":""#.as_slice());
    for byte in encoded.expose() {
        match byte {
            b'=' if is_escaped => text.extend_from_slice(b"\\u003d"),
            byte => text.extend_from_slice(&[*byte]),
        }
    }
    text.extend_from_slice(format!(r#"","algorithm":"{algorithm}"}}"#).as_bytes());
    text
}

/// Runs every step in a part of the stack of its own, from the deepest up, so that none covers what another left.
struct Steps(usize);

impl Steps {
    /// Enough for the steps below.
    const MOST: usize = 300;

    /// More than a step uses.
    const STACK_BYTES: usize = 32 * 1024;

    fn run<T>(&mut self, step: impl FnOnce() -> T) -> T {
        self.0 -= 1;
        let (mut step, mut result) = (Some(step), None);
        descend(self.0, &mut || result = step.take().map(|step| step()));
        result.expect("the step was run")
    }
}

#[inline(never)]
fn descend(levels: usize, step: &mut dyn FnMut()) {
    if levels == 0 {
        return step();
    }
    let frame = [0_u8; Steps::STACK_BYTES];
    black_box(&frame);
    descend(levels - 1, step);
    black_box(&frame);
}

/// Everything that can be done with a key.
fn use_key(key: &Key, steps: &mut Steps, wanted: &mut Wanted) {
    let ciphertext = steps.run(|| key.seal(b"plaintext", b"context").expect("sealed"));
    let plaintext = steps.run(|| key.open(ciphertext.as_slice(), b"context").expect("opened"));
    assert_eq!(plaintext.expose(), b"plaintext");
    assert!(steps.run(|| key.open(ciphertext, b"another").is_err()));
    let (data_key, ciphertext) = steps.run(|| key.data_key(b"context").expect("random"));
    steps.run(|| wanted.add(data_key.expose(), "data key"));
    let opened = steps.run(|| key.open(ciphertext, b"context").expect("opened"));
    assert!(steps.run(|| opened.expose() == data_key.expose()));
    let hmac = steps.run(|| key.hmac(b"message"));
    assert_eq!(hmac.is_some(), key.has_hmac());
    for aead in ["AES-256-GCM", "AES-256-GCM-HMAC-SHA-256", "ChaCha20Poly1305"] {
        let ciphertext = format!(
            r#"{{"aead":"{aead}","iv":"oKGio6SlpqeoqaqrrK2urw==","nonce":"sLGys7S1tre4ubq7","bytes":"/H1RafmUShX+6WEz94F5FuMPMHYbLC8GaA=="}}"#
        );
        assert!(steps.run(|| key.open(ciphertext.into_bytes(), b"context").is_err()));
    }
    assert!(format!("{key:?}").contains("Key"));
}

fn make_use_and_drop_keys(steps: &mut Steps, wanted: &mut Wanted) {
    for algorithm in [Algorithm::Aes256, Algorithm::ChaCha20] {
        let generated = steps.run(|| Key::generate(algorithm, Timestamp::ZERO, "identity").expect("random"));
        let text = steps.run(|| stored::encode(&generated).expect("an HMAC key"));
        steps.run(|| wanted.add_stored(text.expose(), "generated"));
        use_key(&generated, steps, wanted);
        let again = steps.run(|| stored::decode(text.expose()).expect("a stored key"));
        use_key(&again, steps, wanted);

        let bytes = steps.run(random_bytes);
        steps.run(|| wanted.add(bytes.expose(), "imported"));
        let imported = steps.run(|| Key::import(bytes.expose(), algorithm, Timestamp::ZERO, "").expect("random"));
        use_key(&imported, steps, wanted);
        let text = steps.run(|| stored::encode(&imported).expect("an HMAC key"));
        steps.run(|| wanted.add_stored(text.expose(), "imported"));

        for is_escaped in [false, true] {
            let bytes = steps.run(random_bytes);
            steps.run(|| wanted.add(bytes.expose(), "legacy"));
            let text = steps.run(|| legacy_text(&bytes, algorithm, is_escaped));
            steps.run(|| wanted.add(&text.expose()[25..65], "text, legacy"));
            let legacy = steps.run(|| stored::decode(text.expose()).expect("a legacy key"));
            use_key(&legacy, steps, wanted);
        }
    }
}

/// Values that are refused after their key was read.
fn refuse_stored_keys(steps: &mut Steps, wanted: &mut Wanted) {
    let key = steps.run(|| Key::generate(Algorithm::Aes256, Timestamp::ZERO, "identity").expect("random"));
    let text = steps.run(|| stored::encode(&key).expect("an HMAC key"));
    steps.run(|| wanted.add_stored(text.expose(), "refused"));
    let whole = steps.run(|| decode_base64(text.expose()).expect("base64"));
    // Type, hash, the length of the first message, and the number of the third.
    for (at, byte) in [(37, 3), (75, 2), (1, 0x23), (76, 0xff)] {
        let mut damaged = SecretBytes::from(whole.expose());
        damaged.expose_mut()[at] = byte;
        let mut text = SecretBytes::default();
        steps.run(|| encode_base64(damaged.expose(), &mut text));
        assert!(steps.run(|| stored::decode(text.expose()).is_err()), "{at}");
    }
    assert!(steps.run(|| stored::decode(&text.expose()[..text.len() - 4]).is_err()));
    assert!(steps.run(|| stored::decode(&text.expose()[..text.len() - 1]).is_err()));

    let bytes = steps.run(random_bytes);
    steps.run(|| wanted.add(bytes.expose(), "refused legacy"));
    let text = steps.run(|| legacy_text(&bytes, Algorithm::Aes256, true));
    let name = text.expose().windows(6).position(|part| part == b"AES256").expect("it is there");
    let mut damaged = SecretBytes::from(text.expose());
    damaged.expose_mut()[name] = b'?';
    assert!(steps.run(|| stored::decode(damaged.expose()).is_err()));
    assert!(steps.run(|| stored::decode(&text.expose()[..text.len() - 1]).is_err()));
}

#[test]
fn dropped_keys_leave_nothing_in_memory() {
    let (to_main, from_thread) = mpsc::channel();
    let (to_thread, from_main) = mpsc::channel::<()>();
    let work = move || {
        let (mut steps, mut wanted) = (Steps(Steps::MOST), Wanted::default());
        make_use_and_drop_keys(&mut steps, &mut wanted);
        refuse_stored_keys(&mut steps, &mut wanted);
        to_main.send(wanted).expect("the test waits");
        let _ = from_main.recv();
    };
    let stack_bytes = (Steps::MOST + 8) * (Steps::STACK_BYTES + 1024);
    let thread = std::thread::Builder::new().stack_size(stack_bytes).spawn(work).expect("a thread");
    let wanted = from_thread.recv().expect("the thread sends");
    assert!(wanted.count() > 100);
    let memory = Memory::open();
    let found = memory.search(&wanted);
    assert!(found.is_empty(), "{} pieces, such as\n{}", found.len(), found[..found.len().min(40)].join("\n"));

    // The search does find what is there.
    let mut present = Wanted::default();
    let key = Key::generate(Algorithm::Aes256, Timestamp::ZERO, "").expect("random");
    present.add_stored(stored::encode(&key).expect("an HMAC key").expose(), "living key");
    let found = memory.search(&present);
    assert!(found.iter().any(|what| what.contains("root key of living key, bytes from 24")), "{found:?}");
    drop(to_thread);
    thread.join().expect("no panic");
}
