//! HTTP/1.1 as bytes, for requests that no HTTP library would send.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{Answer, Client, TlsStream};

/// How long an answer may take before a test fails. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection on which bytes are sent and answers are read.
pub struct Raw {
    stream: TlsStream,
    received: Vec<u8>,
}

impl Raw {
    pub async fn open(client: &Client) -> Self {
        Self { stream: client.tls().await.expect("a connection"), received: Vec::new() }
    }

    /// Sends bytes. That the server stopped listening is not the sender's business.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// The next answer, read as one to anything but `HEAD`.
    pub async fn answer(&mut self) -> Answer {
        let head = loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break self.received.drain(..end + 4).collect::<Vec<u8>>();
            }
            assert!(self.read_more().await, "the connection ended before an answer");
        };
        let head = String::from_utf8(head).expect("text");
        let (status_line, fields) = head.split_once("\r\n").expect("a status line");
        let status: StatusCode = status_line[9..12].parse().expect("a status");
        let headers: HeaderMap = fields
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| {
                let name: HeaderName = name.parse().expect("a header's name");
                (name, HeaderValue::from_str(value).expect("a header's value"))
            })
            .collect();
        let length = headers
            .get("content-length")
            .map_or(0, |length| length.to_str().expect("text").parse::<usize>().expect("a length"));
        while self.received.len() < length {
            assert!(self.read_more().await, "the connection ended within a body");
        }
        let body = self.received.drain(..length).collect();
        Answer { status, headers, body: String::from_utf8(body).expect("text") }
    }

    /// Sends a request and reads its answer.
    pub async fn exchange(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    /// Waits for the server to end the connection, and says what it sent before that and nobody read.
    pub async fn rest(mut self) -> String {
        while self.read_more().await {}
        String::from_utf8_lossy(&self.received).into_owned()
    }

    /// Whether there is more, or the server ended the connection, cleanly or not.
    async fn read_more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.received)).await;
        read.expect("the server neither answers nor ends the connection").is_ok_and(|count| count > 0)
    }
}
