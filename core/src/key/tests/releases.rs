//! What real releases wrote (`tests/data/README.md`): every key is read, every ciphertext opens, every HMAC is equal.

use std::collections::BTreeMap;

use self::recorded::releases;
use super::*;

#[path = "../../../../tests/data/releases.rs"]
mod recorded;

#[test]
fn everything_that_releases_wrote_can_be_used() {
    let releases = releases();
    let (mut keys_read, mut ciphertexts_opened, mut hmacs_equal) = (0, 0, 0);
    for (release, recorded) in &releases {
        let keys: BTreeMap<&str, Key> = recorded
            .keys
            .iter()
            .map(|(name, value)| match stored::decode(value.as_bytes()) {
                Ok(key) => (name.as_str(), key),
                Err(error) => panic!("{release}: {name}: {error}"),
            })
            .collect();
        for sealed in &recorded.ciphertexts {
            let key = &keys[sealed.key.as_str()];
            let (ciphertext, context) = (b64(&sealed.ciphertext), b64(&sealed.context));
            let place = format!("{release}: {} under {}", sealed.ciphertext, sealed.key);
            assert_eq!(opened(key, &ciphertext, &context), Some(b64(&sealed.plaintext)), "{place}");
            assert_eq!(opened(key, &ciphertext, &[&context[..], b"/"].concat()), None, "{place}");
            ciphertexts_opened += 1;
        }
        for hmac in &recorded.hmacs {
            let tag = keys[hmac.key.as_str()].hmac(&b64(&hmac.message)).expect("an HMAC key");
            assert_eq!(tag.to_vec(), b64(&hmac.hmac), "{release}: {}", hmac.key);
            hmacs_equal += 1;
        }
        for key in keys.values().filter(|key| key.has_hmac()) {
            let again = stored::encode(key).expect("an HMAC key");
            assert!(recorded.keys.values().any(|value| value.as_bytes() == again.expose()), "{release}");
        }
        keys_read += keys.len();
    }
    // So that a cut recording does not pass for a whole one.
    assert_eq!((releases.len(), keys_read, ciphertexts_opened, hmacs_equal), (13, 47, 258, 9));
}
