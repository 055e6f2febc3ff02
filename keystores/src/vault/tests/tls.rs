//! Whom the store believes over TLS, and what it shows.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kes_client::{certificate, pem};
use kes_config::keystore::{ClientCertificate, StoreTls, Vault as Settings};
use kes_core::ApiKey;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;

use super::fake::{Fake, Reply};
use crate::vault::health;
use crate::vault::tls::stamp;
use crate::vault::transport::Transport;
use crate::{ConnectError, StoreError, VaultStore};

const LIMIT: Duration = Duration::from_secs(30);

/// A server for this machine, whose certificate goes to `ca`, and which demands the certificate `client` if there is one.
fn server(ca: &Path, client: Option<&CertificateDer<'static>>) -> Fake {
    let (certificate, key) =
        certificate::of_development_server(&[[127, 0, 0, 1].into()], SystemTime::now()).expect("a certificate");
    std::fs::write(ca, pem::write_certificate(&certificate)).expect("written");
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.expect("versions");
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.clone()).expect("a certificate");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    let key = PrivatePkcs8KeyDer::from(key.expose().to_vec());
    let config = builder.with_single_cert(vec![certificate], key.into()).expect("a pair");
    Fake::with_tls(config, |_| Reply::Json(200, json!({"initialized": true, "sealed": false})))
}

/// A client's certificate, put into these files with its key.
fn client(files: &ClientCertificate) -> CertificateDer<'static> {
    let key = ApiKey::generate().expect("a key");
    let certificate = certificate::of_api_key(&key, SystemTime::now()).expect("a certificate");
    std::fs::write(&files.cert, pem::write_certificate(&certificate)).expect("written");
    let key = pem::write_private_key(&key.to_pkcs8(), None).expect("PEM");
    std::fs::write(&files.key, key.expose()).expect("written");
    certificate
}

fn settings(fake: &Fake, ca: &Path, client: Option<ClientCertificate>) -> Settings {
    let tls = StoreTls { ca: Some(ca.to_owned()), system_roots: false, server_name: None, client };
    Settings { tls, ..fake.settings() }
}

async fn asked(transport: &Transport) -> Result<(), StoreError> {
    health::check(transport).await
}

#[tokio::test]
async fn only_servers_of_the_configured_ca_are_believed() {
    let directory = tempfile::tempdir().expect("a directory");
    let (ca, other) = (directory.path().join("ca.crt"), directory.path().join("other.crt"));
    let fake = server(&ca, None);
    server(&other, None);
    asked(&Transport::new(&settings(&fake, &ca, None), LIMIT).expect("files")).await.expect("believed");
    let refused = asked(&Transport::new(&settings(&fake, &other, None), LIMIT).expect("files")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn the_certificate_is_shown_and_read_again_when_it_changes() {
    let directory = tempfile::tempdir().expect("a directory");
    let ca = directory.path().join("ca.crt");
    let file = |name| directory.path().join(name);
    let files = ClientCertificate { cert: file("client.crt"), key: file("client.key") };
    let next = ClientCertificate { cert: file("next.crt"), key: file("next.key") };
    client(&files);
    let fake = server(&ca, Some(&client(&next)));
    let transport = Transport::new(&settings(&fake, &ca, Some(files.clone())), LIMIT).expect("files");
    asked(&transport).await.expect_err("the server wants another one");
    std::fs::write(&files.cert, "half a file").expect("written");
    transport.refresh();
    asked(&transport).await.expect_err("the old one is still in use");
    std::fs::rename(&next.cert, &files.cert).expect("renamed");
    std::fs::rename(&next.key, &files.key).expect("renamed");
    transport.refresh();
    asked(&transport).await.expect("the new one is in use");
}

#[tokio::test]
async fn files_that_cannot_be_used_are_refused_before_anything_is_connected() {
    let directory = tempfile::tempdir().expect("a directory");
    let (good, bad) = (directory.path().join("ca.crt"), directory.path().join("bad.pem"));
    let fake = server(&good, None);
    std::fs::write(&bad, "no PEM").expect("written");
    let pair = ClientCertificate { cert: good.clone(), key: bad.clone() };
    for settings in [settings(&fake, &bad, None), settings(&fake, &good, Some(pair))] {
        match VaultStore::check(&settings) {
            Err(ConnectError::Refused(reason)) => {
                assert!(reason.starts_with("keystore.vault.tls: ") && reason.contains("bad.pem"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn another_ca_in_the_same_file_is_believed() {
    let directory = tempfile::tempdir().expect("a directory");
    let (ca, next) = (directory.path().join("ca.crt"), directory.path().join("next.crt"));
    server(&ca, None);
    let fake = server(&next, None);
    let transport = Transport::new(&settings(&fake, &ca, None), LIMIT).expect("files");
    asked(&transport).await.expect_err("the server is another one's");
    std::fs::copy(&next, &ca).expect("copied");
    transport.refresh();
    asked(&transport).await.expect("believed");
}

#[test]
fn files_have_changed_if_their_content_has_whatever_their_times_say() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, copy) = (directory.path().join("ca.crt"), directory.path().join("copy"));
    let tls = StoreTls { ca: Some(file.clone()), system_roots: false, server_name: None, client: None };
    let modified = SystemTime::UNIX_EPOCH;
    let write = |content: &str| {
        std::fs::write(&file, content).expect("written");
        std::fs::File::options().append(true).open(&file).expect("opened").set_modified(modified).expect("set");
    };
    write("one");
    let one = stamp(&tls);
    write("two");
    assert_ne!(stamp(&tls), one);
    std::fs::write(&copy, "one").expect("written");
    std::fs::rename(&copy, &file).expect("renamed");
    assert_eq!(stamp(&tls), one);
    std::fs::remove_file(&file).expect("removed");
    assert_ne!(stamp(&tls), one);
}
