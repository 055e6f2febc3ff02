//! Ciphertexts of `formats.md` §3, of every generation.

use super::*;

const M1: &str = "lbFBRVMyNTYtR0NNX1NIQTI1NtkgNjMwZGNkMjk2NmM0MzM2NjkxMTI1NDQ4YmJiMjViNGbEEKChoqOkpaanqKmqq6ytrq/EDLCxsrO0tba3uLm6u8QZ/H1RafmUShX+6WEz94F5FuMPMHYbLC8GaA==";
const L1: &str = r#"{"aead":"AES-256-GCM-HMAC-SHA-256","id":"630dcd2966c4336691125448bbb25b4f","iv":"oKGio6SlpqeoqaqrrK2urw==","nonce":"sLGys7S1tre4ubq7","bytes":"/H1RafmUShX+6WEz94F5FuMPMHYbLC8GaA=="}"#;
const L2: &str = r#"{"aead":"ChaCha20Poly1305","id":"630dcd2966c4336691125448bbb25b4f","iv":"oKGio6SlpqeoqaqrrK2urw==","nonce":"sLGys7S1tre4ubq7","bytes":"gw/4swX7tMuVzjHisnRMzdp9ukcAYsWD4A=="}"#;
const R0: &str = r#"{"aead":"AES-256-GCM-HMAC-SHA-256","iv":"xLxIN3tSCkg2xMafuvwUwg==","nonce":"gu0mGwUkwcvMEoi5","bytes":"WVgRjeIJm3w50C/l+y7y2i6mbNg5NCAqN1zvOYWZKmc="}"#;
const R1: &str = r#"{"aead":"ChaCha20Poly1305","iv":"s3fSZ6vk5m+DfQA8yZWeUg==","nonce":"8/kHMnCMs3h9NZ2a","bytes":"cw22HjLq/4cx8507SW4hhSrYbDiMuRao4b5+GE+XfbE="}"#;
const R2: &str = r#"{"aead":"ChaCha20Poly1305","id":"66687aadf862bd776c8fc18b8e9f8e20","iv":"EC0eZp7Pqt+LnkOae5xaAg==","nonce":"X1ejXKmH/ugFZPkk","bytes":"wIGBTDs6aOvsqJfekZ0PYRT/OHyFX2TXqeNwl1SLXOI="}"#;

/// The plaintext of C9 and M5.
fn long_plaintext() -> Vec<u8> {
    (0..300).map(|i| i as u8).collect()
}

/// A legacy ciphertext in MessagePack from its elements' encodings.
fn message_pack(elements: [&[u8]; 5]) -> Vec<u8> {
    [&[0x95], elements.concat().as_slice()].concat()
}

/// C1 to C9.
#[test]
fn sealing_writes_the_ciphertexts_of_the_specification() {
    for (key, iv, plaintext, context, expected) in [
        (aes(&K), to_hex(&IV), P, A, "/H1RafmUShX+6WEz94F5FuMPMHYbLC8GaKChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5urs="),
        (chacha(&K), to_hex(&IV), P, A, "gw/4swX7tMuVzjHisnRMzdp9ukcAYsWD4KChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5urs="),
        (aes(&K), to_hex(&IV), b"", b"", "gyKSCDNX6+7Y1QPFxp3MwKChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5urs="),
        (chacha(&K), to_hex(&IV), b"", b"", "yKuXHDtKO5aNoSvUYxOc4aChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5urs="),
        (
            aes(&K),
            "7c1c387fc025467bdc449f3fe3e807ed".to_owned(),
            P,
            A,
            "lcvhvDkl97ci3oyHM2wCz0EYnmR8EVcQP3wcOH/AJUZ73ESfP+PoB+2wsbKztLW2t7i5urs=",
        ),
        (
            aes(&K),
            "a18ab1d6a7c15fd3af83a10e04cfe71a".to_owned(),
            P,
            A,
            "e8MIsn3M60OeS1tVNdCHDHmNcKztSZnZ5KGKsdanwV/Tr4OhDgTP5xqwsbKztLW2t7i5urs=",
        ),
        (
            chacha(&K),
            "1bb5096b5627e667ceef9ebc5eb3d02f".to_owned(),
            P,
            A,
            "lfMcKBT5CVl6xHveTsrXfuWmiv3I+CCWzhu1CWtWJ+Znzu+evF6z0C+wsbKztLW2t7i5urs=",
        ),
        (
            chacha(&K),
            "80fc5c03e3eedb4057b26a0b6151eb90".to_owned(),
            P,
            A,
            "e26tTdWDEv2BOdenCsuZGPrLDXwJ4VDNsoD8XAPj7ttAV7JqC2FR65CwsbKztLW2t7i5urs=",
        ),
    ] {
        let ciphertext = sealed(&key, &hex(&iv), plaintext, context);
        assert_eq!(ciphertext, b64(expected));
        assert_eq!(opened(&key, &ciphertext, context).as_deref(), Some(plaintext));
        assert_eq!(opened(&key, &ciphertext, b"another"), None);
    }
    let c9 = sealed(&aes(&K), &IV, &long_plaintext(), b"");
    assert_eq!(c9.len(), 344);
    assert_eq!(sha256(&c9), "888023e23ce13b00b0b8cfdb90e26e5c247ed80f4a33649d3037ec14cd400ab8");
}

/// M1 to M5, under keys of both kinds: the algorithm in the ciphertext decides (decision 10).
#[test]
fn message_pack_ciphertexts_open_under_a_key_of_either_algorithm() {
    let c9 = sealed(&aes(&K), &IV, &long_plaintext(), b"");
    let m5 = message_pack([
        b"\xa6AES256",
        b"\xd9\x20630dcd2966c4336691125448bbb25b4f",
        &[&[0xc4, 0x10], IV.as_slice()].concat(),
        &[&[0xc4, 0x0c], N.as_slice()].concat(),
        &[&[0xc5, 0x01, 0x3c], &c9[..316]].concat(),
    ]);
    assert_eq!(m5.len(), 393);
    assert_eq!(sha256(&m5), "efd66e4c4ebd2c19235e1aab022d66c83c499ca733673977408334ed9b5d7058");
    for key in [aes(&K), chacha(&K)] {
        for (ciphertext, plaintext, context) in [
            (b64(M1), P.to_vec(), A),
            (
                b64(
                    "lbJYQ0hBQ0hBMjAtUE9MWTEzMDXZIDYzMGRjZDI5NjZjNDMzNjY5MTEyNTQ0OGJiYjI1YjRmxBCgoaKjpKWmp6ipqqusra6vxAywsbKztLW2t7i5urvEGYMP+LMF+7TLlc4x4rJ0TM3afbpHAGLFg+A=",
                ),
                P.to_vec(),
                A,
            ),
            (
                b64(
                    "laZBRVMyNTbZIDYzMGRjZDI5NjZjNDMzNjY5MTEyNTQ0OGJiYjI1YjRmxBCgoaKjpKWmp6ipqqusra6vxAywsbKztLW2t7i5urvEGfx9UWn5lEoV/ulhM/eBeRbjDzB2GywvBmg=",
                ),
                P.to_vec(),
                A,
            ),
            (
                b64(
                    "lahDaGFDaGEyMNkgNjMwZGNkMjk2NmM0MzM2NjkxMTI1NDQ4YmJiMjViNGbEEKChoqOkpaanqKmqq6ytrq/EDLCxsrO0tba3uLm6u8QZgw/4swX7tMuVzjHisnRMzdp9ukcAYsWD4A==",
                ),
                P.to_vec(),
                A,
            ),
            (m5.clone(), long_plaintext(), b"".as_slice()),
        ] {
            assert_eq!(opened(&key, &ciphertext, context), Some(plaintext));
            assert_eq!(opened(&key, &ciphertext, b"another"), None);
        }
    }
}

#[test]
fn message_pack_is_taken_strictly() {
    let (name, id) = (b"\xa6AES256".as_slice(), b"\xa0".as_slice());
    let iv = [&[0xc4, 0x10], IV.as_slice()].concat();
    let nonce = [&[0xc4, 0x0c], N.as_slice()].concat();
    let sealed = [&[0xc4, 0x19], &b64(M1)[b64(M1).len() - 25..]].concat();
    let opens = |elements: [&[u8]; 5]| opened(&aes(&K), &message_pack(elements), A).is_some();

    assert!(opens([name, id, &iv, &nonce, &sealed]));
    assert!(opens([name, b"\xa8deadbeef", &iv, &nonce, &sealed]), "the id of the key is ignored");
    assert!(opens([b"\xd9\x06AES256", b"\xda\x00\x01x", &iv, &nonce, &sealed]), "any length of str");
    assert!(opens([name, id, &[&[0xc5, 0x00], &iv[1..]].concat(), &nonce, &sealed]), "any length of bin");
    assert!(opens([name, id, &iv, &nonce, &[&[0xc6, 0x00, 0x00, 0x00], &sealed[1..]].concat()]));

    assert!(!opens([b"\xa3foo", id, &iv, &nonce, &sealed]), "an unknown algorithm");
    assert!(!opens([b"\xc4\x06AES256", id, &iv, &nonce, &sealed]), "bin for str");
    assert!(!opens([name, b"\xc4\x00", &iv, &nonce, &sealed]), "bin for str");
    assert!(!opens([name, b"\xc0", &iv, &nonce, &sealed]), "nil for str");
    assert!(!opens([name, id, &[&[0xb0], IV.as_slice()].concat(), &nonce, &sealed]), "str for bin");
    assert!(!opens([name, id, &[&[0xc4, 0x0f], &IV[1..]].concat(), &nonce, &sealed]), "a short IV");
    assert!(!opens([name, id, &iv, &[&[0xc4, 0x0b], &N[1..]].concat(), &sealed]), "a short nonce");
    assert!(!opens([name, id, &nonce, &iv, &sealed]), "another order");
    assert!(!opens([name, id, &iv, &nonce, &[&sealed[..], &[0]].concat()]), "something behind");
    assert!(!opens([name, id, &iv, &nonce, &sealed[..sealed.len() - 1]]), "cut off");
    assert!(!opens([name, id, &iv, &nonce, &[]]), "an element less");
    assert!(!opens([name, id, &iv, &nonce, b"\xc6\xff\xff\xff\xff"]), "a length beyond the end");
    assert!(!opens([name, id, &iv, &nonce, b"\xc4\x00"]), "no tag");
    let four = [&[0x94], [name, id, &iv, &nonce].concat().as_slice()].concat();
    assert_eq!(opened(&aes(&K), &four, A), None);
}

/// L1, L2 and R0 to R2, under keys of both kinds.
#[test]
fn json_ciphertexts_open_under_a_key_of_either_algorithm() {
    let (zero, z16) = ([0; 32], [0; 16]);
    for key in [aes, chacha] {
        assert_eq!(opened(&key(&K), L1.as_bytes(), A).as_deref(), Some(P));
        assert_eq!(opened(&key(&K), L2.as_bytes(), A).as_deref(), Some(P));
        assert_eq!(opened(&key(&K), L1.as_bytes(), b""), None);
        for text in [R0, R1, R2] {
            assert_eq!(opened(&key(&zero), text.as_bytes(), b"").as_deref(), Some(z16.as_slice()), "{text}");
            assert_eq!(opened(&key(&zero), text.as_bytes(), b"another"), None);
        }
    }
    let generic = stored::decode(stored_keys::J1.as_bytes()).expect("J1");
    assert_eq!(opened(&generic, L2.as_bytes(), A).as_deref(), Some(P));
}

#[test]
fn json_ciphertexts_are_read_as_leniently_as_the_reference_did() {
    for text in [
        L1.replace(",", " ,\n ").replace(":", " : "),
        format!("{L1} \r\n\t"),
        L1.replace("\"iv\"", "\"other\":{\"a\":[1]},\"iv\""),
        L1.replace("\"630dcd2966c4336691125448bbb25b4f\"", "null"),
        L1.replace("\"id\":\"630dcd2966c4336691125448bbb25b4f\",", ""),
        L1.replace("630dcd2966c4336691125448bbb25b4f", "deadbeef"),
        L1.replace("\"nonce\"", "\"NONCE\""),
        L1.replace("Giow", "Gi\\r\\now").replace("UShX", "US\\nhX"),
        L1.replace('/', "\\/"),
    ] {
        assert_eq!(opened(&aes(&K), text.as_bytes(), A).as_deref(), Some(P), "{text}");
    }
    for text in [
        format!(" {L1}"),
        format!("\u{feff}{L1}"),
        format!("{L1}{L1}"),
        format!("{L1},"),
        "{\"a\":".repeat(100_000),
        L1.replace("\"630dcd2966c4336691125448bbb25b4f\"", "7"),
        L1.replace("\"nonce\":\"sLGys7S1tre4ubq7\",", ""),
        L1.replace(",\"bytes\":\"/H1RafmUShX+6WEz94F5FuMPMHYbLC8GaA==\"", ""),
        L1.replace("\"aead\":\"AES-256-GCM-HMAC-SHA-256\",", ""),
        L1.replace("AES-256-GCM-HMAC-SHA-256", "AES256"),
    ] {
        assert_eq!(opened(&aes(&K), text.as_bytes(), A), None, "{text}");
    }
}

#[test]
fn damaged_json_ciphertexts_of_the_specification_do_not_open() {
    for (text, key) in [
        (R0.replace("AES-256-GCM-HMAC-SHA-256", "AES-256-GCM"), aes(&[0; 32])),
        (R0.replace("xLxIN3tSCkg2xMafuvwUwg==", "EjOY4JKqjIrPmQ5z1KSR8zlhggY="), aes(&[0; 32])),
        (R1.replace("8/kHMnCMs3h9NZ2a", "SXAbms731/c="), chacha(&[0; 32])),
        (R0.replace("gu0mGwUkwcvMEoi5", "efY+4kYF9n8="), aes(&[0; 32])),
        (
            R0.replace("WVgRjeIJm3w50C/l+y7y2i6mbNg5NCAqN1zvOYWZKmc=", "QTza1g5oX3f9cGJMbY1xJwWPj1F7R2VnNl6XpFKYQy0="),
            aes(&[0; 32]),
        ),
        (
            R1.replace("cw22HjLq/4cx8507SW4hhSrYbDiMuRao4b5+GE+XfbE=", "TTi8pkO+Jh1JWAHvPxZeUk/iVoBPUCE4ZSVGBy3fW2s="),
            chacha(&[0; 32]),
        ),
        (R0.replacen(',', " ", 1), aes(&[0; 32])),
    ] {
        assert!(text != R0 && text != R1);
        assert_eq!(opened(&key, text.as_bytes(), b""), None, "{text}");
    }
}

/// R3 to R7.
#[test]
fn binary_ciphertexts_of_the_reference_open() {
    let d = b64("dDHbTWgo+Yh3u804SYB5OyVMy6RiLeJYBQth1f6KlEU=").try_into().expect("32 bytes");
    let q = b64("CLcJoykFCWZDkEIiUq9bJRqwCwW9ZDvdgu8EMA==");
    let z16 = vec![0; 16];
    for (key, plaintext, context, ciphertext) in [
        (
            aes(&[0; 32]),
            &z16,
            [].as_slice(),
            "lbFBRVMyNTYtR0NNX1NIQTI1NtkgNjY2ODdhYWRmODYyYmQ3NzZjOGZjMThiOGU5ZjhlMjDEEExv7LAd4oz0SaHZrX5LBufEDEKME1ow1CDfUFrqv8QgJuy7Sw+jVqz99TK1HV851LT3K4mwwDv46TB2ngWkAJQ=",
        ),
        (
            chacha(&[0; 32]),
            &z16,
            &[],
            "lbJYQ0hBQ0hBMjAtUE9MWTEzMDXZIDY2Njg3YWFkZjg2MmJkNzc2YzhmYzE4YjhlOWY4ZTIwxBBAr+aptD4x2+qfOhiErbnkxAxYs8RmNC1JJXD1hiHEIJ2KqM0jjkME7ndx8nyVseesN83Np0rM5ejVUun+fNFu",
        ),
        (aes(&[0; 32]), &z16, &[], "zwdDgHeRlIFRnJ7+DIhs/ka7GFK2CFSfDELqg1VCyTQzZ58o7MAdupMLk3ZjlMo2ZUDwldL2o41nAWDc"),
        (
            aes(&d),
            &q,
            &z16,
            "s2gmfQHeGdlyL8x1yEWSACUV3GrSoz3t160hugMgzKWgyqesXDVUJ5Dw5Mt076rR1PNiU9X4YjLH14D8a81t2r2xsz4gVZac",
        ),
        (
            chacha(&d),
            &q,
            &z16,
            "gO4woRIswAJdjUjW7z2ApsSQxJlwB24yjLrmH4eI7sB0uh5nfEJfk9ybTPFft5FRFaZCVBmzhx7OJs9n0WWtxH3sySIxecIK",
        ),
    ] {
        assert_eq!(opened(&key, &b64(ciphertext), context).as_ref(), Some(plaintext));
        assert_eq!(opened(&key, &b64(ciphertext), b"another"), None);
    }
}

/// Decision 34: recorded from v0.5.0.
#[test]
fn the_oldest_ciphertexts_open() {
    let key = stored::decode(br#"{"bytes":"y4YXfDEtD9AkYqGlFM4wHjr7RLmhzKORj5qMVCu/Llo="}"#).expect("a legacy key");
    let text = r#"{"aead":"AES-256-GCM","iv":"G6a1eRlq9yD+a9ai+ZLkLg==","nonce":"b5NCOuGf4v+iyZfU","bytes":"NKEx8x2O6zJkRyFAQgbRMcSPK68umg7WpeG/HAJa0booSakKprjUbF2MlpybvWZE"}"#;
    let plaintext = b64("XMQDv4mub8rP8WyejHQ1bMyc6K7JEgIXzuJG4zB7TFk=");
    assert_eq!(opened(&key, text.as_bytes(), b"bucket/object"), Some(plaintext));
    assert_eq!(opened(&key, text.as_bytes(), b"bucket/another"), None);
}

#[test]
fn what_is_too_short_for_a_ciphertext_is_not_authentic() {
    let whole = sealed(&aes(&K), &IV, b"", b"");
    for length in 0..whole.len() {
        assert_eq!(opened(&aes(&K), &whole[..length], b""), None, "{length}");
        assert_eq!(opened(&aes(&K), &whole[whole.len() - length..], b""), None, "{length}");
    }
}

#[test]
fn sealing_appends_to_what_is_there() {
    let mut out = b"before".to_vec();
    aes(&K).seal_into(P, A, &mut out).expect("sealed");
    assert_eq!(out.len(), 6 + P.len() + OVERHEAD_BYTES);
    assert_eq!(&out[..6], b"before");
    assert_eq!(opened(&aes(&K), &out[6..], A).as_deref(), Some(P));
}
