//! How many calls are at the store at once, and how many wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places at the store, and the queue in front of them.
#[derive(Debug)]
pub(super) struct Places {
    /// Fair: who waits longest is next, and nobody overtakes the queue.
    free: Arc<Semaphore>,
    places: usize,
    waiting: AtomicUsize,
    queue: usize,
}

/// A place at the store, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// A place in the queue, until it is dropped.
#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a Places);

impl Places {
    /// `places` calls at once, at least one, and `queue` that wait.
    pub(super) fn new(places: usize, queue: usize) -> Self {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(places)), places, waiting: AtomicUsize::new(0), queue }
    }

    /// A place, if one is free and nobody waits for it.
    pub(super) fn free(&self) -> Option<Place> {
        Arc::clone(&self.free).try_acquire_owned().ok().map(|permit| Place { _permit: permit })
    }

    /// Joins the queue, unless it is full.
    pub(super) fn join(&self) -> Option<Waiting<'_>> {
        self.join_up_to(self.queue)
    }

    /// Joins the queue after a place was given back. There is room for as many of these as there are places, so that
    /// nobody who just failed is turned away by who came later, nor when there is to be no queue at all.
    pub(super) fn join_again(&self) -> Option<Waiting<'_>> {
        self.join_up_to(self.queue.saturating_add(self.places))
    }

    fn join_up_to(&self, limit: usize) -> Option<Waiting<'_>> {
        self.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| (waiting < limit).then_some(waiting + 1))
            .ok()
            .map(|_| Waiting(self))
    }
}

impl Waiting<'_> {
    /// Waits for a place.
    pub(super) async fn place(self) -> Place {
        let permit = Arc::clone(&self.0.free).acquire_owned().await.expect("the semaphore is never closed");
        Place { _permit: permit }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
