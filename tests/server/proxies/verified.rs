//! `tls.auth: on`: what a proxy passes on is verified as it would be in a handshake.

use http::Method;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls_pki_types::CertificateDer;

use super::{LISTED, client, forwarded, send};
use crate::support::{Build, Follow, PROXY_HEADER, TestServer, error};
use crate::tls::pki::{self, Authority, Credentials};

/// A proxy, and what signs clients.
struct Site {
    authority: Authority,
    proxy: Credentials,
}

impl Site {
    fn new() -> Self {
        let authority = Authority::new();
        let proxy = authority.issue(pki::client());
        Self { authority, proxy }
    }

    /// Verifies against the authority and these certificates. Everybody is the administrator in turn.
    fn build(&self, admin: &Credentials, more_roots: &str) -> Build {
        let mut build = Build { ca: Some(self.authority.pem() + more_roots), ..Build::default() };
        build.mode.verified = true;
        build.admin = admin.identity();
        build.proxy(&self.proxy.identity())
    }

    /// What the proxy is told when it passes this certificate on.
    async fn answer(&self, server: &TestServer, certificate: &CertificateDer<'_>) -> String {
        let value = forwarded(certificate);
        let [http1, http2] = client(server, &self.proxy).over_both();
        let answer = send(&http1, Method::GET, "/v1/key/list/", &[(PROXY_HEADER, &value)]).await.line();
        let over_http2 = send(&http2, Method::GET, "/v1/key/list/", &[(PROXY_HEADER, &value)]).await;
        assert_eq!(over_http2.line(), answer);
        answer
    }
}

fn refused() -> String {
    error(403, "")
}

#[tokio::test]
async fn a_forwarded_certificate_has_to_be_valid_for_clients_and_of_a_trusted_authority() {
    let site = Site::new();
    let (issue, sign) =
        (|params: CertificateParams| site.authority.issue(params), |params| Credentials::self_signed(params));
    for (credentials, answer) in [
        (issue(pki::client()), LISTED.to_owned()),
        (issue(pki::without_usage()), LISTED.to_owned()),
        (issue(pki::for_servers()), refused()),
        (issue(pki::expired(pki::client())), refused()),
        (issue(pki::not_yet_valid(pki::client())), refused()),
        (issue(pki::with_unknown_extension()), refused()),
        (issue(pki::ca()), refused()),
        (issue(pki::client()).version1(site.authority.key()), refused()),
        (sign(pki::client()), refused()),
        (sign(pki::ca()), refused()),
        (Authority::new().issue(pki::client()), refused()),
    ] {
        let server = TestServer::with(site.build(&credentials, "")).await;
        assert_eq!(site.answer(&server, &credentials.chain[0]).await, answer);
    }
}

/// Decisions 1 and 32: one that is configured, flag or not, is trusted as it stands.
#[tokio::test]
async fn a_configured_certificate_is_trusted_as_it_stands() {
    let site = Site::new();
    for (params, answer) in [
        (pki::ca(), LISTED.to_owned()),
        (pki::client(), LISTED.to_owned()),
        (pki::expired(pki::ca()), refused()),
        (pki::for_servers(), refused()),
    ] {
        let credentials = Credentials::self_signed(params);
        let server = TestServer::with(site.build(&credentials, &credentials.pem())).await;
        assert_eq!(site.answer(&server, &credentials.chain[0]).await, answer);
    }
}

/// Only the first block of the header is read, so nothing there can lead to the root.
#[tokio::test]
async fn an_intermediate_authority_has_to_be_configured() {
    let site = Site::new();
    let intermediate = site.authority.issue(pki::ca());
    let issuer = Issuer::new(pki::ca(), KeyPair::from_pem(&intermediate.key.serialize_pem()).expect("the key"));
    let key = KeyPair::generate().expect("a key");
    let leaf = pki::client().signed_by(&key, &issuer).expect("a certificate").der().clone();
    let leaf = Credentials { chain: vec![leaf], key };

    let server = TestServer::with(site.build(&leaf, "")).await;
    assert_eq!(site.answer(&server, &leaf.chain[0]).await, refused());
    let both = super::escaped(&(leaf.pem() + &intermediate.pem()));
    let answer = send(&client(&server, &site.proxy), Method::GET, "/v1/key/list/", &[(PROXY_HEADER, &both)]).await;
    assert_eq!(answer.line(), refused());

    let server = TestServer::with(site.build(&leaf, &intermediate.pem())).await;
    assert_eq!(site.answer(&server, &leaf.chain[0]).await, LISTED);
}

/// Also where nobody's identity matters, and before the method is looked at. The record says who it was.
#[tokio::test]
async fn who_is_not_trusted_is_refused_everywhere_and_recorded() {
    let site = Site::new();
    let (admin, stranger) = (site.authority.issue(pki::client()), Credentials::self_signed(pki::client()));
    let server = TestServer::with(site.build(&admin, "").skip_auth("/v1/status")).await;
    let mut events = Follow::open(&client(&server, &admin), "/v1/log/audit").await;
    let value = forwarded(&stranger.chain[0]);
    let headers = [(PROXY_HEADER, value.as_str()), ("X-Forwarded-For", "203.0.113.7")];
    for proxy in client(&server, &site.proxy).over_both() {
        for (method, path) in [
            (Method::GET, "/version"),
            (Method::GET, "/v1/status"),
            (Method::GET, "/v1/identity/self/describe"),
            (Method::PATCH, "/v1/status"),
            (Method::PUT, "/v1/key/create/x"),
        ] {
            assert_eq!(send(&proxy, method, path, &headers).await.line(), refused(), "{path}");
            let event = events.next().await.expect("an event");
            assert_eq!((&event["request"]["path"], &event["response"]["code"]), (&path.into(), &403.into()));
            assert_eq!(event["request"]["identity"], stranger.identity());
            assert_eq!(event["request"]["ip"], "203.0.113.7");
        }
    }
}

/// It is the present state that verifies, on connections from before too.
#[tokio::test]
async fn verification_begins_and_ends_on_open_connections() {
    let site = Site::new();
    let stranger = Credentials::self_signed(pki::client());
    let without = || {
        let mut build = site.build(&stranger, "");
        build.mode.verified = false;
        build
    };
    let mut server = TestServer::with(without()).await;
    let [http1, http2] = client(&server, &site.proxy).over_both();
    let mut connections = [http1.connect().await.expect("a connection"), http2.connect().await.expect("a connection")];
    let value = forwarded(&stranger.chain[0]);
    for (build, answer) in [
        (without(), LISTED.to_owned()),
        (site.build(&stranger, ""), refused()),
        (site.build(&stranger, &stranger.pem()), LISTED.to_owned()),
        (site.build(&stranger, ""), refused()),
        (without(), LISTED.to_owned()),
    ] {
        server.reload(build).await.expect("reloaded");
        for connection in &mut connections {
            let headers = [(PROXY_HEADER, value.as_str())];
            assert_eq!(super::exchange(connection, Method::GET, "/v1/key/list/", &headers).await.line(), answer);
        }
    }
}
