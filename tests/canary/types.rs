//! `Debug` of everything that holds a secret and could end up in a log.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kes::keys::{CacheSettings, Keys};
use kes_client::{certificate, pem};
use kes_core::caller::Admin;
use kes_core::{Access, Algorithm, ApiKey, Key, Secret, SecretBytes, SecretText, SystemClock, Timestamp};
use kes_keystores::MemoryStore;

use crate::secrets::{Canary, Secrets};

fn shown(value: &(impl Debug + ?Sized)) -> String {
    format!("{value:?} {value:#?}")
}

#[test]
fn secret_types_show_their_names_alone() {
    for canary in [Canary::bytes(), Canary::letters()] {
        let mut secrets = Secrets::default();
        secrets.add_key("secret", &canary.0);
        let key = Key::import(&canary.0, Algorithm::Aes256, Timestamp::ZERO, "creator").expect("random");
        let api_key: ApiKey = format!("kes:v1:{}", {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD.encode([&[0], canary.0.as_slice()].concat())
        })
        .parse()
        .expect("an API key");
        for said in [
            shown(&Secret::<32>::init_with(|bytes| bytes.copy_from_slice(&canary.0))),
            shown(&SecretBytes::from(canary.0.as_slice())),
            shown(&SecretText::from(canary.text())),
            shown(&key),
            shown(&kes_core::key::stored::encode(&key)),
            shown(&key.data_key(b"").expect("random").0),
            shown(&api_key),
            shown(&api_key.to_text()),
            shown(&api_key.to_pkcs8()),
        ] {
            secrets.assert_absent(&said, "Debug");
        }
        let error = format!("kes:v1:{}", canary.text()).parse::<ApiKey>().expect_err("no API key");
        secrets.assert_absent(format!("{error} {}", shown(&error)), "an error");
    }
}

#[tokio::test]
async fn keys_in_use_are_not_shown() {
    let store = Arc::new(MemoryStore::new());
    let settings = CacheSettings {
        any: Duration::from_secs(60),
        unused: Duration::from_secs(60),
        offline: Duration::ZERO,
        call_limit: Duration::from_secs(10),
        refresh_ahead: Duration::ZERO,
        max_keys: 10,
    };
    let keys = Keys::new(store.clone(), settings, Arc::new(SystemClock));
    let access = Access::new(Admin::new(crate::support::ADMIN), Vec::new()).expect("consistent");
    let (caller, canary) = (access.server(), Canary::bytes());
    let (name, bytes) = ("some-key".parse().expect("a name"), Secret::init_with(|bytes| *bytes = canary.0));
    let mut secrets = Secrets::default();
    secrets.add_key("imported key", &canary.0);
    keys.import(&caller, &name, &bytes, Algorithm::Aes256).await.expect("imported");
    secrets.add_stored(&*store, "some-key").await;
    let data_key = keys.data_key(&caller, &name, &SecretBytes::default()).await.expect("a data key");
    secrets.add_key("data key", data_key.plaintext.expose());
    let opened = keys.open(&caller, &name, data_key.ciphertext.clone().into(), &SecretBytes::default()).await;
    assert_eq!(keys.cache().len(), 1);
    for said in [shown(&keys), shown(&data_key), shown(&opened), shown(&keys.get(&caller, &name).await)] {
        secrets.assert_absent(&said, "Debug");
    }
}

#[test]
fn tls_files_and_what_is_wrong_with_them_do_not_show_the_private_key() {
    let (certificate, key) =
        certificate::of_development_server(&[[127, 0, 0, 1].into()], SystemTime::now()).expect("a certificate");
    let mut secrets = Secrets::default();
    // Where the scalar stands differs between writers, so all pieces of the file count but its fixed beginning.
    secrets.add_key("private key", &key.expose()[36..68]);
    let files = tempfile::tempdir().expect("a directory");
    let path = |name: &str| files.path().join(name);
    std::fs::write(path("cert"), pem::write_certificate(&certificate)).expect("written");
    std::fs::write(path("key"), pem::write_private_key(&key, None).expect("PEM").expose()).expect("written");
    let canary = Canary::letters();
    secrets.add_key("password", &canary.0);
    let tls_files = Arc::new(kes::server::TlsFiles {
        key: path("key"),
        cert: path("cert"),
        password: Some(SecretText::from(canary.text())),
        ca: None,
    });
    let mode = kes::server::ClientMode { required: true, verified: false };
    let state = kes::server::TlsState::load(Arc::clone(&tls_files), mode).expect("TLS");
    for said in [shown(&tls_files), shown(&state), shown(&key)] {
        secrets.assert_absent(&said, "Debug");
    }

    // Files that hold a key and are wrong: the private key where the certificate should be, and a broken one.
    let broken = std::fs::read_to_string(path("key")).expect("text").replace("-----END", "!----END");
    std::fs::write(path("broken"), broken).expect("written");
    for (cert, key) in [("key", "key"), ("key", "cert"), ("cert", "broken")] {
        let files = kes::server::TlsFiles { key: path(key), cert: path(cert), password: None, ca: None };
        let error = kes::server::TlsState::load(files, mode).expect_err("wrong files");
        secrets.assert_absent(format!("{error} {}", shown(&error)), "an error");
    }
}
