//! What a proxy may put into its header, and what it is told of all else.

use http::Method;
use kes::server::proxy::MAX_FORWARDED_BYTES;
use kes_client::pem;
use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;

use super::{
    ABSENT, Fixture, Headers, LISTED, SEVERAL, UNREADABLE, admin, certificate_of, escaped, forwarded, send, user,
};
use crate::support::{ADMIN_KEY, Build, PROXY_HEADER, error};
use crate::tls::pki::{self, Authority, Credentials};

fn admin_pem() -> String {
    pem::write_certificate(&certificate_of(ADMIN_KEY))
}

/// What the proxy is told when it asks for something that only the administrator may.
async fn answer(fixture: &Fixture, headers: Headers<'_>) -> String {
    let [http1, http2] = fixture.proxy().over_both();
    let answer = send(&http1, Method::GET, "/v1/key/list/", headers).await.line();
    assert_eq!(send(&http2, Method::GET, "/v1/key/list/", headers).await.line(), answer);
    answer
}

#[tokio::test]
async fn the_first_block_alone_counts() {
    let fixture = Fixture::start().await;
    let (admin, user) = (admin_pem(), pem::write_certificate(&certificate_of(crate::support::USER_KEY)));
    let insufficient = super::insufficient();
    for (text, expected) in [
        (admin.clone(), LISTED),
        (admin.replace('\n', "\r\n"), LISTED),
        (admin.trim_end().to_owned(), LISTED),
        (format!("subject=client\n{admin}"), LISTED),
        (format!("{admin}{user}"), LISTED),
        (format!("{user}{admin}"), &insufficient),
        (format!("{admin}-----BEGIN PRIVATE KEY-----\nnothing"), LISTED),
        (format!("{admin}\0\u{fe}"), LISTED),
    ] {
        assert_eq!(answer(&fixture, &[(PROXY_HEADER, &escaped(&text))]).await, expected, "{text}");
    }
}

#[tokio::test]
async fn what_is_no_certificate_is_refused() {
    let fixture = Fixture::start().await;
    let admin = admin_pem();
    let der = certificate_of(ADMIN_KEY);
    let block = |label: &str, content: &[u8]| {
        pem::write_certificate(&CertificateDer::from(content)).replace("CERTIFICATE", label)
    };
    for text in [
        String::new(),
        "no certificate".to_owned(),
        "-----BEGIN CERTIFICATE-----".to_owned(),
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_owned(),
        admin.replace("-----END CERTIFICATE-----", ""),
        admin.replace('\n', ""),
        admin.replacen("MI", "M*", 1),
        block("X509 CERTIFICATE", &der),
        block("TRUSTED CERTIFICATE", &der),
        block("CERTIFICATE REQUEST", &der),
        block("PRIVATE KEY", b"key") + &admin,
        block("CERTIFICATE", b"no DER"),
        block("CERTIFICATE", &der[..der.len() - 1]),
        block("CERTIFICATE", &[&der[..], b"\0"].concat()),
        escaped(&admin),
    ] {
        assert_eq!(answer(&fixture, &[(PROXY_HEADER, &escaped(&text))]).await, error(400, UNREADABLE), "{text}");
    }
}

/// `+` is a space, so that a proxy which does not escape base64 loses its pluses; `%` is the beginning of an escape.
#[tokio::test]
async fn the_value_is_escaped_as_a_query_is() {
    let fixture = Fixture::start().await;
    let spaced = escaped(&admin_pem()).replace("%20", "+");
    assert!(spaced.contains("BEGIN+CERTIFICATE"));
    assert_eq!(answer(&fixture, &[(PROXY_HEADER, &spaced)]).await, LISTED);
    let lower_case = escaped(&admin_pem()).replace("%2D", "%2d").replace("%0A", "%0a");
    assert_eq!(answer(&fixture, &[(PROXY_HEADER, &lower_case)]).await, LISTED);

    let with_plus = loop {
        let text = admin_pem();
        if text.contains('+') {
            break escaped(&text).replace("%2B", "+");
        }
    };
    let unescaped = escaped(&admin_pem()).replace("%2D", "-").replace("%0A", "");
    for value in [&with_plus, &unescaped, &(admin() + "%"), &(admin() + "%4"), &(admin() + "%zz"), &(admin() + "%+1")] {
        assert_eq!(answer(&fixture, &[(PROXY_HEADER, value)]).await, error(400, UNREADABLE), "{value}");
    }
}

#[tokio::test]
async fn there_has_to_be_exactly_one_header() {
    let fixture = Fixture::start().await;
    let (admin, user) = (admin(), user());
    assert_eq!(answer(&fixture, &[]).await, error(400, ABSENT));
    assert_eq!(answer(&fixture, &[("X_Tls_Client_Cert", &admin)]).await, error(400, ABSENT));
    assert_eq!(answer(&fixture, &[(PROXY_HEADER, "")]).await, error(400, UNREADABLE));
    for (first, second) in [(&admin, &user), (&admin, &admin), (&admin, &String::new())] {
        for name in [PROXY_HEADER, "x-TLS-client-CERT"] {
            assert_eq!(answer(&fixture, &[(PROXY_HEADER, first), (name, second)]).await, error(400, SEVERAL));
        }
    }
    for name in ["x-tls-client-cert", "X-TLS-CLIENT-CERT"] {
        assert_eq!(answer(&fixture, &[(name, &admin)]).await, LISTED, "{name}");
    }
}

#[tokio::test]
async fn the_size_has_a_limit() {
    let fixture = Fixture::start().await;
    // Text before a block is passed over.
    let certificate = format!("%0A{}", admin());
    let padded = |length: usize| "x".repeat(length - certificate.len()) + &certificate;
    assert_eq!(answer(&fixture, &[(PROXY_HEADER, &padded(MAX_FORWARDED_BYTES))]).await, LISTED);
    assert_eq!(answer(&fixture, &[(PROXY_HEADER, &padded(MAX_FORWARDED_BYTES + 1))]).await, error(400, UNREADABLE));
}

/// As without a proxy: identities are pinned by key (decisions 1 and 32).
#[tokio::test]
async fn any_certificate_will_do_where_none_are_verified() {
    let authority = Authority::new();
    let key = || KeyPair::generate().expect("a key");
    for client in [
        Credentials::self_signed(pki::ca()),
        Credentials::self_signed(pki::expired(pki::client())),
        Credentials::self_signed(pki::not_yet_valid(pki::client())),
        Credentials::self_signed(pki::for_servers()),
        Credentials::self_signed(pki::with_unknown_extension()),
        authority.issue_for(pki::client(), key()).version1(authority.key()),
    ] {
        let fixture = Fixture::with(Build { admin: client.identity(), ..Build::default() }).await;
        assert_eq!(answer(&fixture, &[(PROXY_HEADER, &forwarded(&client.chain[0]))]).await, LISTED);
    }
}
