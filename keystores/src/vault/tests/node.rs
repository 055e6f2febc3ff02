//! A real OpenBao behind TLS, which asks clients for a certificate, and logins that a key proves.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kes_client::{certificate, pem};
use kes_config::keystore::KvVersion::V2;
use kes_config::keystore::{ClientCertificate, CredentialSource, Login, Mount, StoreTls, Vault as Settings};
use kes_core::key::encoding::encode_base64;
use kes_core::{ApiKey, SecretBytes};
use reqwest::Method;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};

use super::openbao::{OpenBao, free_port};
use super::site::{Layout, Site};
use super::site_or_return;
use super::{assert_works, refused, vault};

/// A server of the test's own, and an engine in it.
struct Node {
    site: Site,
    /// Of the listener with TLS.
    url: String,
    directory: tempfile::TempDir,
}

impl Node {
    /// `None` if there is no OpenBao.
    async fn start() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |name: &str| directory.path().join(name);
        let (certificate, key) =
            certificate::of_development_server(&[[127, 0, 0, 1].into()], SystemTime::now()).expect("a certificate");
        std::fs::write(file("ca.crt"), pem::write_certificate(&certificate)).expect("written");
        std::fs::write(file("server.key"), pem::write_private_key(&key, None).expect("PEM").expose()).expect("written");
        let port = Cell::new(0);
        let listener = || {
            port.set(free_port());
            let listener = json!({
                "address": format!("127.0.0.1:{}", port.get()),
                "tls_cert_file": file("ca.crt"),
                "tls_key_file": file("server.key"),
            });
            let configuration = json!({"listener": {"tcp": listener}}).to_string();
            std::fs::write(file("bao.json"), configuration).expect("written");
            vec![format!("-config={}", file("bao.json").display())]
        };
        let server = Arc::new(OpenBao::start_with(listener)?);
        let site = Site::at(server, Layout { version: V2, ..Layout::default() }).await;
        site.admin.done(Method::POST, "sys/auth/cert", json!({"type": "cert"})).await;
        Some(Self { site, url: format!("https://127.0.0.1:{}", port.get()), directory })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn client_files(&self) -> ClientCertificate {
        ClientCertificate { cert: self.file("client.crt"), key: self.file("client.key") }
    }

    /// Has the files hold a new pair, the only one that may log in.
    async fn issue(&self) {
        let (key, certificate) = pair();
        let files = self.client_files();
        std::fs::write(&files.cert, pem::write_certificate(&certificate)).expect("written");
        let key = pem::write_private_key(&key.to_pkcs8(), None).expect("PEM");
        std::fs::write(&files.key, key.expose()).expect("written");
        let role = json!({
            "certificate": pem::write_certificate(&certificate),
            "token_policies": [self.site.engine],
            "token_ttl": "1h",
        });
        self.site.admin.done(Method::POST, "auth/cert/certs/kes", role).await;
    }

    fn settings(&self) -> Settings {
        let mount = Mount { engine: "cert".to_owned(), namespace: None };
        let login = Login::Certificate { mount, role: Some("kes".to_owned()) };
        let client = Some(self.client_files());
        let tls = StoreTls { ca: Some(self.file("ca.crt")), system_roots: false, server_name: None, client };
        Settings { endpoint: self.url.clone(), login, tls, ..self.site.settings() }
    }
}

fn pair() -> (ApiKey, CertificateDer<'static>) {
    let key = ApiKey::generate().expect("a key");
    let certificate = certificate::of_api_key(&key, SystemTime::now()).expect("a certificate");
    (key, certificate)
}

#[tokio::test]
async fn a_certificate_logs_in_and_so_does_the_one_that_takes_its_place() {
    let Some(node) = Node::start().await else { return };
    node.issue().await;
    let store = vault(&node.settings()).await.expect("a store");
    assert_works(&store, "before").await;
    node.issue().await;
    store.api.transport.refresh();
    node.site.admin.done(Method::PUT, "sys/leases/revoke-prefix/auth/cert", Value::Null).await;
    assert_works(&store, "after").await;
}

#[tokio::test]
async fn without_the_certificate_that_was_agreed_on_there_is_no_login() {
    let Some(node) = Node::start().await else { return };
    node.issue().await;
    let mut settings = node.settings();
    settings.tls.client = None;
    let reason = refused(&settings).await;
    assert!(reason.contains("cannot log in to vault"), "{reason}");
    let (key, certificate) = pair();
    let files = node.client_files();
    std::fs::write(&files.cert, pem::write_certificate(&certificate)).expect("written");
    std::fs::write(&files.key, pem::write_private_key(&key.to_pkcs8(), None).expect("PEM").expose()).expect("written");
    let reason = refused(&node.settings()).await;
    assert!(reason.contains("cannot log in to vault"), "{reason}");
}

/// Base64 for URLs.
fn segment(bytes: &[u8]) -> String {
    let mut base64 = SecretBytes::default();
    encode_base64(bytes, &mut base64);
    let base64 = std::str::from_utf8(base64.expose()).expect("text");
    base64.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// A JWT for the role `kes` that ends `until` after now.
fn jwt(key: &ApiKey, until: Duration) -> String {
    let begins = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let (begins, ends) = (begins.as_secs(), (begins + until).as_secs());
    let claims = json!({"sub": "kes", "aud": "vault", "nbf": begins, "exp": ends}).to_string();
    let signed = format!("{}.{}", segment(br#"{"alg":"EdDSA","typ":"JWT"}"#), segment(claims.as_bytes()));
    let key = PrivatePkcs8KeyDer::from(key.to_pkcs8().expose().to_vec());
    let key = default_provider().key_provider.load_private_key(key.into()).expect("a key");
    let signer = key.choose_scheme(&[SignatureScheme::ED25519]).expect("Ed25519");
    let signature = signer.sign(signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", segment(&signature))
}

#[tokio::test]
async fn a_jwt_of_a_known_key_logs_in_and_so_does_the_next_one_in_its_file() {
    let site = site_or_return!(version: V2);
    let (key, certificate) = pair();
    let mut public = SecretBytes::default();
    encode_base64(certificate::public_key(&certificate).expect("a key"), &mut public);
    let public = std::str::from_utf8(public.expose()).expect("text");
    let public = format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n");
    let engine = format!("jwt-{}", site.engine);
    site.admin.done(Method::POST, &format!("sys/auth/{engine}"), json!({"type": "jwt"})).await;
    let config = json!({"jwt_validation_pubkeys": [public], "jwt_supported_algs": ["EdDSA"]});
    site.admin.done(Method::POST, &format!("auth/{engine}/config"), config).await;
    let role = json!({
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_subject": "kes",
        "bound_audiences": ["vault"],
        "token_policies": [site.engine],
        "token_ttl": "1h",
    });
    site.admin.done(Method::POST, &format!("auth/{engine}/role/kes"), role).await;

    let file = tempfile::NamedTempFile::new().expect("a file");
    let put = |jwt: &str| std::fs::write(&file, format!("{jwt}\n")).expect("written");
    let mount = Mount { engine: engine.clone(), namespace: None };
    let jwt_file = CredentialSource::File(file.path().to_owned());
    let login = Login::Jwt { mount, role: Some("kes".to_owned()), jwt: jwt_file };
    let settings = Settings { login, ..site.settings() };
    let hour = Duration::from_secs(3600);
    put(&jwt(&key, hour));
    let store = vault(&settings).await.expect("a store");
    assert_works(&store, "before").await;
    put(&jwt(&key, hour * 2));
    site.admin.done(Method::PUT, &format!("sys/leases/revoke-prefix/auth/{engine}"), Value::Null).await;
    assert_works(&store, "after").await;

    let stranger = jwt(&pair().0, hour);
    put(&stranger);
    let reason = refused(&settings).await;
    assert!(reason.contains("cannot log in to vault") && reason.contains("token"), "{reason}");
    assert!(stranger.split('.').all(|part| !reason.contains(part)), "{reason}");
}
