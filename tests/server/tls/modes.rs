//! The four client-certificate modes (`server-api.md` §1.2) against certificates of all kinds.

use rcgen::KeyPair;
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;

use super::pki::{self, Authority, Credentials, Presents, config};
use super::{VERSIONS, get, mode};
use crate::support::TestServer;

/// Each kind with whether verification lets it pass.
fn kinds(authority: &Authority) -> Vec<(&'static str, bool, Credentials)> {
    vec![
        ("self-signed", false, Credentials::self_signed(pki::client())),
        ("of the CA", true, authority.issue(pki::client())),
        ("of another CA", false, Authority::new().issue(pki::client())),
        ("expired", false, authority.issue(pki::expired(pki::client()))),
        ("self-signed and expired", false, Credentials::self_signed(pki::expired(pki::client()))),
        ("for servers only", false, authority.issue(pki::for_servers())),
        ("of no stated use", true, authority.issue(pki::without_usage())),
        ("of version 1", false, authority.issue(pki::without_usage()).version1(authority.key())),
        ("with an unknown critical extension", false, authority.issue(pki::with_unknown_extension())),
    ]
}

#[tokio::test]
async fn every_mode_lets_through_whom_it_should() {
    let authority = Authority::new();
    for (verified, required) in [(false, true), (false, false), (true, true), (true, false)] {
        let server = TestServer::with(mode(verified, required, &authority.pem())).await;
        for version in VERSIONS {
            for (kind, verifies, credentials) in kinds(&authority) {
                let config = config(&[&server], version, Presents::new(Some(credentials.presented())));
                let answer = get(&server, config, "/v1/identity/self/describe").await;
                let what = format!("{kind}, verified {verified}, required {required}, {version:?}: {answer:?}");
                assert_eq!(answer.is_ok(), verifies || !verified, "{what}");
                if let Ok(answer) = answer {
                    assert_eq!(answer, r#"404 {"message":"identity does not exist"¶}"#, "{what}");
                }
            }
            let nobody = || config(&[&server], version, Presents::new(None));
            let answer = get(&server, nobody(), "/v1/status").await;
            match answer {
                Ok(answer) if !required => {
                    assert_eq!(answer, r#"400 {"message":"tls: client certificate is required"¶}"#);
                    assert!(get(&server, nobody(), "/version").await.expect("an answer").starts_with("200 "));
                }
                answer => assert!(required && answer.is_err(), "required {required}: {answer:?}"),
            }
        }
    }
}

#[tokio::test]
async fn all_common_keys_are_identities_in_both_versions() {
    let keys = [
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_RSA_SHA256,
    ];
    let authority = Authority::new();
    for algorithm in keys {
        let credentials = authority.issue_for(pki::client(), KeyPair::generate_for(algorithm).expect("a key"));
        for verified in [false, true] {
            let mut build = mode(verified, true, &authority.pem());
            build.admin = credentials.identity();
            let server = TestServer::with(build).await;
            for version in VERSIONS {
                let config = config(&[&server], version, Presents::new(Some(credentials.presented())));
                let answer = get(&server, config, "/v1/status").await;
                assert!(answer.as_ref().is_ok_and(|answer| answer.starts_with("200 ")), "{algorithm:?}: {answer:?}");
            }
        }
    }
}

/// Whoever presents a certificate has to sign with its key, also where nothing else is checked.
#[tokio::test]
async fn a_certificate_without_its_key_is_refused_in_every_mode() {
    let authority = Authority::new();
    let victims = [
        authority.issue(pki::client()),
        authority.issue(pki::without_usage()).version1(authority.key()),
        authority.issue_for(pki::client(), KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key")),
    ];
    for (verified, required) in [(false, true), (false, false), (true, true), (true, false)] {
        let server = TestServer::with(mode(verified, required, &authority.pem())).await;
        for victim in &victims {
            let key = KeyPair::generate_for(victim.key.algorithm()).expect("a key");
            let impostor = Credentials { chain: victim.chain.clone(), key };
            for version in VERSIONS {
                let config = config(&[&server], version, Presents::new(Some(impostor.presented())));
                let answer = get(&server, config, "/version").await;
                assert!(answer.is_err(), "verified {verified}, required {required}, {version:?}: {answer:?}");
            }
        }
    }
}

/// Some clients send no certificate if it is not of an authority that the server names.
#[tokio::test]
async fn no_authorities_are_named_in_any_mode() {
    let authority = Authority::new();
    for (verified, required) in [(false, true), (false, false), (true, true), (true, false)] {
        let server = TestServer::with(mode(verified, required, &authority.pem())).await;
        for version in VERSIONS {
            let presents = Presents::new(Some(authority.issue(pki::client()).presented()));
            let config = config(&[&server], version, presents.clone());
            get(&server, config, "/version").await.expect("an answer");
            assert_eq!(*presents.authorities_named.lock().expect("not poisoned"), [0], "asked once, naming nobody");
        }
    }
}

/// A certificate that is no certificate is no way to crash or to get in.
#[tokio::test]
async fn rubbish_in_place_of_a_certificate_is_refused() {
    let key = Credentials::self_signed(pki::client()).presented().key;
    for verified in [false, true] {
        let authority = Authority::new();
        let server = TestServer::with(mode(verified, false, &authority.pem())).await;
        for rubbish in [vec![], vec![0x30, 0], vec![0xff; 1000], authority.certificate[..200].to_vec()] {
            let presented = CertifiedKey::new(vec![rubbish.into()], key.clone());
            let config = config(&[&server], &TLS13, Presents::new(Some(presented)));
            assert!(get(&server, config, "/version").await.is_err());
        }
    }
}
