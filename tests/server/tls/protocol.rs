//! What TLS and HTTP versions are spoken (`server-api.md` §1.1).

use std::sync::Arc;

use kes::server::provider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::version::TLS13;
use rustls::{AlertDescription, ClientConfig, NamedGroup, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::pki::{self, Credentials, Presents, config};
use crate::support::{TestServer, TlsStream};

const REQUEST: &[u8] = b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

async fn connect(server: &TestServer, config: ClientConfig) -> std::io::Result<TlsStream> {
    let stream = TcpStream::connect(server.address).await?;
    let name = "localhost".try_into().expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn somebody() -> Arc<Presents> {
    Presents::new(Some(Credentials::self_signed(pki::client()).presented()))
}

/// What the server says until it closes, in plain bytes.
async fn answer_to(server: &TestServer, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    stream.write_all(bytes).await.expect("written");
    let mut answer = Vec::new();
    // A reset after the answer is an end as well.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test]
async fn plaintext_is_answered_with_the_words_of_old() {
    let server = TestServer::start().await;
    for request in [
        "GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "POST /v1/key/create/my-key HTTP/1.0\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("PUT /v1/key/encrypt/my-key HTTP/1.1\r\nContent-Length: 30000\r\n\r\n{}", "x".repeat(30_000)),
    ] {
        // The client may go on to write and read; the answer comes at once and does not get lost.
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("written");
        stream.shutdown().await.expect("the end is said");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer and an orderly end");
        assert_eq!(answer, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
    }
}

/// A `ClientHello` with these extensions, each a type and its content.
fn client_hello(version: u16, suites: &[u16], extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let with_length = |content: &[u8]| [&(content.len() as u16).to_be_bytes(), content].concat();
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let mut hello = version.to_be_bytes().to_vec();
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend(with_length(&suites));
    hello.extend([1, 0]);
    if !extensions.is_empty() {
        let list = extensions.iter().flat_map(|(kind, content)| [kind.to_be_bytes().to_vec(), with_length(content)]);
        hello.extend(with_length(&list.flatten().collect::<Vec<_>>()));
    }
    let handshake = [&[1, 0], with_length(&hello).as_slice()].concat();
    [&[HANDSHAKE, 3, 1], with_length(&handshake).as_slice()].concat()
}

/// The record type of handshake messages.
const HANDSHAKE: u8 = 22;
const PROTOCOL_VERSION: u8 = 70;
const HANDSHAKE_FAILURE: u8 = 40;

/// An alert record: type 21, version, length 2, fatal, what.
fn is_alert(answer: &[u8], expected: u8) -> bool {
    matches!(answer, [21, 3, _, 0, 2, 2, alert] if *alert == expected)
}

/// With an alert, so that the client can say what the matter is. Which of the two depends on what else is not there.
#[tokio::test]
async fn older_versions_are_refused() {
    let server = TestServer::start().await;
    // ECDHE-ECDSA and RSA with AES-128-CBC, as everything had them then.
    let suites = [0xc009, 0xc013, 0x002f];
    let groups = (10, vec![0, 2, 0, 23]);
    for version in [0x0300, 0x0301, 0x0302] {
        for extensions in [vec![], vec![groups.clone()]] {
            let answer = answer_to(&server, &client_hello(version, &suites, &extensions)).await;
            let is_refused = is_alert(&answer, PROTOCOL_VERSION) || is_alert(&answer, HANDSHAKE_FAILURE);
            assert!(is_refused, "{version:x}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn without_a_common_suite_or_group_there_is_no_handshake() {
    let server = TestServer::start().await;
    let hello = |suites: &[u16], group: u8| {
        let signatures = (13, vec![0, 2, 4, 3]);
        client_hello(0x0303, suites, &[(10, vec![0, 2, 0, group]), (11, vec![1, 0]), signatures])
    };
    let (p256, p521) = (23, 25);
    let aes128_gcm = 0xc02b;
    let answer = answer_to(&server, &hello(&[aes128_gcm], p521)).await;
    assert!(is_alert(&answer, HANDSHAKE_FAILURE), "no group: {answer:?}");
    let aes128_cbc = 0xc009;
    let answer = answer_to(&server, &hello(&[aes128_cbc], p256)).await;
    assert!(is_alert(&answer, HANDSHAKE_FAILURE), "no suite: {answer:?}");
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    stream.write_all(&hello(&[aes128_gcm], p256)).await.expect("written");
    assert_eq!(stream.read_u8().await.expect("an answer"), HANDSHAKE, "with both it goes on");
}

#[tokio::test]
async fn the_application_protocol_is_chosen_by_the_server() {
    let server = TestServer::start().await;
    let offering = |protocols: &[&str]| {
        let mut config = config(&[&server], &TLS13, somebody());
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    };
    for (offered, chosen) in [
        (["http/1.1", "h2"], "h2"),
        (["h2", "http/1.1"], "h2"),
        (["http/1.1", "foo"], "http/1.1"),
        (["foo", "h2"], "h2"),
    ] {
        let stream = connect(&server, offering(&offered)).await.expect("a connection");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(chosen.as_bytes()), "{offered:?}");
    }
    let error = connect(&server, offering(&["foo", "http/1.0"])).await.expect_err("nothing in common");
    let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()).expect("a TLS error");
    assert_eq!(*error, rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol));

    let mut stream = connect(&server, offering(&[])).await.expect("a connection");
    assert_eq!(stream.get_ref().1.alpn_protocol(), None);
    stream.write_all(REQUEST).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn clients_of_our_kind_get_a_post_quantum_key_exchange() {
    let server = TestServer::start().await;
    let mut roots = RootCertStore::empty();
    roots.add(server.certificate.clone()).expect("the server's certificate");
    let default = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_client_cert_resolver(somebody());
    let stream = connect(&server, default).await.expect("a connection");
    let connection = stream.get_ref().1;
    assert_eq!(connection.negotiated_key_exchange_group().expect("a group").name(), NamedGroup::X25519MLKEM768);
    assert_eq!(connection.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn the_clients_order_of_groups_decides() {
    let server = TestServer::start().await;
    let mut roots = RootCertStore::empty();
    roots.add(server.certificate.clone()).expect("the server's certificate");
    for groups in [
        vec![kx_group::X25519, kx_group::X25519MLKEM768],
        vec![kx_group::SECP256R1, kx_group::X25519],
        vec![kx_group::SECP384R1],
    ] {
        let first = groups[0].name();
        let provider = rustls::crypto::CryptoProvider { kx_groups: groups, ..provider() };
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])
            .expect("a version")
            .with_root_certificates(roots.clone())
            .with_client_cert_resolver(somebody());
        let stream = connect(&server, config).await.expect("a connection");
        assert_eq!(stream.get_ref().1.negotiated_key_exchange_group().expect("a group").name(), first);
    }
}
