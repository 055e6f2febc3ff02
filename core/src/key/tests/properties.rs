//! What holds for all keys, plaintexts, contexts and stored values.

use proptest::prelude::*;

use super::*;

fn keys() -> impl Strategy<Value = Key> {
    (any::<[u8; 32]>(), any::<bool>()).prop_map(|(bytes, is_aes)| if is_aes { aes(&bytes) } else { chacha(&bytes) })
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=most)
}

#[test]
fn every_size_up_to_2_kib_round_trips() {
    let plaintext: Vec<u8> = (0..=2048).map(|i| i as u8).collect();
    for key in [aes(&K), chacha(&K)] {
        for size in 0..=2048 {
            let ciphertext = key.seal(&plaintext[..size], A).expect("sealed");
            assert_eq!(ciphertext.len(), size + OVERHEAD_BYTES);
            assert_eq!(key.open(ciphertext, A).expect("opened").expose(), &plaintext[..size]);
        }
    }
}

#[test]
fn a_whole_request_of_plaintext_round_trips() {
    let plaintext = vec![7; 749_988];
    let ciphertext = aes(&K).seal(&plaintext, A).expect("sealed");
    assert_eq!(aes(&K).open(ciphertext, A).expect("opened").expose(), plaintext);
}

#[test]
fn any_flipped_bit_is_noticed() {
    let legacy = b64(
        "laZBRVMyNTbZIDYzMGRjZDI5NjZjNDMzNjY5MTEyNTQ0OGJiYjI1YjRmxBCgoaKjpKWmp6ipqqusra6vxAywsbKztLW2t7i5urvEGfx9UWn5lEoV/ulhM/eBeRbjDzB2GywvBmg=",
    );
    let id = 8..8 + 34;
    for (key, ciphertext, ignored) in [
        (aes(&K), sealed(&aes(&K), &IV, P, A), 0..0),
        (chacha(&K), sealed(&chacha(&K), &IV, P, A), 0..0),
        (aes(&K), legacy, id),
    ] {
        for bit in 0..ciphertext.len() * 8 {
            let mut flipped = ciphertext.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let may_open = ignored.contains(&(bit / 8));
            assert!(may_open || opened(&key, &flipped, A).is_none(), "bit {bit} of {}", to_hex(&ciphertext));
        }
    }
}

/// Every IV of a small range, so that the first byte takes each value a few times, `95` and `7b` among them.
#[test]
fn current_ciphertexts_open_whatever_their_first_byte() {
    for key in [aes(&K), chacha(&K)] {
        let mut seen = [0; 256];
        for number in 0..4096_u32 {
            let iv = [number.to_le_bytes(), [0; 4], [0; 4], [0; 4]].concat();
            let ciphertext = sealed(&key, &iv, P, A);
            seen[usize::from(ciphertext[0])] += 1;
            assert_eq!(opened(&key, &ciphertext, A).as_deref(), Some(P));
        }
        assert!(seen[0x95] > 0 && seen[usize::from(b'{')] > 0);
    }
}

proptest! {
    #[test]
    fn sealed_messages_open_under_their_key_and_context_alone(
        key in keys(), other_key in keys(), plaintext in bytes(300), context in bytes(64), other_context in bytes(64),
    ) {
        let ciphertext = key.seal(&plaintext, &context).expect("sealed");
        prop_assert_eq!(opened(&key, &ciphertext, &context), Some(plaintext));
        prop_assert_eq!(opened(&other_key, &ciphertext, &context), None);
        if other_context != context {
            prop_assert_eq!(opened(&key, &ciphertext, &other_context), None);
        }
    }

    #[test]
    fn stored_keys_round_trip(
        secret_key in any::<[u8; 32]>(),
        hmac_key in any::<[u8; 32]>(),
        is_aes in any::<bool>(),
        // The years 0 to 9999.
        seconds in -62_167_219_200_i64..=253_402_300_799,
        nanoseconds in 0..1_000_000_000_u32,
        created_by in "\\PC{0,80}",
    ) {
        let algorithm = if is_aes { Algorithm::Aes256 } else { Algorithm::ChaCha20 };
        let created_at = Timestamp::from_unix(seconds, nanoseconds).expect("in range");
        let key = Key::from_parts(&secret_key, Some(&hmac_key), algorithm, created_at, &created_by);
        let text = stored::encode(&key).expect("an HMAC key");
        prop_assert!(text.expose().starts_with(b"CiQKI"));
        let again = stored::decode(text.expose()).expect("its own form");
        prop_assert_eq!((again.secret_key(), again.hmac_key()), (&secret_key, Some(&hmac_key)));
        prop_assert_eq!((again.algorithm(), again.created_at()), (algorithm, created_at));
        prop_assert_eq!(again.created_by().unwrap_or_default(), created_by);
    }

    #[test]
    fn bytes_that_are_no_key_are_refused(value in bytes(300)) {
        prop_assert!(stored::decode(&value).is_err());
    }

    #[test]
    fn messages_that_are_no_key_are_refused(value in bytes(200)) {
        let mut text = SecretBytes::default();
        encoding::encode_base64(&value, &mut text);
        prop_assert!(stored::decode(text.expose()).is_err());
    }

    #[test]
    fn json_that_is_no_key_is_refused(member in "bytes|algorithm|created_at|created_by", value in "\\PC{0,40}") {
        let text = format!(r#"{{"{member}":"{value}"}}"#);
        prop_assert!(stored::decode(text.as_bytes()).is_err());
    }

    /// Every byte of a good value is replaced by any other.
    #[test]
    fn a_damaged_stored_key_never_panics(at in 0..208_usize, byte in any::<u8>()) {
        let mut value = stored::encode(&aes(&K)).expect("an HMAC key");
        if let Some(place) = value.expose_mut().get_mut(at) {
            *place = byte;
        }
        let _ = stored::decode(value.expose());
    }

    #[test]
    fn bytes_that_are_no_ciphertext_do_not_open(
        key in keys(), first in prop::sample::select(vec![None, Some(0x95), Some(b'{')]), rest in bytes(200),
    ) {
        let ciphertext: Vec<u8> = first.into_iter().chain(rest).collect();
        prop_assert_eq!(opened(&key, &ciphertext, b""), None);
    }
}
