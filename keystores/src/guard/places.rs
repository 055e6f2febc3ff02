//! How many calls are at the store at once, and how many wait: for a place, or for a store that is down to come back.
//!
//! ```text
//! waiting ... waiting ──> turnstile, one ──> the store is not down ──> a place is free ──> call
//! ```
//!
//! Only who is at the turnstile looks at the store and the places. So a store that comes back is not run over, and nobody
//! overtakes anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::health::Health;

/// The places at the store, and the queue in front of them.
#[derive(Debug)]
pub(super) struct Places {
    /// Fair: who waits longest is next.
    turnstile: Semaphore,
    free: Arc<Semaphore>,
    health: watch::Receiver<Health>,
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
    pub(super) fn new(places: usize, queue: usize, health: watch::Receiver<Health>) -> Self {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(places));
        Self { turnstile: Semaphore::new(1), free, health, places, waiting: AtomicUsize::new(0), queue }
    }

    /// A place, if one is free, nobody waits for it, and the store is not down.
    pub(super) fn free(&self) -> Option<Place> {
        let _turn = self.turnstile.try_acquire().ok()?;
        if self.health.borrow().is_down() {
            return None;
        }
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
    /// Waits for a store that is not down, and a place at it.
    pub(super) async fn place(self) -> Place {
        const OPEN: &str = "the semaphore is never closed";
        let _turn = self.0.turnstile.acquire().await.expect(OPEN);
        let mut health = self.0.health.clone();
        loop {
            // Fails only when nobody looks after the store any more. Then nothing is known against it.
            let _ = health.wait_for(|health| !health.is_down()).await;
            let permit = Arc::clone(&self.0.free).acquire_owned().await.expect(OPEN);
            // It may have gone down while the place was waited for.
            if !health.borrow().is_down() {
                return Place { _permit: permit };
            }
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
