//! Ciphertexts of every layout, written in every way in which they may be written: each opens to its plaintext, and with
//! one change that matters it does not.
#![no_main]

use arbitrary::Arbitrary;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kes_core::{Algorithm, Key, Timestamp};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Message {
    secret_key: [u8; 32],
    is_chacha: bool,
    plaintext: Vec<u8>,
    context: Vec<u8>,
    layout: Layout,
    damage: Option<Damage>,
}

#[derive(Arbitrary, Debug)]
enum Layout {
    Current,
    MessagePack { alias: bool, id: String, wide: [Width; 5] },
    Json { id: Option<String>, extra: Option<String>, rotation: u8, blanks: bool, breaks: bool, capitals: bool },
}

/// How a length is written; never narrower than it needs.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Width {
    Least,
    One,
    Two,
    Four,
}

/// One change that no reader may overlook.
#[derive(Arbitrary, Debug)]
enum Damage {
    /// Of the bit with this number, in what was sealed, the IV or the nonce.
    Bit(u16),
    /// Of the context.
    Context,
    /// The last byte is missing.
    Cut,
    /// A byte too many.
    Rest(u8),
}

fuzz_target!(|message: Message| {
    let (algorithm, other) = match message.is_chacha {
        true => (Algorithm::ChaCha20, Algorithm::Aes256),
        false => (Algorithm::Aes256, Algorithm::ChaCha20),
    };
    let key = |algorithm| Key::import(&message.secret_key, algorithm, Timestamp::ZERO, "").expect("random");
    let mut sealed = key(algorithm).seal(&message.plaintext, &message.context).expect("sealed");
    let mut context = message.context.clone();
    if let Some(Damage::Bit(number)) = message.damage {
        let bit = usize::from(number) % (sealed.len() * 8);
        sealed[bit / 8] ^= 1 << (bit % 8);
    }
    let mut written = write(&message, &sealed);
    match message.damage {
        Some(Damage::Context) => context.push(0),
        // Blanks behind JSON are nothing, whether they come or go.
        Some(Damage::Cut) => {
            let is_json = matches!(message.layout, Layout::Json { .. });
            let length = if is_json { written.trim_ascii_end().len() } else { written.len() };
            written.truncate(length - 1);
        }
        Some(Damage::Rest(byte)) => written.push(if byte.is_ascii_whitespace() { b'x' } else { byte }),
        Some(Damage::Bit(_)) | None => {}
    }
    let opened = |algorithm| key(algorithm).open(written.as_slice(), &context).ok().map(|text| text.expose().to_vec());
    let expected = message.damage.is_none().then(|| message.plaintext.clone());
    assert_eq!(opened(algorithm), expected, "{message:?}");
    // A ciphertext that names its algorithm opens whatever the key says of itself.
    let names_algorithm = !matches!(message.layout, Layout::Current);
    assert_eq!(opened(other), expected.filter(|_| names_algorithm), "{message:?}");
});

fn write(message: &Message, current: &[u8]) -> Vec<u8> {
    let (rest, nonce) = current.split_at(current.len() - 12);
    let (sealed, iv) = rest.split_at(rest.len() - 16);
    match &message.layout {
        Layout::Current => current.to_vec(),
        Layout::MessagePack { alias, id, wide } => {
            let name = match (message.is_chacha, alias) {
                (false, false) => "AES256",
                (false, true) => "AES256-GCM_SHA256",
                (true, false) => "ChaCha20",
                (true, true) => "XCHACHA20-POLY1305",
            };
            let mut out = vec![0x95];
            write_text(&mut out, name, wide[0]);
            write_text(&mut out, id, wide[1]);
            write_bytes(&mut out, iv, wide[2]);
            write_bytes(&mut out, nonce, wide[3]);
            write_bytes(&mut out, sealed, wide[4]);
            out
        }
        Layout::Json { id, extra, rotation, blanks, breaks, capitals } => {
            let aead = if message.is_chacha { "ChaCha20Poly1305" } else { "AES-256-GCM-HMAC-SHA-256" };
            let encoded = |bytes: &[u8]| text(&broken(STANDARD.encode(bytes), *breaks));
            let mut members =
                vec![("aead", text(aead)), ("iv", encoded(iv)), ("nonce", encoded(nonce)), ("bytes", encoded(sealed))];
            members.extend(id.as_deref().map(|id| ("id", text(id))));
            members.extend(extra.as_deref().map(|extra| ("extra", format!("[{},null,{{}}]", text(extra)))));
            let count = members.len();
            members.rotate_left(usize::from(*rotation) % count);
            let blank = if *blanks { " \n" } else { "" };
            let members: Vec<String> = members
                .into_iter()
                .map(|(name, value)| {
                    let name = if *capitals { name.to_uppercase() } else { name.to_owned() };
                    format!("{blank}{}{blank}:{blank}{value}{blank}", text(&name))
                })
                .collect();
            format!("{{{}}}{blank}", members.join(",")).into_bytes()
        }
    }
}

fn text(text: &str) -> String {
    serde_json::to_string(text).expect("text is JSON")
}

fn broken(text: String, breaks: bool) -> String {
    if breaks { text.split_inclusive('A').collect::<Vec<_>>().join("\r\n") } else { text }
}

fn write_text(out: &mut Vec<u8>, text: &str, width: Width) {
    match (width, text.len()) {
        (Width::Least, length @ 0..32) => out.push(0xa0 | length as u8),
        (width, length) => write_length(out, width, length, [0xd9, 0xda, 0xdb]),
    }
    out.extend_from_slice(text.as_bytes());
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8], width: Width) {
    write_length(out, width, bytes.len(), [0xc4, 0xc5, 0xc6]);
    out.extend_from_slice(bytes);
}

fn write_length(out: &mut Vec<u8>, width: Width, length: usize, markers: [u8; 3]) {
    let [one, two, four] = markers;
    match (width, length) {
        (Width::Least | Width::One, 0..256) => out.extend([one, length as u8]),
        (Width::Least | Width::One | Width::Two, 0..65536) => {
            out.push(two);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(four);
            out.extend((length as u32).to_be_bytes());
        }
    }
}
