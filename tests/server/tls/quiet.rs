//! What the log says of handshakes: nothing of those who only look whether somebody listens, a line of those who fail.

use kes::server::log::Level;
use rustls::version::TLS13;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use super::pki::{self, Authority, Credentials, Presents, config};
use super::{get, mode};
use crate::support::{Lines, TestServer};

#[tokio::test]
async fn who_connects_and_leaves_is_no_news() {
    let (lines, _guard) = Lines::at(Level::INFO);
    let authority = Authority::new();
    // With one place, whoever comes next has waited for the one before to be gone.
    let mut build = mode(false, true, &authority.pem());
    build.limits.connections = 1;
    let server = TestServer::with(build).await;
    let connect = async || TcpStream::connect(server.address).await.expect("a connection");

    drop(connect().await);
    connect().await.shutdown().await.expect("an orderly end");
    let mut half = connect().await;
    half.write_all(&[22, 3, 1, 2, 0, 1]).await.expect("written");
    drop(half);
    let resetting = TcpSocket::new_v4().expect("a socket");
    resetting.set_zero_linger().expect("dropping the connection resets it");
    drop(resetting.connect(server.address).await.expect("a connection"));
    drop(server.admin().tls().await.expect("a handshake and no request"));
    assert_eq!(server.admin().get("/version").await.status, 200);
    assert_eq!(lines.all(), [""; 0]);
}

#[tokio::test]
async fn a_handshake_that_fails_is_a_line_without_alarm() {
    let (lines, _guard) = Lines::at(Level::INFO);
    let authority = Authority::new();
    let mut build = mode(true, true, &authority.pem());
    build.limits.connections = 1;
    let server = TestServer::with(build).await;
    for (credentials, reason) in
        [(Some(Credentials::self_signed(pki::client())), "UnknownIssuer"), (None, "peer sent no certificates")]
    {
        let presents = Presents::new(credentials.map(|credentials| credentials.presented()));
        get(&server, config(&[&server], &TLS13, presents), "/version").await.expect_err("refused");
        let welcome = Presents::new(Some(authority.issue(pki::client()).presented()));
        get(&server, config(&[&server], &TLS13, welcome), "/version").await.expect("the next one is let in");
        let lines = lines.all();
        let line = lines.last().expect("a line");
        assert!(line.contains(r#"level=INFO msg="http: TLS handshake error from 127.0.0.1:"#), "{line}");
        assert!(line.contains(reason), "{line}");
    }
    assert_eq!(lines.all().len(), 2);
}
