//! Sessions that go on (`server-api.md` §1.1): with the same identity, and never past a change of the rules.

use std::sync::Arc;

use rustls::version::TLS12;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::pki::{self, Authority, Credentials, Presents, config};
use super::{VERSIONS, mode};
use crate::support::TestServer;

/// One request: how the handshake went, and the first line of the answer.
async fn visit(server: &TestServer, config: &Arc<ClientConfig>) -> std::io::Result<(Option<HandshakeKind>, String)> {
    let stream = TcpStream::connect(server.address).await?;
    let name = "localhost".try_into().expect("a name");
    let mut stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
    let request = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let first = answer.lines().next().unwrap_or_default().to_owned();
    Ok((stream.get_ref().1.handshake_kind(), first))
}

#[tokio::test]
async fn a_resumed_session_has_the_identity_of_the_first_one() {
    let authority = Authority::new();
    let credentials = authority.issue(pki::client()).followed_by(&[&authority.certificate]);
    for verified in [false, true] {
        let mut build = mode(verified, true, &authority.pem());
        build.admin = credentials.identity();
        let server = TestServer::with(build).await;
        for version in VERSIONS {
            let config = Arc::new(config(&[&server], version, Presents::new(Some(credentials.presented()))));
            let ok = "HTTP/1.1 200 OK".to_owned();
            let (kind, answer) = visit(&server, &config).await.expect("an answer");
            assert_ne!(kind, Some(HandshakeKind::Resumed));
            assert_eq!(answer, ok);
            for _ in 0..2 {
                let resumed = visit(&server, &config).await.expect("an answer");
                assert_eq!(resumed, (Some(HandshakeKind::Resumed), ok.clone()), "{version:?}");
            }
        }
    }
}

/// Resumption skips the verifier: a ticket from before verification was turned on must not be good after it.
#[tokio::test]
async fn a_ticket_is_no_good_with_another_configuration() {
    let credentials = Credentials::self_signed(pki::client());
    let authority = Authority::new();
    let server = async |verified| {
        let mut build = mode(verified, true, &authority.pem());
        build.admin = credentials.identity();
        TestServer::with(build).await
    };
    let (before, after, again) = (server(false).await, server(true).await, server(false).await);
    for version in VERSIONS {
        let servers = [&before, &after, &again];
        let config = Arc::new(config(&servers, version, Presents::new(Some(credentials.presented()))));
        visit(&before, &config).await.expect("a first visit");
        assert_eq!(visit(&before, &config).await.expect("a second").0, Some(HandshakeKind::Resumed));
        visit(&after, &config).await.expect_err("nobody vouches for this client");
        visit(&before, &config).await.expect("a visit that brings a ticket");
        let (kind, _) = visit(&again, &config).await.expect("everybody is let in");
        assert_ne!(kind, Some(HandshakeKind::Resumed), "another process, other tickets");
    }
}

/// Old clients have no tickets: their sessions are kept on our side, by their number.
#[tokio::test]
async fn sessions_of_tls_1_2_can_be_resumed_without_a_ticket() {
    let credentials = Credentials::self_signed(pki::client());
    let mut build = mode(false, true, &credentials.pem());
    build.admin = credentials.identity();
    let server = TestServer::with(build).await;
    let mut config = config(&[&server], &TLS12, Presents::new(Some(credentials.presented())));
    config.resumption = config.resumption.tls12_resumption(rustls::client::Tls12Resumption::SessionIdOnly);
    let config = Arc::new(config);
    visit(&server, &config).await.expect("a first visit");
    let (kind, answer) = visit(&server, &config).await.expect("a second");
    assert_eq!((kind, answer.as_str()), (Some(HandshakeKind::Resumed), "HTTP/1.1 200 OK"));
}
