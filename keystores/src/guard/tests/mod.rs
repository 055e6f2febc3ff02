//! The guard around a store with faults, in paused time: every duration is exact, and nothing sleeps.

mod answers;
mod bounds;
mod health;
mod observer;
mod outages;
mod probes;
mod recovery;
mod retries;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::time::Instant;

use super::*;
use crate::conformance::name;
use crate::fault::{Fault, FaultyStore, Operation};

/// A guard with the default bounds, and the store in it.
fn guarded() -> (Arc<FaultyStore>, Guard) {
    bounded(|_| {})
}

fn bounded(change: impl FnOnce(&mut StoreCalls)) -> (Arc<FaultyStore>, Guard) {
    let mut calls = StoreCalls::default();
    change(&mut calls);
    let store = FaultyStore::healthy();
    (store.clone(), Guard::new(store, calls))
}

fn value(text: &str) -> SecretBytes {
    SecretBytes::from(text.as_bytes())
}

/// Lets the future go as far as it can at once, and says whether it is still waiting.
async fn waits<F: Future>(future: &mut Pin<Box<F>>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

fn is_unavailable<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

/// A guard that was told of an outage, and the store in it, which fails all calls.
async fn in_outage(change: impl FnOnce(&mut StoreCalls)) -> (Arc<FaultyStore>, Guard) {
    let (store, guard) = bounded(change);
    store.always_everywhere(&Fault::Unavailable);
    until(&guard, Health::is_down).await;
    (store, guard)
}

/// Waits until the store's health is such.
async fn until(guard: &Guard, is_such: impl Fn(&Health) -> bool) {
    let mut health = guard.health().expect("a guard knows");
    health.wait_for(|health| is_such(health)).await.expect("the guard lives");
}

fn is_up(health: &Health) -> bool {
    matches!(health, Health::Up)
}

/// The health of this moment.
fn health(guard: &Guard) -> Health {
    guard.health().expect("a guard knows").borrow().clone()
}

const SECOND: Duration = Duration::from_secs(1);

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(1_000_000);

/// Five seconds, the default attempt timeout.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Ten seconds, the default deadline.
const DEADLINE: Duration = Duration::from_secs(10);
