//! HTTP/2 as frames, for what depends on how a request is framed.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::{Client, TlsStream};

/// How long a frame may take before a test fails. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Most bytes of a frame before the other end has allowed more.
const MAX_FRAME: usize = 16_384;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// What became of a stream: the body of its answer, and the code it was reset with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub body: String,
    pub reset: Option<u32>,
}

/// An HTTP/2 connection on which frames are sent as the test says.
pub struct Frames {
    stream: TlsStream,
    received: Vec<u8>,
}

impl Frames {
    /// A connection past its preface.
    pub async fn open(client: &Client) -> Self {
        let stream = client.clone().http2().tls().await.expect("a connection");
        let mut frames = Self { stream, received: Vec::new() };
        frames.send([PREFACE, &frame(SETTINGS, 0, 0, b"")].concat()).await;
        // The server's own settings, which hold once they were acknowledged.
        while frames.next().await.0 != SETTINGS {}
        frames.send(frame(SETTINGS, ACK, 0, b"")).await;
        frames
    }

    /// The socket below.
    pub fn socket(&self) -> &TcpStream {
        self.stream.get_ref().0
    }

    /// Sends frames in one write.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// Sends what `more` makes, which gets a number that rises by one, until `bytes` were sent or the server has hung up.
    /// Reads nothing.
    pub async fn pour(&mut self, bytes: usize, mut more: impl FnMut(u32) -> Vec<u8>) {
        let (mut sent, mut number) = (0, 0);
        while sent < bytes {
            // In pieces as large as a client would send, so that the server has to do the work.
            let mut piece = Vec::new();
            while piece.len() < MAX_FRAME {
                piece.extend(more(number));
                number += 1;
            }
            let written = timeout(PATIENCE, self.stream.write_all(&piece)).await.expect("the server reads or hangs up");
            if written.is_err() || self.stream.flush().await.is_err() {
                return;
            }
            sent += piece.len();
            // Writes that are taken at once would leave others on this thread no time.
            yield_now().await;
        }
    }

    /// Reads until the stream has ended.
    pub async fn outcome(&mut self, id: u32) -> Outcome {
        let mut outcome = Outcome::default();
        loop {
            let (kind, flags, of, payload) = self.next().await;
            match kind {
                _ if of != id => {}
                DATA => outcome.body.push_str(std::str::from_utf8(&payload).expect("text")),
                RST_STREAM => {
                    outcome.reset = Some(u32::from_be_bytes(payload.try_into().expect("a code")));
                    return outcome;
                }
                _ => {}
            }
            if of == id && matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
                return outcome;
            }
        }
    }

    /// The code that the server resets the stream with.
    pub async fn reset_code(&mut self, id: u32) -> u32 {
        loop {
            let (kind, _, of, payload) = self.next().await;
            if kind == RST_STREAM && of == id {
                return u32::from_be_bytes(payload.try_into().expect("a code"));
            }
        }
    }

    /// The code that the server ends the connection with.
    pub async fn goaway_code(&mut self) -> u32 {
        loop {
            if let (GOAWAY, _, _, payload) = self.next().await {
                // Behind the last stream that was served.
                return u32::from_be_bytes(*payload[4..].first_chunk().expect("a code"));
            }
        }
    }

    /// Sends the beginning of a head that is to be continued, and waits until the server hangs up.
    pub async fn hang_up_after_half_a_head(&mut self, id: u32) {
        self.send(frame(HEADERS, 0, id, &[0x82, 0x87, 0x84])).await;
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        // Without a farewell of TLS it is an error, which is an end too.
        let _ = read.expect("the server hangs up");
    }

    async fn next(&mut self) -> (u8, u8, u32, Vec<u8>) {
        loop {
            if let Some(&[a, b, c, kind, flags, i, j, k, l]) = self.received.first_chunk::<9>() {
                let length = u32::from_be_bytes([0, a, b, c]) as usize;
                if self.received.len() >= 9 + length {
                    let payload = self.received.drain(..9 + length).skip(9).collect();
                    return (kind, flags, u32::from_be_bytes([i, j, k, l]), payload);
                }
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.received)).await;
            let count = read.expect("the server goes on").expect("the connection lives");
            assert!(count > 0, "the connection ended");
        }
    }
}

/// The frame that begins a `PUT` request; `end` if it is all of it.
pub fn put(id: u32, path: &str, fields: &[(&str, &str)], end: bool) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | if end { END_STREAM } else { 0 }, id, &block("PUT", path, fields))
}

/// The compressed fields of a request, none of them in fact compressed.
pub fn block(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)];
    let mut block = Vec::new();
    for (name, value) in pseudo.iter().chain(fields) {
        // A literal that is not indexed, neither text compressed.
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("a short text"));
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// Frames of a body's bytes; the last one ends it if `end`.
pub fn data(id: u32, body: &[u8], end: bool) -> Vec<u8> {
    let mut chunks: Vec<&[u8]> = body.chunks(MAX_FRAME).collect();
    if chunks.is_empty() {
        chunks.push(b"");
    }
    let last = chunks.len() - 1;
    let frames = chunks.iter().enumerate().map(|(index, chunk)| {
        let flags = if end && index == last { END_STREAM } else { 0 };
        frame(DATA, flags, id, chunk)
    });
    frames.flatten().collect()
}

/// A frame of any kind.
pub fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame").to_be_bytes();
    [&length[1..], &[kind, flags], &id.to_be_bytes(), payload].concat()
}
