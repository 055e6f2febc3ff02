//! How much is worked on at once: places for requests, and memory for bodies that arrive.
//!
//! Both are waited for, as long as the request has time. A place is taken by who was let in, once the body is complete:
//! clients that send slowly hold memory of a bounded budget, and nobody's place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of request bodies in memory at the same time, as they were sent. What is decoded from them comes on top, for
/// as many requests as there are places.
pub const BODY_BYTES: usize = 256 * 1024 * 1024;

/// Places and memory. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct Places {
    count: usize,
    requests: Queue,
    body_bytes: Queue,
}

/// A place or a piece of the memory, until it is dropped.
#[derive(Debug)]
pub struct Held(OwnedSemaphorePermit);

impl Places {
    /// Places for `count` requests at the same time, at least one.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { count, requests: Queue::new(places(count)), body_bytes: Queue::new(Semaphore::new(BODY_BYTES)) }
    }

    /// The same places if there are to be as many; otherwise new ones, beside which those that are taken remain until
    /// they are free. The memory is the same in any case.
    #[must_use]
    pub fn resized(&self, count: usize) -> Self {
        let mut resized = Self { count, ..self.clone() };
        if count != self.count {
            resized.requests.free = Arc::new(places(count));
        }
        resized
    }

    /// A place for a request.
    pub async fn request(&self) -> Held {
        self.requests.wait(1).await
    }

    /// Room for `count` bytes of a body, which the HTTP library got at once.
    pub async fn body(&self, count: usize) -> Held {
        self.body_bytes.wait(count.min(BODY_BYTES)).await
    }

    /// How many requests wait for a place, those from before a resize included.
    #[must_use]
    pub fn waiting_for_place(&self) -> usize {
        self.requests.waiting.load(Ordering::Relaxed)
    }

    /// How many requests wait for room for their bodies.
    #[must_use]
    pub fn waiting_for_room(&self) -> usize {
        self.body_bytes.waiting.load(Ordering::Relaxed)
    }

    /// Bytes of bodies that are in memory, of [`BODY_BYTES`]. What the next in turn waits for counts, as far as it is
    /// free.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        BODY_BYTES - self.body_bytes.free.available_permits()
    }
}

fn places(count: usize) -> Semaphore {
    Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS))
}

/// What is handed out in the order of asking, and how many wait for it.
#[derive(Clone, Debug)]
struct Queue {
    free: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    fn new(free: Semaphore) -> Self {
        Self { free: Arc::new(free), waiting: Arc::default() }
    }

    async fn wait(&self, count: usize) -> Held {
        let count = u32::try_from(count).expect("neither a place nor the memory exceeds 32 bits");
        // Whoever waits has taken all that is free, so that nobody passes them here.
        if let Ok(held) = Arc::clone(&self.free).try_acquire_many_owned(count) {
            return Held(held);
        }
        let _waiting = Waiting::begin(&self.waiting);
        Held(Arc::clone(&self.free).acquire_many_owned(count).await.expect("it is never closed"))
    }
}

/// Counted as long as it lives, so that who leaves is not counted on.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Held {
    /// Puts both together.
    pub fn join(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}
