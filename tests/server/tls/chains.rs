//! Whose identity a chain is (`server-api.md` §2.2, decision 1): the one of its first certificate, or nobody's.

use std::time::{Duration, SystemTime};

use kes_client::{certificate, pem};
use kes_core::ApiKey;
use rcgen::{CertificateParams, KeyPair};
use rustls::version::TLS13;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::pki::{self, Authority, Credentials, Presents, config};
use super::{VERSIONS, get, mode};
use crate::support::{ADMIN, ADMIN_KEY, TestServer};

const SEVERAL: &str = r#"400 {"message":"tls: received more than one client certificate"¶}"#;

fn certificate_of(api_key: &str, now: SystemTime) -> CertificateDer<'static> {
    certificate::of_api_key(&api_key.parse().expect("an API key"), now).expect("a certificate")
}

fn of_api_key(api_key: &str, now: SystemTime) -> Credentials {
    let key: ApiKey = api_key.parse().expect("an API key");
    let der = PrivatePkcs8KeyDer::from(key.to_pkcs8().expose().to_vec());
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_ED25519).expect("a key pair");
    Credentials { chain: vec![certificate_of(api_key, now)], key }
}

/// What `/v1/status` says to a client that only the administrator's identity would let in.
async fn status(server: &TestServer, credentials: &Credentials) -> String {
    let config = config(&[server], &TLS13, Presents::new(Some(credentials.presented())));
    get(server, config, "/v1/status").await.unwrap_or_else(|error| format!("refused: {error}"))
}

/// D-01: the archived server skipped CA certificates, and took the identity from what came after.
#[tokio::test]
async fn nobody_is_taken_for_whoever_stands_further_down_the_chain() {
    let admin = certificate_of(ADMIN_KEY, SystemTime::now());
    let attacker = || Credentials::self_signed(pki::ca());
    let server = TestServer::with(mode(false, true, &attacker().pem())).await;
    for version in VERSIONS {
        for chain in [
            attacker().followed_by(&[&admin]),
            attacker().followed_by(&[&Authority::new().certificate, &admin]),
            attacker().followed_by(&[&admin, &Authority::new().certificate]),
            Credentials::self_signed(pki::client()).followed_by(&[&admin]),
        ] {
            let config = config(&[&server], version, Presents::new(Some(chain.presented())));
            assert_eq!(get(&server, config, "/v1/status").await.expect("an answer"), SEVERAL);
        }
    }
}

#[tokio::test]
async fn nor_where_clients_are_verified() {
    let admin = certificate_of(ADMIN_KEY, SystemTime::now());
    let attacker = Credentials::self_signed(pki::ca());
    let server = TestServer::with(mode(true, true, &attacker.pem())).await;
    assert_eq!(status(&server, &attacker.followed_by(&[&admin])).await, SEVERAL);
}

#[tokio::test]
async fn the_authorities_after_a_certificate_do_not_count() {
    let (root, other) = (Authority::new(), Authority::new());
    let leaf = root.issue(pki::client());
    for verified in [false, true] {
        let mut build = mode(verified, true, &root.pem());
        build.admin = leaf.identity();
        let server = TestServer::with(build).await;
        let leaf =
            Credentials { chain: leaf.chain.clone(), key: KeyPair::from_pem(&leaf.key.serialize_pem()).unwrap() };
        let leaf = leaf.followed_by(&[&root.certificate, &other.certificate]);
        assert!(status(&server, &leaf).await.starts_with("200 "), "verified {verified}");
    }
}

#[tokio::test]
async fn an_intermediate_certificate_leads_to_the_root() {
    let root = Authority::new();
    let intermediate = root.issue(pki::ca());
    let (between, key) = (intermediate.chain[0].clone(), intermediate.key);
    let issuer = rcgen::Issuer::new(pki::ca(), key);
    let key = KeyPair::generate().expect("a key");
    let leaf = pki::client().signed_by(&key, &issuer).expect("a certificate").der().clone();
    let mut build = mode(true, true, &root.pem());
    build.admin = certificate::identity(&leaf).expect("an identity").as_str().to_owned();
    let server = TestServer::with(build).await;
    let alone = Credentials { chain: vec![leaf.clone()], key };
    assert!(status(&server, &alone).await.starts_with("refused"));
    assert!(status(&server, &alone.followed_by(&[&between])).await.starts_with("200 "));
}

/// `openssl req -x509` flags what it makes as a CA's.
#[tokio::test]
async fn a_sole_certificate_counts_whatever_its_flag() {
    let sole = Credentials::self_signed(pki::ca());
    let mut build = mode(false, true, &sole.pem());
    build.admin = sole.identity();
    let server = TestServer::with(build).await;
    assert!(status(&server, &sole).await.starts_with("200 "));
}

#[tokio::test]
async fn where_clients_are_verified_a_ca_certificate_has_to_be_a_configured_one() {
    let configured = Credentials::self_signed(pki::ca());
    let mut build = mode(true, true, &configured.pem());
    build.admin = configured.identity();
    let server = TestServer::with(build).await;
    assert!(status(&server, &configured).await.starts_with("200 "));
    assert!(status(&server, &Credentials::self_signed(pki::ca())).await.starts_with("refused"));

    // The same key in another certificate is not what was configured.
    let key = KeyPair::from_pem(&configured.key.serialize_pem()).expect("the key");
    assert!(status(&server, &Credentials::self_signed_with(pki::ca(), key)).await.starts_with("refused"));

    // Neither is a CA certificate that a configured one has signed.
    let authority = Authority::new();
    let server = TestServer::with(mode(true, true, &authority.pem())).await;
    assert!(status(&server, &authority.issue(pki::ca())).await.starts_with("refused"));
}

#[tokio::test]
async fn a_configured_certificate_has_to_be_valid_and_for_clients() {
    let with_usage_of = |params: CertificateParams| {
        let mut ca = pki::ca();
        ca.extended_key_usages = params.extended_key_usages;
        ca
    };
    for (params, passes) in [
        (pki::expired(pki::ca()), false),
        (pki::not_yet_valid(pki::ca()), false),
        (with_usage_of(pki::for_servers()), false),
        (with_usage_of(pki::client()), true),
    ] {
        let credentials = Credentials::self_signed(params);
        let mut build = mode(true, true, &credentials.pem());
        build.admin = credentials.identity();
        let server = TestServer::with(build).await;
        assert_eq!(status(&server, &credentials).await.starts_with("200 "), passes);
    }
}

/// That a client is let in does not mean that it vouches for others.
#[tokio::test]
async fn a_configured_certificate_of_a_client_signs_no_others() {
    for params in [pki::client(), pki::without_usage()] {
        let configured = Credentials::self_signed(params.clone());
        let server = TestServer::with(mode(true, true, &configured.pem())).await;
        let issuer = rcgen::Issuer::new(params, KeyPair::from_pem(&configured.key.serialize_pem()).expect("the key"));
        let key = KeyPair::generate().expect("a key");
        let signed = pki::client().signed_by(&key, &issuer).expect("a certificate").der().clone();
        let signed = Credentials { chain: vec![signed], key };
        assert!(!status(&server, &configured).await.starts_with("refused"));
        assert!(status(&server, &signed).await.starts_with("refused"));
        assert!(status(&server, &signed.followed_by(&[&configured.chain[0]])).await.starts_with("refused"));
    }
}

/// An API key's certificate is made anew by each process, so only one that was kept can be configured.
#[tokio::test]
async fn the_certificate_of_an_api_key_can_be_configured() {
    let now = SystemTime::now();
    let credentials = of_api_key(ADMIN_KEY, now);
    assert_eq!(credentials.identity(), ADMIN);
    let server = TestServer::with(mode(true, true, &credentials.pem())).await;
    assert!(status(&server, &credentials).await.starts_with("200 "));
    assert!(status(&server, &of_api_key(ADMIN_KEY, now)).await.starts_with("refused"), "another serial number");

    let expired = of_api_key(ADMIN_KEY, now - Duration::from_secs(100 * 24 * 3600));
    let configured = expired.pem() + &pem::write_certificate(&Authority::new().certificate);
    let server = TestServer::with(mode(true, true, &configured)).await;
    assert!(status(&server, &expired).await.starts_with("refused"));
}
