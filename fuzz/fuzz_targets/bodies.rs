//! Request bodies of every route that has one: the server's reading against the one of the wire types, which clients
//! write with, and against a plain JSON value.
#![no_main]

use base64::Engine;
use kes::server::json;
use kes_client::wire::{DecryptRequest, EncryptRequest, GenerateRequest, HmacRequest, ImportRequest, to_json};
use kes_core::SecretBytes;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let encrypt = first::<EncryptRequest>(body).map(|request| {
        ([bytes(request.plaintext.expose()), bytes(request.context.expose())], to_json(&request).expect("json"))
    });
    check(body, ["plaintext", "context"], encrypt);
    let decrypt = first::<DecryptRequest>(body).map(|request| {
        ([bytes(request.ciphertext.expose()), bytes(request.context.expose())], to_json(&request).expect("json"))
    });
    check(body, ["ciphertext", "context"], decrypt);
    let generate = first::<GenerateRequest>(body)
        .map(|request| ([bytes(request.context.expose())], to_json(&request).expect("json")));
    check(body, ["context"], generate);
    let hmac =
        first::<HmacRequest>(body).map(|request| ([bytes(request.message.expose())], to_json(&request).expect("json")));
    check(body, ["message"], hmac);
    check_import(body);
});

/// The first JSON value of the body, whatever follows it.
fn first<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Option<T> {
    T::deserialize(&mut serde_json::Deserializer::from_slice(body)).ok()
}

fn bytes(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

/// Both readings agree, a value that is plain JSON has these members, and what is written of it reads the same.
fn check<const N: usize>(body: &[u8], names: [&'static str; N], expected: Option<([Vec<u8>; N], SecretBytes)>) {
    let read = |body: &[u8]| -> Option<[Vec<u8>; N]> {
        let members = json::byte_strings(body, names).ok()?;
        Some(members.map(|member| member.map(|bytes| bytes.expose().to_vec()).unwrap_or_default()))
    };
    let members = read(body);
    assert_eq!(members, expected.as_ref().map(|(members, _)| members.clone()), "{names:?}");
    let (Some(members), Some((_, written))) = (members, expected) else { return };
    assert_eq!(read(written.expose()).as_ref(), Some(&members), "{names:?}");
    if let Some(value) = first::<Value>(body) {
        for (name, member) in names.into_iter().zip(&members) {
            assert_eq!(plain(&value[name]).as_ref(), Some(member), "{name}");
        }
    }
}

/// The byte string that a JSON value stands for.
fn plain(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::String(text) => {
            let joined: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
            let lenient = base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
            base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, lenient).decode(joined).ok()
        }
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::Null => Some(0),
                item => item.as_u64().and_then(|number| u8::try_from(number).ok()),
            })
            .collect(),
        _ => None,
    }
}

fn check_import(body: &[u8]) {
    let read = json::import(body).ok().map(|import| (import.key.expose().to_vec(), import.algorithm));
    let request = first::<ImportRequest>(body);
    let expected = request.as_ref().map(|request| (request.key.expose().to_vec(), request.cipher.clone()));
    assert_eq!(read, expected);
    let Some(request) = request else { return };
    let again = json::import(to_json(&request).expect("json").expose()).expect("what is written can be read");
    assert_eq!(Some((again.key.expose().to_vec(), again.algorithm)), expected);
}
