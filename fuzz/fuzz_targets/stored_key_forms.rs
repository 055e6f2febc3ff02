//! Stored keys of both generations, written in every way in which they may be written: each is read as the key that it
//! is. The protobuf writer here is a few lines of its own.
#![no_main]

use arbitrary::Arbitrary;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kes_core::key::stored;
use kes_core::{Algorithm, Key, Timestamp};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Entry {
    secret_key: [u8; 32],
    hmac_key: Option<[u8; 32]>,
    is_chacha: bool,
    seconds: i64,
    nanoseconds: u32,
    created_by: String,
    form: Form,
}

#[derive(Arbitrary, Debug)]
enum Form {
    Protobuf {
        rotation: u8,
        /// Each message in two pieces, which merge.
        split: bool,
        /// Values that later ones replace.
        stale: bool,
        unknown: Option<Vec<u8>>,
        breaks: bool,
    },
    Json {
        rotation: u8,
        alias: bool,
        version: bool,
        unknown: Option<String>,
        blanks: bool,
    },
}

fuzz_target!(|entry: Entry| {
    // Around the years 0 to 9999, and around a second: most of all numbers are far beyond.
    let (seconds, nanoseconds) = (entry.seconds % 300_000_000_000, entry.nanoseconds % 1_100_000_000);
    let entry = Entry { seconds, nanoseconds, ..entry };
    let created_at = Timestamp::from_unix(entry.seconds, entry.nanoseconds);
    let value = match &entry.form {
        Form::Protobuf { .. } => protobuf(&entry),
        Form::Json { .. } => match created_at {
            Ok(time) => json(&entry, &time.to_string()),
            Err(_) => return,
        },
    };
    let key = match (stored::decode(value.as_bytes()), created_at) {
        (Ok(key), Ok(time)) => {
            assert_eq!(key.created_at(), time, "{entry:?}");
            key
        }
        (Err(_), Err(_)) => return,
        (read, time) => panic!("{read:?} with {time:?} from {entry:?}"),
    };
    let algorithm = if entry.is_chacha { Algorithm::ChaCha20 } else { Algorithm::Aes256 };
    assert_eq!(key.algorithm(), algorithm, "{entry:?}");
    assert_eq!(key.created_by().unwrap_or_default(), entry.created_by, "{entry:?}");
    let original = Key::import(&entry.secret_key, algorithm, Timestamp::ZERO, "").expect("random");
    let ciphertext = original.seal(b"plaintext", b"context").expect("sealed");
    assert_eq!(key.open(ciphertext, b"context").expect("the same key").expose(), b"plaintext", "{entry:?}");
    let is_protobuf = matches!(entry.form, Form::Protobuf { .. });
    assert_eq!(key.has_hmac(), is_protobuf && entry.hmac_key.is_some(), "{entry:?}");
    assert_eq!(stored::encode(&key).is_some(), key.has_hmac());
    if let (true, Some(hmac_key)) = (is_protobuf, entry.hmac_key) {
        assert_ne!(key.hmac(b"message"), None);
        // The HMAC key of another entry is the same if its bytes are, and only then.
        let other = |hmac_key| {
            let plain = Form::Protobuf { rotation: 0, split: false, stale: false, unknown: None, breaks: false };
            let other = Entry { form: plain, hmac_key: Some(hmac_key), created_by: String::new(), ..entry };
            stored::decode(protobuf(&other).as_bytes()).expect("a key").hmac(b"message")
        };
        assert_eq!(key.hmac(b"message"), other(hmac_key));
        assert_ne!(key.hmac(b"message"), other(hmac_key.map(|byte| byte ^ 1)));
    }
});

fn protobuf(entry: &Entry) -> String {
    let Form::Protobuf { rotation, split, stale, unknown, breaks } = &entry.form else {
        unreachable!("the caller looked")
    };
    let mut fields = Vec::new();
    let secret = [bytes(1, &entry.secret_key), varint(2, if entry.is_chacha { 2 } else { 1 })];
    let hmac = entry.hmac_key.as_ref().map(|key| [bytes(1, key), varint(2, 1)]);
    let time = [varint(1, entry.seconds.cast_unsigned()), varint(2, entry.nanoseconds.into())];
    if *stale {
        fields.push(bytes(1, &[bytes(1, b"of another key"), varint(2, 7)].concat()));
        fields.push(bytes(3, &[varint(1, 1), varint(2, 1)].concat()));
        fields.push(bytes(4, b"somebody else"));
    }
    let kept = fields.len();
    for (number, pieces) in [(1, Some(&secret)), (2, hmac.as_ref()), (3, Some(&time))] {
        let Some(pieces) = pieces else { continue };
        if *split {
            fields.extend(pieces.iter().map(|piece| bytes(number, piece)));
        } else {
            fields.push(bytes(number, &pieces.concat()));
        }
    }
    fields.push(bytes(4, entry.created_by.as_bytes()));
    fields.extend(unknown.as_deref().map(|content| bytes(9, content)));
    let count = fields.len() - kept;
    // What is stale stays before what replaces it.
    fields[kept..].rotate_left(usize::from(*rotation) % count);
    let text = STANDARD.encode(fields.concat());
    if *breaks { text.split_inclusive('A').collect::<Vec<_>>().join("\r\n") } else { text }
}

fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    write_varint(&mut field, content.len() as u64);
    field.extend_from_slice(content);
    field
}

fn varint(number: u8, value: u64) -> Vec<u8> {
    let mut field = vec![number << 3];
    write_varint(&mut field, value);
    field
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn json(entry: &Entry, created_at: &str) -> String {
    let Form::Json { rotation, alias, version, unknown, blanks } = &entry.form else {
        unreachable!("the caller looked")
    };
    let text = |text: &str| serde_json::to_string(text).expect("text is JSON");
    let algorithm = match (entry.is_chacha, alias) {
        (false, false) => "AES256",
        (false, true) => "AES256-GCM_SHA256",
        (true, false) => "ChaCha20",
        (true, true) => "XCHACHA20-POLY1305",
    };
    let mut members = vec![
        ("bytes", text(&STANDARD.encode(entry.secret_key))),
        ("algorithm", text(algorithm)),
        ("created_at", text(created_at)),
        ("created_by", text(&entry.created_by)),
    ];
    members.extend(version.then(|| ("version", text("v1"))));
    members.extend(unknown.as_deref().map(|unknown| ("unknown", text(unknown))));
    let count = members.len();
    members.rotate_left(usize::from(*rotation) % count);
    let blank = if *blanks { "\n " } else { "" };
    let members: Vec<String> =
        members.into_iter().map(|(name, value)| format!("{blank}\"{name}\"{blank}:{value}{blank}")).collect();
    format!("{{{}}}{blank}", members.join(","))
}
