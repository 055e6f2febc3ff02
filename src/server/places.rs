//! How much is worked on at once: places for requests, and memory for bodies that arrive.
//!
//! Both are waited for, as long as the request has time. A place is taken by who was let in, once the body is complete:
//! clients that send slowly hold memory of a bounded budget, and nobody's place.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of request bodies in memory at the same time, as they were sent. What is decoded from them comes on top, for
/// as many requests as there are places.
const BODY_BYTES: usize = 256 * 1024 * 1024;

/// Places and memory. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct Places {
    count: usize,
    requests: Arc<Semaphore>,
    body_bytes: Arc<Semaphore>,
}

/// A place or a piece of the memory, until it is dropped.
#[derive(Debug)]
pub struct Held(OwnedSemaphorePermit);

impl Places {
    /// Places for `count` requests at the same time, at least one.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { count, requests: places(count), body_bytes: Arc::new(Semaphore::new(BODY_BYTES)) }
    }

    /// The same places if there are to be as many; otherwise new ones, beside which those that are taken remain until
    /// they are free. The memory is the same in any case.
    #[must_use]
    pub fn resized(&self, count: usize) -> Self {
        let requests = if count == self.count { Arc::clone(&self.requests) } else { places(count) };
        Self { count, requests, body_bytes: Arc::clone(&self.body_bytes) }
    }

    /// A place for a request.
    pub async fn request(&self) -> Held {
        wait(&self.requests, 1).await
    }

    /// Room for `count` bytes of a body, which the HTTP library got at once.
    pub async fn body(&self, count: usize) -> Held {
        wait(&self.body_bytes, count.min(BODY_BYTES)).await
    }
}

fn places(count: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS)))
}

async fn wait(semaphore: &Arc<Semaphore>, count: usize) -> Held {
    let count = u32::try_from(count).expect("neither a place nor the memory exceeds 32 bits");
    Held(Arc::clone(semaphore).acquire_many_owned(count).await.expect("it is never closed"))
}

impl Held {
    /// Puts both together.
    pub fn join(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}
