//! What a client may take its time for, and how much of it (`server-api.md` §1.4 and §1.5). One limit is short in each
//! test and the others are long, so that only the short one can have ended the wait.

use std::time::Duration;

use h2::client::Builder;
use http::Method;
use kes::server::log::Level;
use kes_keystores::fault::{Fault, FaultyStore, Operation};
use kes_keystores::{KeyStore, MemoryStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::http2::{get as get_over_http2, open};
use crate::support::{Build, Lines, Raw, TestServer, beside, error, get};

/// How long a wait may take before a test fails. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

/// A limit that is waited for.
const SHORT: Duration = Duration::from_millis(300);

/// One that is waited for, but must not pass before a client that means well has said what it has to say.
const BEARABLE: Duration = Duration::from_secs(1);

const LONG: Duration = Duration::from_secs(3600);

/// All connection limits long, but for what the test changes.
fn patient() -> Build {
    Build::default().connection(|limits| (limits.handshake, limits.header, limits.idle) = (LONG, LONG, LONG))
}

/// Sends `start`, and then `more` in every tick, until the server ends the connection. Says what the server said.
async fn trickle(stream: impl AsyncRead + AsyncWrite, start: &[u8], more: &[u8]) -> String {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let writing = async {
        let mut ticks = interval(Duration::from_millis(50));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        writer.write_all(start).await?;
        loop {
            ticks.tick().await;
            writer.write_all(more).await?;
            writer.flush().await?;
        }
    };
    let mut said = Vec::new();
    let reading = async {
        // A reset is an end as well.
        let _ = reader.read_to_end(&mut said).await;
    };
    let ended = timeout(PATIENCE, async {
        tokio::select! {
            () = reading => {}
            // Who cannot write may still have something to read, but nobody here does.
            result = writing => { let _: std::io::Result<()> = result; }
        }
    });
    ended.await.expect("the server ends the connection while bytes still come");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_handshake_that_comes_byte_by_byte_is_cut() {
    let server = TestServer::with(patient().connection(|limits| limits.handshake = SHORT)).await;
    let stream = TcpStream::connect(server.address).await.expect("a connection");
    // A record that announces 16 KiB of a ClientHello.
    assert_eq!(trickle(stream, &[22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc], &[3]).await, "");

    let mut silent = TcpStream::connect(server.address).await.expect("a connection");
    let read = timeout(PATIENCE, silent.read(&mut [0])).await.expect("the server ends the connection");
    assert_eq!(read.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_cut_without_an_answer() {
    let server = TestServer::with(patient().connection(|limits| limits.header = SHORT)).await;
    let start = b"GET /version HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
    assert_eq!(trickle(server.admin().tls().await.expect("a connection"), start, b"a").await, "");
    assert_eq!(Raw::open(&server.admin()).await.rest().await, "", "nor is one that does not come at all");
}

#[tokio::test]
async fn the_preface_of_http_2_is_bounded_like_a_head() {
    let server = TestServer::with(patient().connection(|limits| limits.header = SHORT)).await;
    // With one byte in a tick the preface takes more than three times as long.
    for byte in [b"P", b"x"] {
        let stream = server.admin().http2().tls().await.expect("a connection");
        trickle(stream, b"", byte).await;
    }
    let stream = server.admin().http2().tls().await.expect("a connection");
    trickle(stream, b"PRI * HTTP/2.0\r\n", b"").await;
}

/// `HEADERS` of 16,000 bytes on stream 1, of which one byte comes at a time, and `CONTINUATION`s that never end it.
#[tokio::test]
async fn so_is_every_head_over_http_2() {
    let server = TestServer::with(patient().connection(|limits| limits.header = SHORT)).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let slow = [preface.as_slice(), b"\0\x3e\x80\x01\0\0\0\0\x01"].concat();
    trickle(server.admin().http2().tls().await.expect("a connection"), &slow, b"\0").await;
    let open = [preface.as_slice(), b"\0\0\x01\x01\0\0\0\0\x01\x82"].concat();
    let more = b"\0\0\0\x09\0\0\0\0\x01";
    trickle(server.admin().http2().tls().await.expect("a connection"), &open, more).await;
}

/// A ping is no request: frame of 8 bytes, type 6, no flags, stream 0.
#[tokio::test]
async fn an_http_2_connection_without_a_stream_is_idle_whatever_it_sends() {
    let limits = patient().connection(|limits| (limits.idle, limits.header) = (SHORT, BEARABLE));
    let server = TestServer::with(limits).await;
    let stream = server.admin().http2().tls().await.expect("a connection");
    let start = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    trickle(stream, start, b"\0\0\x08\x06\0\0\0\0\0pingping").await;
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_is_408() {
    let path = "/v1/key/encrypt/my-key";
    let server = TestServer::with(patient().timeout("/v1/key/encrypt/", SHORT)).await;
    for framing in ["Content-Length: 900000", "Transfer-Encoding: chunked"] {
        let head = format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n");
        let more = if framing.starts_with('C') { " " } else { "1\r\n \r\n" };
        let said = trickle(server.admin().tls().await.expect("a connection"), head.as_bytes(), more.as_bytes()).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
        assert!(said.contains("\r\nconnection: close\r\n"), "{said}");
        assert!(said.ends_with("{\"message\":\"request body was not received in time\"\n}"), "{said}");
    }
}

#[tokio::test]
async fn an_idle_connection_ends() {
    let server = TestServer::with(patient().connection(|limits| limits.idle = SHORT)).await;
    let mut raw = Raw::open(&server.admin()).await;
    assert_eq!(raw.exchange(get("/version")).await.status, 200);
    assert_eq!(raw.rest().await, "");

    let (mut requests, ended) = open(&server.admin(), &Builder::new()).await;
    assert_eq!(get_over_http2(&mut requests, "/version").await.expect("an answer").status(), 200);
    let ended = timeout(PATIENCE, ended).await.expect("the connection ends").expect("no panic");
    ended.expect("with a goodbye");
}

/// The limits of the connection are for clients, not for our own work.
#[tokio::test]
async fn a_request_in_flight_outlives_header_and_idle_limit() {
    let store = FaultyStore::healthy();
    store.always(Operation::Create, Fault::Hang);
    let limits = patient().connection(|limits| (limits.header, limits.idle) = (BEARABLE, SHORT));
    let server = TestServer::with(limits.store(store.clone())).await;
    for client in server.admin().over_both() {
        let created = store.calls(Operation::Create);
        let name = format!("/v1/key/create/{:?}", client.protocol).to_lowercase();
        let mut connection = client.connect().await.expect("a connection");
        let waiting = beside(async move { connection.send(Method::PUT, &name, "").await.expect("an answer") });
        store.until_called(Operation::Create, created + 1).await;
        // Two whole limits pass on connections that began later.
        for _ in 0..2 {
            assert_eq!(Raw::open(&server.admin()).await.rest().await, "");
        }
        store.release();
        assert_eq!(waiting.await.expect("no panic").line(), "200");
    }
}

#[tokio::test]
async fn each_request_of_a_connection_has_its_own_time() {
    let server = TestServer::with(patient().connection(|limits| limits.header = BEARABLE)).await;
    let mut kept = Raw::open(&server.admin()).await;
    assert_eq!(kept.exchange(get("/version")).await.status, 200);
    // The limit of the first head passes while nothing is sent.
    assert_eq!(Raw::open(&server.admin()).await.rest().await, "");
    assert_eq!(kept.exchange(get("/version")).await.status, 200);
    assert_eq!(Raw::open(&server.admin()).await.rest().await, "");
    kept.send("GET /version HTTP/1.1\r\n").await;
    assert_eq!(kept.rest().await, "", "a head that was begun has to end in time");
}

/// A store with so many names that their list is nearly as long as an answer may be.
async fn with_many_names() -> MemoryStore {
    let store = MemoryStore::new();
    let value = b"a value".to_vec().into();
    for index in 0..10_000 {
        let name = format!("{index:080}").parse().expect("a name");
        let _ = store.create(&name, &value).await.expect("memory works");
    }
    store
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let limits = patient().connection(|limits| limits.idle = BEARABLE);
    let server = TestServer::with(limits.store(std::sync::Arc::new(with_many_names().await))).await;
    let mut stream = server.admin().tls().await.expect("a connection");
    let request = get("/v1/key/list");
    // Every answer has 800 kB. When no more fit into the buffers on the way, the server writes no further, then reads
    // no further, and at last gives up.
    let asking = async { while stream.write_all(request.as_bytes()).await.is_ok() && stream.flush().await.is_ok() {} };
    timeout(PATIENCE, asking).await.expect("the server ends the connection");
}

/// A window of zero bytes lets the server send the head of its answer and nothing else.
#[tokio::test]
async fn an_http_2_client_that_takes_no_answer_is_cut() {
    let limits = patient().connection(|limits| (limits.idle, limits.header) = (SHORT, BEARABLE));
    let server = TestServer::with(limits).await;
    let (mut requests, ended) = open(&server.admin(), Builder::new().initial_window_size(0)).await;
    let answer = get_over_http2(&mut requests, "/version").await.expect("the head of an answer");
    assert_eq!(answer.status(), 200);
    let _ = timeout(PATIENCE, ended).await.expect("the connection ends");
    drop(answer);
}

#[tokio::test]
async fn a_head_of_a_mebibyte_is_read_and_a_longer_one_is_431() {
    let server = TestServer::start().await;
    let request = |bytes: usize| {
        let (start, end) = ("GET /version HTTP/1.1\r\nHost: localhost\r\nX-Long: ", "\r\n\r\n");
        format!("{start}{}{end}", "a".repeat(bytes - start.len() - end.len()))
    };
    let mut raw = Raw::open(&server.admin()).await;
    for _ in 0..2 {
        assert_eq!(raw.exchange(request(1 << 20)).await.status, 200);
    }
    // The HTTP library looks at the length when it has read all that was there, so it can come to nearly twice as much.
    assert_eq!(raw.exchange(request(3 << 20)).await.status, 431);
    assert_eq!(raw.rest().await, "");
}

#[tokio::test]
async fn so_is_a_header_list_over_http_2() {
    let server = TestServer::start().await;
    let request = |bytes: usize| {
        let mut request = http::Request::get("https://localhost/version");
        // Each field counts 32 bytes more than its name and value, RFC 9113 §6.5.2.
        for _ in 0..bytes / 16_384 {
            request = request.header("x-long", "a".repeat(16_384 - 6 - 32));
        }
        request.body(()).expect("a request")
    };
    let (mut requests, _ended) = open(&server.admin(), &Builder::new()).await;
    // With the first answer the client knows how large the frames of a long list may be.
    assert_eq!(get_over_http2(&mut requests, "/version").await.expect("an answer").status(), 200);
    for (bytes, status) in [(1_000_000, 200), (1_200_000, 431), (1_000_000, 200)] {
        let (answer, _) = requests.send_request(request(bytes), true).expect("sent");
        assert_eq!(answer.await.expect("an answer").status(), status);
        requests = requests.ready().await.expect("the connection lives");
    }
}

#[tokio::test]
async fn a_connection_too_many_waits_while_all_others_work() {
    let store = FaultyStore::healthy();
    let (server, mut first, mut second) = full_of_work(&store).await;
    let admin = server.admin();
    let third = beside(async move { admin.get("/version").await });
    // Longer than who has just been answered is spared.
    let short = TestServer::with(patient().connection(|limits| limits.idle = SHORT * 5)).await;
    let mut meanwhile = Raw::open(&short.admin()).await;
    assert_eq!(meanwhile.exchange(get("/version")).await.status, 200);
    assert_eq!(meanwhile.rest().await, "");
    assert!(!third.is_finished());
    store.release();
    for raw in [&mut first, &mut second] {
        assert_eq!(raw.answer().await.status, 200);
    }
    drop(first);
    let answer = timeout(PATIENCE, third).await.expect("it is its turn").expect("no panic");
    assert_eq!(answer.status, 200);
    assert_eq!(second.exchange(get("/version")).await.status, 200);
}

/// A server with two places, both taken by requests that wait for the store.
async fn full_of_work(store: &std::sync::Arc<FaultyStore>) -> (TestServer, Raw, Raw) {
    store.always(Operation::Create, Fault::Hang);
    let mut build = patient().store(store.clone());
    build.limits.connections = 2;
    let server = TestServer::with(build).await;
    let (mut first, mut second) = (Raw::open(&server.admin()).await, Raw::open(&server.admin()).await);
    for (raw, name) in [(&mut first, "one"), (&mut second, "two")] {
        raw.send(format!("PUT /v1/key/create/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")).await;
    }
    store.until_called(Operation::Create, 2).await;
    (server, first, second)
}

#[tokio::test]
async fn a_connection_that_was_idle_the_longest_makes_room() {
    let (lines, _guard) = Lines::at(Level::WARN);
    let mut build = patient();
    build.limits.connections = 2;
    let server = TestServer::with(build).await;
    let mut first = Raw::open(&server.admin()).await;
    assert_eq!(first.exchange(get("/version")).await.status, 200);
    let mut second = Raw::open(&server.admin()).await;
    assert_eq!(second.exchange(get("/version")).await.status, 200);
    assert_eq!(first.exchange(get("/version")).await.status, 200);
    let answer = timeout(PATIENCE, server.admin().get("/version")).await.expect("there is room");
    assert_eq!(answer.status, 200);
    assert_eq!(second.rest().await, "", "it ended well");
    let all = lines.all();
    assert!(matches!(&all[..], [line] if line.contains("all 2 places of `limits.connections` are taken")), "{all:?}");
    assert_eq!(first.exchange(get("/version")).await.status, 200);
}

#[tokio::test]
async fn room_that_is_full_of_work_is_made_when_the_work_is_done() {
    let store = FaultyStore::healthy();
    let (server, mut first, mut second) = full_of_work(&store).await;
    let admin = server.admin();
    let third = beside(async move { admin.get("/version").await });
    store.release();
    for raw in [&mut first, &mut second] {
        assert_eq!(raw.answer().await.status, 200);
    }
    let answer = timeout(PATIENCE, third).await.expect("one of them makes room").expect("no panic");
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn an_idle_http_2_connection_is_told_to_leave() {
    let mut build = patient();
    build.limits.connections = 1;
    let server = TestServer::with(build).await;
    let (mut requests, ended) = open(&server.admin(), &Builder::new()).await;
    assert_eq!(get_over_http2(&mut requests, "/version").await.expect("an answer").status(), 200);
    let answer = timeout(PATIENCE, server.admin().get("/version")).await.expect("there is room");
    assert_eq!(answer.status, 200);
    let ended = timeout(PATIENCE, ended).await.expect("the connection ends").expect("no panic");
    ended.expect("with a goodbye");
}

#[tokio::test]
async fn a_request_ends_at_the_deadline_of_its_route() {
    let store = FaultyStore::healthy();
    store.always(Operation::List, Fault::Hang);
    let server = TestServer::with(patient().store(store.clone()).timeout("/v1/key/list/", SHORT)).await;
    for client in server.admin().over_both() {
        let mut connection = client.connect().await.expect("a connection");
        let answer = connection.send(Method::GET, "/v1/key/list", "").await.expect("an answer");
        assert_eq!(answer.line(), error(504, "request timed out"));
        timeout(PATIENCE, store.until_idle()).await.expect("the work has ended too");
        let next = connection.send(Method::GET, "/version", "").await.expect("the connection lives");
        assert_eq!(next.status, 200);
    }
}
