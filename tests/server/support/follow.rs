//! A log that is followed, event by event.

use std::time::Duration;

use http::Request;
use http::header::HOST;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::timeout;

use super::{Client, Connection};

/// How long an event may take before a test fails. Nothing waits for it to pass, and who follows a log to its end meets
/// long stretches in which nothing happens.
const PATIENCE: Duration = Duration::from_secs(120);

/// A stream of events.
pub struct Follow {
    body: Incoming,
    rest: String,
    /// The connection, which ends when this is dropped.
    _connection: Connection,
}

impl Follow {
    /// Follows the log at `path`, which has to work.
    pub async fn open(client: &Client, path: &str) -> Self {
        let mut connection = client.connect().await.expect("a connection");
        let request = Request::get(format!("https://localhost{path}")).header(HOST, "localhost");
        let request = request.body(Full::default()).expect("a request");
        let response = match &mut connection {
            Connection::Http1(sender) => sender.send_request(request).await,
            Connection::Http2(sender) => sender.send_request(request).await,
        };
        // The head alone: nothing has happened yet.
        let response = response.expect("an answer at once");
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().expect("text").to_owned());
        assert_eq!((response.status().as_u16(), kind.as_deref()), (200, Some("application/x-ndjson")));
        Self { body: response.into_body(), rest: String::new(), _connection: connection }
    }

    /// The next event; `None` if the stream has ended well. Fails if it broke off.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((line, rest)) = self.rest.split_once('\n') {
                let event = serde_json::from_str(line).expect("JSON");
                self.rest = rest.to_owned();
                return Some(event);
            }
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("an event");
            let Some(frame) = frame else {
                assert_eq!(self.rest, "", "it ends with a whole line");
                return None;
            };
            let data = frame.expect("the stream goes on").into_data().expect("data");
            self.rest += std::str::from_utf8(&data).expect("text");
        }
    }

    /// The next event of a path, whatever comes before it.
    pub async fn next_of(&mut self, path: &str) -> Value {
        loop {
            let event = self.next().await.expect("an event");
            if event["request"]["path"] == path {
                return event;
            }
        }
    }

    /// The next message with this text in it, whatever comes before it.
    pub async fn next_message_with(&mut self, text: &str) -> String {
        loop {
            let event = self.next().await.expect("an event");
            let message = event["message"].as_str().expect("a message");
            if message.contains(text) {
                return message.to_owned();
            }
        }
    }

    /// Waits until the stream breaks off.
    pub async fn until_broken(mut self) {
        loop {
            match timeout(PATIENCE, self.body.frame()).await.expect("an end") {
                Some(Ok(_)) => {}
                Some(Err(_)) => return,
                None => panic!("the stream ended as if nothing was missing"),
            }
        }
    }
}
