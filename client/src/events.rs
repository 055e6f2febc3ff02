//! A log that is followed.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::transport::{Answer, next_chunk};

/// Longest event, in bytes. Servers clip what they log far below it.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// The events of a log as they happen, one JSON object per line on the wire (specification: `server-api.md` §12.4).
///
/// Made by [`Client::follow_audit_log`](crate::Client::follow_audit_log) and
/// [`Client::follow_error_log`](crate::Client::follow_error_log). Dropping it stops following. There is no way to ask for
/// events that happened between two streams.
pub struct Events<Event> {
    endpoint: String,
    response: Option<reqwest::Response>,
    /// What has come and is not a whole line yet.
    pending: Vec<u8>,
    event: PhantomData<fn() -> Event>,
}

impl<Event: DeserializeOwned> Events<Event> {
    pub(crate) fn new(answer: Answer) -> Self {
        Self { endpoint: answer.endpoint, response: answer.stream, pending: Vec::new(), event: PhantomData }
    }

    /// Waits for the next event. `None`: the server has ended the stream, as it does when it stops.
    ///
    /// May be dropped and called again without losing an event.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the connection broke, [`Error::Protocol`] if what came is no event. Nothing follows an
    /// error.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        let result = self.read().await;
        if !matches!(result, Ok(Some(_))) {
            self.response = None;
        }
        result
    }

    async fn read(&mut self) -> Result<Option<Event>, Error> {
        loop {
            while let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                if let Some(event) = self.parse(&line)? {
                    return Ok(Some(event));
                }
            }
            if self.pending.len() > MAX_EVENT_BYTES {
                return Err(self.protocol(format!("an event is longer than {MAX_EVENT_BYTES} bytes")));
            }
            let Some(response) = &mut self.response else { return Ok(None) };
            match next_chunk(&self.endpoint, response).await? {
                Some(chunk) => self.pending.extend_from_slice(&chunk),
                None => {
                    let rest = std::mem::take(&mut self.pending);
                    return self.parse(&rest);
                }
            }
        }
    }

    /// The event of a line; an empty line has none.
    fn parse(&self, line: &[u8]) -> Result<Option<Event>, Error> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(line).map(Some).map_err(|error| self.protocol(format!("no event of this log: {error}")))
    }

    fn protocol(&self, reason: String) -> Error {
        Error::Protocol { endpoint: self.endpoint.clone(), reason }
    }
}

impl<Event> fmt::Debug for Events<Event> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
