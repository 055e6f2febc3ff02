//! TLS proxies (`server-api.md` §2.4, D-18): who speaks for others, for whom, and what the audit log has of it.

mod certificates;
mod nginx;
mod records;
mod routes;
mod verified;

use std::time::SystemTime;

use bytes::Bytes;
use http::header::HOST;
use http::{Method, Request};
use http_body_util::Full;
use kes_client::{certificate, pem};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::version::TLS13;
use rustls_pki_types::CertificateDer;

use crate::support::{ADMIN_KEY, Answer, Build, Client, Connection, PROXY_HEADER, TestServer, USER, USER_KEY, error};
use crate::tls::pki::{self, Credentials, Presents, config};

const ABSENT: &str = "no client certificate is present";
const SEVERAL: &str = "too many client certificates are present";
const UNREADABLE: &str = "invalid client certificate";

/// What the administrator is told of an empty store.
const LISTED: &str = r#"200 {"names":[]}"#;

/// Headers of a request.
type Headers<'a> = &'a [(&'a str, &'a str)];

/// A server with a TLS proxy, and the proxy.
struct Fixture {
    server: TestServer,
    credentials: Credentials,
}

impl Fixture {
    async fn start() -> Self {
        Self::with(Build::default()).await
    }

    async fn with(build: Build) -> Self {
        let credentials = Credentials::self_signed(pki::client());
        Self { server: TestServer::with(build.proxy(&credentials.identity())).await, credentials }
    }

    /// The proxy as a client of the server.
    fn proxy(&self) -> Client {
        client(&self.server, &self.credentials)
    }
}

fn client(server: &TestServer, credentials: &Credentials) -> Client {
    Client::of_config(server, config(&[server], &TLS13, Presents::new(Some(credentials.presented()))))
}

/// The certificate of an API key.
fn certificate_of(api_key: &str) -> CertificateDer<'static> {
    certificate::of_api_key(&api_key.parse().expect("an API key"), SystemTime::now()).expect("a certificate")
}

/// A text as nginx escapes it.
fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A certificate as a proxy passes it on.
fn forwarded(certificate: &CertificateDer<'_>) -> String {
    escaped(&pem::write_certificate(certificate))
}

fn user() -> String {
    forwarded(&certificate_of(USER_KEY))
}

fn admin() -> String {
    forwarded(&certificate_of(ADMIN_KEY))
}

fn insufficient() -> String {
    error(403, "not authorized: insufficient permissions")
}

/// Sends a request with these headers.
async fn exchange(connection: &mut Connection, method: Method, path: &str, headers: Headers<'_>) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("https://localhost{path}"));
    if matches!(connection, Connection::Http1(_)) {
        request = request.header(HOST, "localhost");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    connection.request(request.body(Full::<Bytes>::default()).expect("a request")).await.expect("an answer")
}

/// The same on a connection of its own.
async fn send(client: &Client, method: Method, path: &str, headers: Headers<'_>) -> Answer {
    exchange(&mut client.connect().await.expect("a connection"), method, path, headers).await
}

#[tokio::test]
async fn a_proxy_has_the_rights_of_whom_it_speaks_for() {
    let fixture = Fixture::start().await;
    let stranger = forwarded(&Credentials::self_signed(pki::client()).chain[0]);
    for (index, proxy) in fixture.proxy().over_both().iter().enumerate() {
        let my_key = format!("/v1/key/create/my-{index}");
        let other_key = format!("/v1/key/create/{index}");
        for (certificate, path, answer) in [
            (user(), &my_key, "200".to_owned()),
            (user(), &other_key, insufficient()),
            (stranger.clone(), &my_key, insufficient()),
            (admin(), &other_key, "200".to_owned()),
        ] {
            assert_eq!(send(proxy, Method::PUT, path, &[(PROXY_HEADER, &certificate)]).await.line(), answer, "{path}");
        }
        let itself = send(proxy, Method::GET, "/v1/identity/self/describe", &[(PROXY_HEADER, &user())]).await;
        assert_eq!((itself.member("identity"), itself.member("policy")), (USER.to_owned(), "my-app".to_owned()));
    }
}

/// Requests of many clients share the proxy's connections.
#[tokio::test]
async fn each_request_on_a_connection_is_somebody_elses() {
    let fixture = Fixture::start().await;
    for client in fixture.proxy().over_both() {
        let mut connection = client.connect().await.expect("a connection");
        for _ in 0..2 {
            for (headers, answer) in [
                (vec![(PROXY_HEADER, admin())], 200),
                (vec![(PROXY_HEADER, user())], 403),
                (vec![], 400),
                (vec![(PROXY_HEADER, admin())], 200),
                (vec![(PROXY_HEADER, "no certificate".to_owned())], 400),
            ] {
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let status = exchange(&mut connection, Method::GET, "/v1/key/list/", &headers).await.status;
                assert_eq!(status, answer, "{headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn nobody_but_a_proxy_chooses_an_identity() {
    let fixture = Fixture::with(Build::default().skip_auth("/v1/ready")).await;
    let server = &fixture.server;
    let certificate = admin();
    let headers = [(PROXY_HEADER, certificate.as_str())];
    for (client, answer) in [
        (server.user(), insufficient()),
        (server.stranger(), insufficient()),
        (server.anonymous(), error(400, "tls: client certificate is required")),
    ] {
        for client in client.over_both() {
            assert_eq!(send(&client, Method::GET, "/v1/key/list/", &headers).await.line(), answer);
            assert_eq!(send(&client, Method::GET, "/v1/ready", &headers).await.line(), "200");
        }
    }
    let as_user = user();
    let itself = [(PROXY_HEADER, as_user.as_str())];
    assert_eq!(send(&server.admin(), Method::GET, "/v1/key/list/", &itself).await.status, 200, "it stays who it is");
}

#[tokio::test]
async fn without_proxies_the_header_means_nothing() {
    let server = TestServer::start().await;
    let certificate = admin();
    for client in server.user().over_both() {
        let answer = send(&client, Method::GET, "/v1/key/list/", &[(PROXY_HEADER, &certificate)]).await;
        assert_eq!(answer.line(), insufficient());
    }
}

/// Whoever shows a proxy's certificate to a proxy is a client without a policy, and its headers are a client's.
#[tokio::test]
async fn no_proxy_speaks_for_a_proxy() {
    let fixture = Fixture::start().await;
    let (itself, certificate) = (forwarded(&fixture.credentials.chain[0]), admin());
    for (first, second) in [(&itself, None), (&itself, Some(&certificate)), (&certificate, Some(&itself))] {
        let mut headers = vec![(PROXY_HEADER, first.as_str())];
        headers.extend(second.map(|second| (PROXY_HEADER, second.as_str())));
        let answer = send(&fixture.proxy(), Method::GET, "/v1/key/list/", &headers).await.line();
        assert_eq!(answer, if second.is_some() { error(400, SEVERAL) } else { insufficient() });
    }
}

/// The first-certificate rule holds for proxies too.
#[tokio::test]
async fn a_proxy_is_who_signed_the_handshake() {
    let fixture = Fixture::start().await;
    let server = &fixture.server;
    let (proxy, authority) = (&fixture.credentials.chain[0], Credentials::self_signed(pki::ca()));
    let certificate = admin();
    let headers = [(PROXY_HEADER, certificate.as_str())];

    let impostor = Credentials::self_signed(pki::ca()).followed_by(&[proxy]);
    let answer = send(&client(server, &impostor), Method::GET, "/v1/key/list/", &headers).await;
    assert_eq!(answer.line(), error(400, "tls: received more than one client certificate"));

    let with_its_chain = fixture.credentials.followed_by(&[&authority.chain[0]]);
    assert_eq!(send(&client(server, &with_its_chain), Method::GET, "/v1/key/list/", &headers).await.status, 200);
}

#[tokio::test]
async fn proxies_come_and_go_on_open_connections() {
    let mut fixture = Fixture::start().await;
    let identity = fixture.credentials.identity();
    let [over_http1, over_http2] = fixture.proxy().over_both();
    let mut connections =
        [over_http1.connect().await.expect("a connection"), over_http2.connect().await.expect("a connection")];
    let certificate = user();
    for (build, answer) in [
        (None, "200".to_owned()),
        (Some(Build::default()), insufficient()),
        (Some(Build::default().proxy("another-one")), insufficient()),
        (Some(Build::default().proxy("another-one").proxy(&identity)), "200".to_owned()),
        (Some(Build { policies: Vec::new(), ..Build::default() }.proxy(&identity)), insufficient()),
    ] {
        if let Some(build) = build {
            fixture.server.reload(build).await.expect("reloaded");
        }
        for connection in &mut connections {
            let headers = [(PROXY_HEADER, certificate.as_str())];
            assert_eq!(
                exchange(connection, Method::GET, "/v1/status", &headers).await.line().get(..3),
                answer.get(..3)
            );
        }
    }
}
