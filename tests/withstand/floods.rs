//! Clients that send without end what costs them little. Their connection may end; memory is bounded, and nobody else
//! notices.

use std::future::Future;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::server::{MIB, PATIENCE, Server};
use crate::support::Client;
use crate::support::frames::{
    CONTINUATION, DATA, END_HEADERS, Frames, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, data,
    frame, put,
};

/// What a client sends in all, unless it is cut before. Ten times less would not be seen in the memory of the process.
const FLOOD_BYTES: usize = 4 << 20;

/// What a flood may add to the most memory that the server ever had. It has buffers for a head of 1 MiB, and as much
/// again while they grow, for each version of HTTP.
const MEMORY_BYTES: u64 = 12 * MIB;

/// A server withstands a flood.
async fn withstands<F: Future<Output = ()>>(flood: impl Fn(Client) -> F) {
    // A client that sends and does not read is cut when no answer could be written for as long as this. On a busy machine
    // the others, who ask again and again, take a while to do so.
    let server = Server::start("limits: {idle_timeout: 8s}\n");
    let admin = server.admin();
    admin.create("my-key").await;
    server.unnoticed(async {}).await;
    let (before, peak) = (server.account_with(1).await, server.peak_bytes());
    server.unnoticed(async { timeout(PATIENCE, flood(admin)).await.expect("an end") }).await;
    let (after, most) = (server.account_with(1).await, server.peak_bytes());
    assert!(most <= peak + MEMORY_BYTES, "{peak} bytes at most before, {most} with the flood");
    assert!(after.is_no_more_than(&before, MEMORY_BYTES), "{before:?} before, {after:?} after");
}

/// HTTP/1.1: a head that begins and goes on like this.
async fn head_of(client: Client, more: &str) {
    let mut stream = client.tls().await.expect("a connection");
    let piece = more.repeat(16_384 / more.len());
    let start = b"GET /version HTTP/1.1\r\nHost: localhost\r\nX: ";
    if stream.write_all(start).await.is_err() {
        return;
    }
    let mut sent = 0;
    while sent < FLOOD_BYTES && stream.write_all(piece.as_bytes()).await.is_ok() {
        sent += piece.len();
        // Writes that are taken at once would leave others on this thread no time.
        yield_now().await;
    }
    // Buffers on the way may have taken all of it, but the server has not: it is cut, cleanly or not.
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

/// HTTP/2: frames without end.
async fn frames(client: Client, start: Vec<u8>, more: impl FnMut(u32) -> Vec<u8>) {
    let mut frames = Frames::open(&client).await;
    frames.send(start).await;
    frames.pour(FLOOD_BYTES, more).await;
}

/// The number of the stream that a client opens after so many others.
fn stream(number: u32) -> u32 {
    2 * number + 1
}

/// The beginning of a request whose body never ends, on stream 1.
fn endless() -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 1, &block("GET", "/v1/log/audit", &[]))
}

#[tokio::test]
async fn a_head_of_many_lines() {
    withstands(|client| head_of(client, "\r\nX: y")).await;
}

#[tokio::test]
async fn a_head_with_a_value_without_end() {
    withstands(|client| head_of(client, "y")).await;
}

/// CVE-2024-27316 and its like.
#[tokio::test]
async fn a_head_that_is_continued_without_end() {
    let field = b"\x00\x01x\x01y";
    withstands(|client| {
        let start = frame(HEADERS, 0, 1, &block("GET", "/version", &[]));
        frames(client, start, move |_| frame(CONTINUATION, 0, 1, &field.repeat(3000)))
    })
    .await;
}

#[tokio::test]
async fn a_head_that_is_continued_with_nothing() {
    withstands(|client| {
        let start = frame(HEADERS, 0, 1, &block("GET", "/version", &[]));
        frames(client, start, |_| frame(CONTINUATION, 0, 1, b""))
    })
    .await;
}

/// A field of 4000 bytes goes into the table once, and each byte after that stands for all of it.
#[tokio::test]
async fn heads_that_grow_when_they_are_unpacked() {
    const LITERAL_TO_REMEMBER: u8 = 0x40;
    const WHAT_WAS_REMEMBERED_LAST: u8 = 0xbe;
    withstands(|client| {
        frames(client, Vec::new(), |number| {
            // 127 and 3873 more, in groups of seven bits.
            let mut fields =
                [block("GET", "/version", &[]), vec![LITERAL_TO_REMEMBER, 1, b'x', 0x7f, 0xa1, 0x1e]].concat();
            fields.resize(fields.len() + 4000, b'y');
            fields.resize(16_000, WHAT_WAS_REMEMBERED_LAST);
            frame(HEADERS, END_HEADERS | 1, stream(number), &fields)
        })
    })
    .await;
}

#[tokio::test]
async fn settings_without_end() {
    withstands(|client| frames(client, Vec::new(), |_| frame(SETTINGS, 0, 0, b""))).await;
}

#[tokio::test]
async fn pings_without_end() {
    withstands(|client| frames(client, Vec::new(), |_| frame(PING, 0, 0, b"pingping"))).await;
}

#[tokio::test]
async fn windows_that_grow_without_end() {
    withstands(|client| frames(client, endless(), |number| frame(WINDOW_UPDATE, 0, number % 2, &1_u32.to_be_bytes())))
        .await;
}

#[tokio::test]
async fn priorities_without_end() {
    withstands(|client| frames(client, Vec::new(), |number| frame(PRIORITY, 0, stream(number), &[0, 0, 0, 0, 1])))
        .await;
}

#[tokio::test]
async fn frames_of_a_kind_that_nobody_knows() {
    withstands(|client| frames(client, Vec::new(), |_| frame(0x77, 0, 0, b""))).await;
}

/// Nobody reads this body, and flow control does not count what is empty.
#[tokio::test]
async fn a_body_of_empty_pieces() {
    withstands(|client| frames(client, endless(), |_| frame(DATA, 0, 1, b""))).await;
}

/// Flow control counts a byte where a hundred are needed to remember it.
#[tokio::test]
async fn a_body_of_tiny_pieces() {
    withstands(|client| frames(client, endless(), |_| frame(DATA, 0, 1, b"x"))).await;
}

/// CVE-2023-44487.
#[tokio::test]
async fn requests_that_are_given_up_at_once() {
    withstands(|client| {
        frames(client, Vec::new(), |number| {
            let id = stream(number);
            [put(id, "/v1/key/generate/my-key", &[], true), frame(RST_STREAM, 0, id, &8_u32.to_be_bytes())].concat()
        })
    })
    .await;
}

/// CVE-2025-8671: the client breaks a rule, so that the server gives the request up.
#[tokio::test]
async fn requests_that_the_server_has_to_give_up() {
    withstands(|client| {
        frames(client, Vec::new(), |number| {
            let id = stream(number);
            [put(id, "/v1/key/encrypt/my-key", &[], false), frame(WINDOW_UPDATE, 0, id, &[0; 4])].concat()
        })
    })
    .await;
}

/// More than the window lets in.
#[tokio::test]
async fn a_body_that_nobody_asked_for() {
    let piece = vec![b'x'; 16_000];
    withstands(|client| {
        let piece = piece.clone();
        frames(client, endless(), move |_| data(1, &piece, false))
    })
    .await;
}
