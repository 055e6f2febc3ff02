//! Clients behind a load balancer that announces them with the PROXY protocol, version 2 (`config.md` §2.1).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use kes::server::log::Level;
use kes_config::ProxyProtocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Build, Client, Exposition, Follow, Lines, TestServer};

/// How long a wait may take before a test fails. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The header of a connection from 203.0.113.9:258 over TCP.
fn of_client() -> Vec<u8> {
    [SIGNATURE, b"\x21\x11\0\x0c", &[203, 0, 113, 9, 127, 0, 0, 1, 1, 2, 3, 4]].concat()
}

/// The header of a connection of the load balancer's own.
fn of_balancer() -> Vec<u8> {
    [SIGNATURE, b"\x20\0\0\0"].concat()
}

/// A server that demands headers and believes those of this address.
fn trusting(address: impl Into<IpAddr>) -> Build {
    Build { proxy_protocol: Some(ProxyProtocol { trusted: vec![address.into().into()] }), ..Build::default() }
}

/// Sends bytes to a server, and says what it said until it ended the connection.
async fn said(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut said = Vec::new();
    // A reset is an end as well.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("the server ends the connection");
    String::from_utf8(said).expect("text")
}

/// Where a client comes from, as the audit log says.
async fn recorded_address(server: &TestServer, client: &Client) -> String {
    let follower = server.admin().announced(&of_balancer());
    let mut events = Follow::open(&follower, "/v1/log/audit").await;
    assert_eq!(client.get("/version").await.status, 200);
    let event = events.next_of("/version").await;
    event["request"]["ip"].as_str().expect("an address").to_owned()
}

#[tokio::test]
async fn the_announced_address_is_the_clients() {
    let server = TestServer::with(trusting(Ipv4Addr::LOCALHOST)).await;
    for client in server.user().over_both() {
        assert_eq!(recorded_address(&server, &client.announced(&of_client())).await, "203.0.113.9");
    }
    let client = server.user().announced(&of_balancer());
    assert_eq!(recorded_address(&server, &client).await, "127.0.0.1", "the balancer's own connection");
    let unix = [SIGNATURE, b"\x21\x31\0\xd8", &[b'/'; 216]].concat();
    assert_eq!(recorded_address(&server, &server.user().announced(&unix)).await, "127.0.0.1");
}

/// A dual-stack socket sees IPv4 clients in IPv6 form; here, the settings do.
#[tokio::test]
async fn addresses_of_ipv4_in_ipv6_form_are_those_of_ipv4() {
    let server = TestServer::with(trusting(Ipv4Addr::LOCALHOST.to_ipv6_mapped())).await;
    let mapped = Ipv4Addr::new(203, 0, 113, 10).to_ipv6_mapped().octets();
    let header = [SIGNATURE, b"\x21\x21\0\x24", &mapped, &[0; 16], &[1, 2, 3, 4]].concat();
    assert_eq!(recorded_address(&server, &server.user().announced(&header)).await, "203.0.113.10");
}

#[tokio::test]
async fn a_client_is_told_of_plaintext_behind_the_header_too() {
    let server = TestServer::with(trusting(Ipv4Addr::LOCALHOST)).await;
    let bytes = [of_client(), b"GET / HTTP/1.1\r\n\r\n".to_vec()].concat();
    let refusal = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    assert_eq!(said(&server, &bytes).await, refusal);
}

#[tokio::test]
async fn who_is_not_trusted_is_not_listened_to() {
    let (lines, _guard) = Lines::at(Level::INFO);
    let server = TestServer::with(trusting(Ipv4Addr::new(127, 0, 0, 99))).await;
    for client in [server.admin(), server.admin().announced(&of_client())] {
        assert!(timeout(PATIENCE, client.tls()).await.expect("an end").is_err());
    }
    let all = lines.all();
    assert_eq!(all.len(), 2, "{all:?}");
    let begins = r#"level=INFO msg="http: TLS handshake error from 127.0.0.1:"#;
    assert!(all.iter().all(|line| line.contains(begins) && line.contains("`proxy_protocol.trusted`")), "{all:?}");
}

#[tokio::test]
async fn without_a_header_of_version_2_nobody_comes_in_and_the_operator_is_told() {
    let (lines, _guard) = Lines::at(Level::INFO);
    let server = TestServer::with(trusting(Ipv4Addr::LOCALHOST)).await;
    assert!(timeout(PATIENCE, server.admin().tls()).await.expect("an end").is_err());
    let text = b"PROXY TCP4 203.0.113.9 127.0.0.1 258 772\r\n";
    assert!(timeout(PATIENCE, server.admin().announced(text).tls()).await.expect("an end").is_err());
    assert_eq!(said(&server, b"GET / HTTP/1.1\r\n\r\n").await, "", "not even a word");
    let all = lines.all();
    let reasons = ["no PROXY header", "a PROXY header of version 1", "no PROXY header"];
    assert_eq!(all.len(), reasons.len(), "{all:?}");
    for (line, reason) in all.iter().zip(reasons) {
        assert!(line.contains("level=WARN") && line.contains(reason) && line.contains("`send-proxy-v2`"), "{line}");
    }
}

#[tokio::test]
async fn a_header_has_the_time_of_the_handshake() {
    let (lines, _guard) = Lines::at(Level::INFO);
    let build = trusting(Ipv4Addr::LOCALHOST).connection(|limits| limits.handshake = Duration::from_millis(200));
    let server = TestServer::with(build).await;
    assert_eq!(said(&server, &of_client()[..20]).await, "");
    assert_eq!(said(&server, &of_client()).await, "");
    let all = lines.all();
    let froms = ["from 127.0.0.1:", "from 203.0.113.9:258:"];
    assert_eq!(all.len(), froms.len(), "{all:?}");
    for (line, from) in all.iter().zip(froms) {
        assert!(line.contains(from) && line.contains("took too long"), "{line}");
    }
}

#[tokio::test]
async fn health_checks_of_load_balancers_are_no_news() {
    let (lines, _guard) = Lines::at(Level::INFO);
    let server = TestServer::with(trusting(Ipv4Addr::LOCALHOST)).await;
    for bytes in [of_balancer(), Vec::new()] {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.write_all(&bytes).await.expect("sent");
        stream.shutdown().await.expect("an orderly end");
        assert_eq!(timeout(PATIENCE, stream.read(&mut [0])).await.expect("an end").expect("no reset"), 0);
    }
    assert_eq!(lines.all(), [""; 0]);
}

#[tokio::test]
async fn every_refusal_is_counted_and_each_cause_is_a_line_in_a_while() {
    let mut build = trusting(Ipv4Addr::LOCALHOST);
    build.log.repeat_interval = Duration::from_secs(3600);
    let (lines, _guard) = Lines::at(Level::INFO);
    let server = TestServer::with(build).await;
    for _ in 0..5 {
        assert_eq!(said(&server, b"\x16").await, "");
        assert_eq!(said(&server, &[of_client(), b"\x15\x03\x01\0\x02\x02\x28".to_vec()].concat()).await, "");
    }
    let all = lines.all();
    assert_eq!(all.len(), 2, "{all:?}");
    let metrics = Exposition::extended_of(&server.admin().announced(&of_balancer())).await;
    assert_eq!(metrics.value("kes_tls_handshake_failures_total"), 10.0);
}
