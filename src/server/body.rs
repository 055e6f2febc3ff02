//! Request bodies: read within a limit into memory that is wiped.

use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use kes_core::SecretBytes;

use super::places::{Held, Places};

/// How much of a body that nobody asked for is read to keep a connection usable.
const DRAIN_BYTES: u64 = 256 * 1024;

/// How much room is made for a body before any of it came.
const FIRST_ROOM: u64 = 64 * 1024;

/// A request's body, until it was read. From then on it holds the request's place and the room of the bytes.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    limit: u64,
    /// The framing announced that there is no body. An empty body of unknown length is something else: a client that
    /// fails over can send one by mistake (specification: `clients.md` §1.5).
    absent: bool,
    read: bool,
    started: bool,
    place: Option<Held>,
    room: Option<Held>,
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More bytes than the route allows, announced or sent.
    #[error("request body is too large")]
    TooLarge,
    /// The client went away, or broke the framing.
    #[error("request body ended early")]
    Broken,
}

impl RequestBody {
    /// A body of at most `limit` bytes. To be made before anything of it is read.
    #[must_use]
    pub fn new(incoming: Incoming, limit: u64) -> Self {
        // A length that is said, or that HTTP/2 says by ending the stream with the head. `is_end_stream` would not do: it
        // knows nothing of a length of 0 whose end of stream is yet to come.
        let absent = incoming.size_hint().exact() == Some(0);
        Self { incoming, limit, absent, read: absent, started: false, place: None, room: None }
    }

    /// Whether the request announced that it has no body.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.absent
    }

    /// Whether nothing of the body is left.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.read
    }

    /// Whether somebody began to read the body and did not come to its end.
    #[must_use]
    pub fn is_being_read(&self) -> bool {
        self.started && !self.read
    }

    /// Reads the whole body, and takes a place for the request when it is complete. Bytes that the HTTP library holds
    /// on the way are its own.
    ///
    /// # Errors
    /// Too large, or broken off.
    pub async fn read(&mut self, places: &Places) -> Result<SecretBytes, BodyError> {
        let announced = self.incoming.size_hint();
        if announced.lower() > self.limit {
            return Err(BodyError::TooLarge);
        }
        self.started = true;
        let mut bytes = SecretBytes::with_capacity(announced.lower().min(FIRST_ROOM) as usize);
        while let Some(frame) = self.incoming.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
            if bytes.len() as u64 + data.len() as u64 > self.limit {
                return Err(BodyError::TooLarge);
            }
            let room = places.body(data.len()).await;
            match &mut self.room {
                Some(held) => held.join(room),
                none => *none = Some(room),
            }
            bytes.extend_from_slice(&data);
        }
        self.read = true;
        self.place = Some(places.request().await);
        Ok(bytes)
    }

    /// Reads and drops what is left, if it is little. Says whether nothing is left.
    pub async fn drain(&mut self) -> bool {
        let mut drained = 0;
        while !self.read && drained <= DRAIN_BYTES {
            match self.incoming.frame().await {
                Some(Ok(frame)) => drained += frame.data_ref().map_or(0, |data| data.len() as u64),
                Some(Err(_)) => return false,
                None => self.read = true,
            }
        }
        self.read
    }
}
