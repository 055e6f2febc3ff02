//! Stored keys of `formats.md` §2 and `keystores.md` §1.4.

use super::*;
use crate::key::encoding::encode_base64;
use crate::key::stored::{StoredKeyError, decode, encode};

const K1: &str = "CiQKIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fEAESJAogICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8QARoMCPDtyLEGEPm+nfgCIkBlYTk4MjYwODkzMTFmZTQ0ZDc1OTA0MDhlZGU5MTUwZjdjNjM3YjZjYWIwYTkxZWU2ZmUxYWE1ZDlmYjM2NmY2";
const K2: &str = "CiQKIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fEAISJAogICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8QARoMCPDtyLEGEPm+nfgCIkBlYTk4MjYwODkzMTFmZTQ0ZDc1OTA0MDhlZGU5MTUwZjdjNjM3YjZjYWIwYTkxZWU2ZmUxYWE1ZDlmYjM2NmY2";
const K3: &str =
    "CiQKIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fEAESJAogICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8QARoA";
pub(super) const K4: &str = "CiQKIMiHG7XrN94FuwblJJor4f7f6rbqAl7DwsLaiIoyz0D2EAESJAognLXl4yqa4cjZTcSbsU6sNnN8kP9ARWkXwa20YQZa9HgQARoMCNithK0GEID67qYDIkAzZWNmY2RmMzhmY2JlMTQxYWUyNmExMDMwZjgxZTk2Yjc1MzM2NWE0Njc2MGFlNmI1Nzg2OThhOTdjNTlmZDIy";
/// The vector of `keystores.md` §1.4.
const K5: &str = "CiQKIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fEAESJAogICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8QARoMCKX6zawGEPLr3MMCIkAwMDExMjIzMzQ0NTU2Njc3ODg5OWFhYmJjY2RkZWVmZjAwMTEyMjMzNDQ1NTY2Nzc4ODk5YWFiYmNjZGRlZWZm";

pub(super) const J1: &str = r#"{"bytes":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#;

/// The fields of K1: secret key, HMAC key, time, creator.
const FIELDS: [&str; 4] = [
    "0a240a20000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f1001",
    "12240a20202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f1001",
    "1a0c08f0edc8b10610f9be9df802",
    "224065613938323630383933313166653434643735393034303865646539313530663763363337623663616230613931656536666531616135643966623336366636",
];

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// Encodes a protobuf message given in hex.
fn message(fields: &[&str]) -> Vec<u8> {
    let mut text = SecretBytes::default();
    encode_base64(&hex(&fields.concat()), &mut text);
    text.expose().to_vec()
}

fn refused(value: impl AsRef<[u8]>) -> StoredKeyError {
    decode(value.as_ref()).expect_err("refused")
}

#[test]
fn current_keys_of_the_specification_are_read_and_written() {
    let repeated = "00112233445566778899aabbccddeeff".repeat(2);
    for (text, algorithm, created_at, created_by) in [
        (K1, Algorithm::Aes256, "2024-05-01T12:34:56.789012345Z", Some(U)),
        (K2, Algorithm::ChaCha20, "2024-05-01T12:34:56.789012345Z", Some(U)),
        (K3, Algorithm::Aes256, "1970-01-01T00:00:00Z", None),
        (K5, Algorithm::Aes256, "2024-01-02T03:04:05.678901234Z", Some(repeated.as_str())),
    ] {
        let key = decode(text.as_bytes()).expect(text);
        assert_eq!((key.algorithm(), key.created_by()), (algorithm, created_by));
        assert_eq!(key.created_at().to_string(), created_at);
        assert_eq!((key.secret_key(), key.hmac_key()), (&K, Some(&H)));
        assert_eq!(encode(&key).expect("an HMAC key").expose(), text.as_bytes());
    }
    let key = decode(K4.as_bytes()).expect("K4");
    assert_eq!(key.secret_key().to_vec(), b64("yIcbtes33gW7BuUkmivh/t/qtuoCXsPCwtqIijLPQPY="));
    assert_eq!(key.hmac_key().expect("an HMAC key").to_vec(), b64("nLXl4yqa4cjZTcSbsU6sNnN8kP9ARWkXwa20YQZa9Hg="));
    assert_eq!(key.created_at().to_string(), "2024-01-12T10:39:20.886816Z");
    assert_eq!(key.created_by(), Some("3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22"));
    assert_eq!(encode(&key).expect("an HMAC key").expose(), K4.as_bytes());
}

#[test]
fn variants_that_mean_the_same_are_accepted() {
    let [secret_key, hmac_key, created_at, created_by] = FIELDS;
    assert_eq!(message(&FIELDS), K1.as_bytes());
    for value in [
        format!("{}\r\n{}", &K1[..70], &K1[70..]).into_bytes(),
        format!("{K1}\n").into_bytes(),
        message(&[created_by, created_at, hmac_key, secret_key]),
        message(&[secret_key, hmac_key, created_at, created_by, "4a03010203"]),
        // Unknown fields of every wire type, and inside a sub-message.
        message(&["4801", "490102030405060708", "4d01020304", "4b4c", &FIELDS.concat()]),
        message(&["0a260a20", &secret_key[8..], "4801", hmac_key, created_at, created_by]),
        // The last of several scalars wins, several sub-messages merge.
        message(&["220141", &FIELDS.concat()]),
        message(&["0a0410024805", &FIELDS.concat()]),
        message(&["0a220a20", &secret_key[8..72], "0a021001", hmac_key, created_at, created_by]),
    ] {
        let text = String::from_utf8_lossy(&value).into_owned();
        let Ok(key) = decode(&value) else { panic!("{text}") };
        assert_eq!(encode(&key).expect("an HMAC key").expose(), K1.as_bytes(), "{text}");
    }
}

#[test]
fn what_is_not_a_current_key_is_refused_with_its_reason() {
    use StoredKeyError as E;
    let [secret_key, hmac_key, created_at, created_by] = FIELDS;
    let without_type = format!("0a220a20{}", &secret_key[8..72]);
    for (value, reason) in [
        (Vec::new(), E::Empty),
        (b"\n".to_vec(), E::SecretKeyMissing),
        (format!(" {K1}").into_bytes(), E::Encoding),
        (format!("{K1} ").into_bytes(), E::Encoding),
        (b"not a key".to_vec(), E::Encoding),
        (b"AA==".to_vec(), E::Protobuf),
        (message(&[hmac_key, created_at, created_by]), E::SecretKeyMissing),
        (message(&["0a00", hmac_key]), E::SecretKeyLength(0)),
        (message(&["0a0410010a00"]), E::SecretKeyLength(0)),
        (message(&["0a220a1e", &secret_key[8..68], "1001"]), E::SecretKeyLength(30)),
        (message(&["0a260a22", &secret_key[8..72], "00001001"]), E::SecretKeyLength(34)),
        (message(&[&without_type, hmac_key]), E::SecretKeyType(0)),
        (message(&[&secret_key.replace("1001", "1003"), hmac_key]), E::SecretKeyType(3)),
        (message(&[secret_key, "1200"]), E::HmacKeyLength(0)),
        (message(&[secret_key, "12140a10", &hmac_key[8..40], "1001"]), E::HmacKeyLength(16)),
        (message(&[secret_key, &hmac_key.replace("3f1001", "3f1002")]), E::HmacHash(2)),
        (message(&[secret_key, "12220a20", &hmac_key[8..72]]), E::HmacHash(0)),
        // -1 ns, 10^9 ns, a year beyond 9999.
        (message(&[secret_key, "1a0b10ffffffffffffffffff01"]), E::CreatedAt),
        (message(&[secret_key, "1a06108094ebdc03"]), E::CreatedAt),
        (message(&[secret_key, "1a0a08ffffffffffffffff7f"]), E::CreatedAt),
        // Cut off, a wrong wire type, a group that does not end, a creator that is not UTF-8, field number 0.
        (message(&[&secret_key[..70]]), E::Protobuf),
        (message(&[secret_key, hmac_key, created_at, &created_by[..20]]), E::Protobuf),
        (message(&["0801"]), E::Protobuf),
        (message(&[secret_key, "4b"]), E::Protobuf),
        (message(&[secret_key, &"4b".repeat(100_000), &"4c".repeat(100_000)]), E::Protobuf),
        (message(&[secret_key, "2202c328"]), E::Protobuf),
        (message(&[secret_key, "0201ff"]), E::Protobuf),
    ] {
        assert_eq!(refused(&value), reason, "{}", String::from_utf8_lossy(&value));
    }
    // Padding is required where it is needed.
    let padded = message(&[secret_key, hmac_key]);
    assert!(padded.ends_with(b"=") && decode(&padded).is_ok());
    assert_eq!(refused(&padded[..padded.len() - 1]), E::Encoding);
}

/// Decision 29.
#[test]
fn a_current_key_without_hmac_key_is_readable_and_not_written_again() {
    let key = decode(&message(&[FIELDS[0], FIELDS[3]])).expect("readable");
    assert!(!key.has_hmac());
    assert_eq!(opened(&key, &sealed(&aes(&K), &IV, P, A), A).as_deref(), Some(P));
    assert!(encode(&key).is_none());
}

#[test]
fn times_before_1970_survive() {
    let key = Key::from_parts(&K, Some(&H), Algorithm::Aes256, time("1901-02-03T04:05:06.000000007Z"), "");
    let text = encode(&key).expect("an HMAC key");
    assert_eq!(decode(text.expose()).expect("its own form").created_at(), key.created_at());
}

#[test]
fn legacy_keys_of_the_specification_are_read() {
    let j2 = |algorithm: &str| {
        format!(
            r#"{{"bytes":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","algorithm":"{algorithm}","created_at":"2024-05-01T12:34:56.789012345Z","created_by":"{U}"}}"#
        )
    };
    let k = to_hex(&K);
    let (aes, chacha) = (Algorithm::Aes256, Algorithm::ChaCha20);
    for (text, secret_key, algorithm, created_at, created_by) in [
        (J1, k.as_str(), aes, "0001-01-01T00:00:00Z", None),
        (&j2("AES256-GCM_SHA256"), &k, aes, "2024-05-01T12:34:56.789012345Z", Some(U)),
        (&j2("AES256"), &k, aes, "2024-05-01T12:34:56.789012345Z", Some(U)),
        (&j2("XCHACHA20-POLY1305"), &k, chacha, "2024-05-01T12:34:56.789012345Z", Some(U)),
        (&j2("ChaCha20"), &k, chacha, "2024-05-01T12:34:56.789012345Z", Some(U)),
        (
            r#"{"version":"v1","bytes":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","created_at":"2024-05-01T12:34:56+02:00"}"#,
            &k,
            aes,
            "2024-05-01T12:34:56+02:00",
            None,
        ),
        (
            r#"{"bytes":"J8qmOyEV2ce2yoAC+5t0Y7CSP/hTMppL7XHpAnyc+0E=","algorithm":"AES256-GCM_SHA256","created_at":"2009-11-10T23:00:00Z","created_by":"40235905b7b83e0537a002db523cd019d6709b899adc249c957860cd00fa9f78"}"#,
            "27caa63b2115d9c7b6ca8002fb9b7463b0923ff853329a4bed71e9027c9cfb41",
            aes,
            "2009-11-10T23:00:00Z",
            Some("40235905b7b83e0537a002db523cd019d6709b899adc249c957860cd00fa9f78"),
        ),
        (
            r#"{"bytes":"9ew6BCae3+13sniOUwttEJ62amg98YXc0OW0WBhNiCY=","algorithm":"XCHACHA20-POLY1305","created_at":"2009-11-10T23:00:00Z","created_by":"189d9de5331e3ee8abe9e4bd40d474ad621d79ccf83a711f6ac68050eb15a52a"}"#,
            "f5ec3a04269edfed77b2788e530b6d109eb66a683df185dcd0e5b458184d8826",
            chacha,
            "2009-11-10T23:00:00Z",
            Some("189d9de5331e3ee8abe9e4bd40d474ad621d79ccf83a711f6ac68050eb15a52a"),
        ),
        (
            r#"{"bytes":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="}"#,
            "0000000000000000000000000000000000000000000000000000000000000001",
            aes,
            "0001-01-01T00:00:00Z",
            None,
        ),
    ] {
        let key = decode(text.as_bytes()).expect(text);
        assert_eq!(to_hex(key.secret_key()), secret_key);
        assert_eq!((key.algorithm(), key.created_by()), (algorithm, created_by));
        assert_eq!(key.created_at().to_string(), created_at);
        assert!(!key.has_hmac());
        assert!(encode(&key).is_none());
    }
}

#[test]
fn legacy_keys_are_read_as_leniently_as_the_reference_did() {
    let bytes = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for text in [
        format!("\n {{ \"Bytes\" : \"{bytes}\" , \"other\" : [1, {{}}] }} \n"),
        format!(r#"{{"bytes":"AAAA","BYTES":"{bytes}"}}"#),
        format!(r#"{{"bytes":"{bytes}","algorithm":null,"created_at":null,"created_by":null,"version":7}}"#),
        format!(r#"{{"bytes":"{bytes}","algorithm":"","created_by":""}}"#),
        format!(r#"{{"bytes":"{}\r\n{}\n"}}"#, &bytes[..20], &bytes[20..]),
        format!(r#"{{"bytes":"{}"}}"#, bytes.replace('=', "\\u003d").replace('A', "\\u0041")),
    ] {
        let key = decode(text.as_bytes()).expect(&text);
        assert_eq!(key.secret_key(), &K);
        assert_eq!((key.algorithm(), key.created_by()), (Algorithm::Aes256, None));
        assert_eq!(key.created_at(), Timestamp::ZERO);
    }
}

#[test]
fn what_is_not_a_legacy_key_is_refused_with_its_reason() {
    use StoredKeyError as E;
    let bytes = r#""bytes":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=""#;
    for (text, reason) in [
        (r#""bytes":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="}"#.to_owned(), E::Encoding),
        (r#"{bytes":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="}"#.to_owned(), E::Encoding),
        (r#"{"bytes""AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="}"#.to_owned(), E::Encoding),
        (r#""bytes":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=""#.to_owned(), E::Encoding),
        (format!("{{{bytes}}} x"), E::Encoding),
        ("123".to_owned(), E::NotAnObject),
        // Base64 of three bytes as well, but JSON decides.
        ("1234".to_owned(), E::NotAnObject),
        ("null".to_owned(), E::NotAnObject),
        (r#""abc""#.to_owned(), E::NotAnObject),
        (format!("[{{{bytes}}}]"), E::NotAnObject),
        ("{}".to_owned(), E::SecretKeyMissing),
        (format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000)), E::SecretKeyMissing),
        (format!(r#"{{{bytes},"bytes":null}}"#), E::SecretKeyMissing),
        (r#"{"bytes":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg=="}"#.to_owned(), E::SecretKeyLength(31)),
        (r#"{"bytes":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#.to_owned(), E::Bytes),
        (r#"{"bytes":[0,1,2]}"#.to_owned(), E::Bytes),
        (format!(r#"{{{bytes},"algorithm":"undefined"}}"#), E::Algorithm),
        (format!(r#"{{{bytes},"algorithm":"aes256"}}"#), E::Algorithm),
        (format!(r#"{{{bytes},"algorithm":1}}"#), E::Algorithm),
        (format!(r#"{{{bytes},"created_at":""}}"#), E::CreatedAt),
        (format!(r#"{{{bytes},"created_at":"yesterday"}}"#), E::CreatedAt),
        (format!(r#"{{{bytes},"created_by":1}}"#), E::CreatedBy),
    ] {
        assert_eq!(refused(&text), reason, "{text}");
    }
}

#[test]
fn reasons_for_the_log_hold_no_part_of_the_value() {
    let canary = "Q0FOQVJZ".repeat(6);
    for value in [
        canary.clone(),
        format!(r#"{{"bytes":"{canary}"}}"#),
        format!(r#"{{"bytes":{{"{canary}":1}}}}"#),
        format!(r#"{{"bytes":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","algorithm":"{canary}"}}"#),
        format!(r#""{canary}""#),
        format!("{canary}!"),
        format!("CiQK{canary}"),
    ] {
        let error = refused(&value);
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("Q0FO") && !shown.contains("CANARY"), "{shown}");
        }
    }
}
