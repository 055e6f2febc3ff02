//! API keys: what is read has one text form and one private key, both of the same identity.
#![no_main]

use kes_core::ApiKey;
use kes_core::api_key::PREFIX;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(key) = text.parse::<ApiKey>() else { return };
    assert!(key.identity().is_hash());
    let written = key.to_text();
    let bare: String =
        text.strip_prefix(PREFIX).unwrap_or(text).chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    assert_eq!(written.expose(), format!("{PREFIX}{bare}"));
    assert_eq!(written.expose().len(), 51);
    let again: ApiKey = written.expose().parse().expect("what is written can be read");
    assert_eq!(again.identity(), key.identity());
    let pkcs8 = key.to_pkcs8();
    let same = ApiKey::from_pkcs8(pkcs8.expose()).expect("what is written can be read");
    assert_eq!(same.to_text().expose(), written.expose());
    assert!(ApiKey::from_pkcs8(&pkcs8.expose()[1..]).is_none());
});
