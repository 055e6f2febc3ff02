//! The cache over a guarded store: offline from its first failure to its first success.

use kes_config::keystore::StoreCalls;
use kes_keystores::Guard;
use tokio::time::sleep;

use super::*;

const OFFLINE: CacheSettings =
    CacheSettings { offline: Duration::from_secs(600), refresh_ahead: Duration::from_secs(60), ..SETTINGS };

/// A fixture whose store is guarded, and looked after every ten seconds.
fn guarded() -> (Fixture, Arc<Guard>) {
    let fixture = Fixture::new(OFFLINE);
    let guard = Arc::new(Guard::new(fixture.store.clone(), StoreCalls::default()));
    let keys = Arc::new(Keys::new(guard.clone(), OFFLINE, Arc::new(SystemClock)));
    (Fixture { keys, ..fixture }, guard)
}

#[tokio::test(start_paused = true)]
async fn keys_live_on_while_the_guard_says_that_the_store_is_down_and_no_longer() {
    let (fixture, _guard) = guarded();
    for text in ["used", "unused"] {
        fixture.create(text).await;
        assert_eq!(fixture.get(text).await, Got::Key);
    }
    fixture.store.always_everywhere(&Fault::Unavailable);
    for _ in 0..5 {
        sleep(100 * SECOND).await;
        fixture.keys.cache().sweep();
        let begin = Instant::now();
        assert_eq!(fixture.get("used").await, Got::Key);
        assert_eq!(begin.elapsed(), Duration::ZERO, "a cached key does not wait for the store");
    }
    assert_eq!(fixture.reads(), 2);
    fixture.store.heal();
    sleep(2 * SECOND).await;
    assert_eq!(fixture.get("unused").await, Got::Key);
    assert_eq!(fixture.reads(), 3, "a second after the recovery it had to be read again");
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_of_any_call_is_when_the_store_went_offline() {
    let (fixture, _guard) = guarded();
    fixture.create("a").await;
    assert_eq!(fixture.get("a").await, Got::Key);
    sleep(25 * SECOND).await;
    let begin = Instant::now();
    fixture.store.always_everywhere(&Fault::Unavailable);
    assert_eq!(fixture.get("another").await, Got::Failure);
    sleep((begin + 599 * SECOND).duration_since(Instant::now())).await;
    assert_eq!(fixture.get("a").await, Got::Key);
    sleep(2 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Failure, "600 seconds");
}

/// An answer that comes back when the store does is worth more than a quick error.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_cached_waits_for_the_store_and_all_share_one_read() {
    let (fixture, _guard) = guarded();
    fixture.create("a").await;
    fixture.store.always_everywhere(&Fault::Unavailable);
    sleep(20 * SECOND).await;
    let mut waiting = Vec::new();
    for _ in 0..100 {
        waiting.push(fixture.getting("a").await);
    }
    sleep(3 * SECOND).await;
    fixture.store.heal();
    for got in waiting {
        assert_eq!(got.await.expect("no panic"), Got::Key);
    }
    assert_eq!(fixture.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_is_dropped_leaves_no_task() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (fixture, guard) = guarded();
    let before = tasks();
    for _ in 0..1000 {
        let keys = Keys::new(guard.clone(), OFFLINE, Arc::new(SystemClock));
        tokio::task::yield_now().await;
        drop(keys);
    }
    tokio::task::yield_now().await;
    assert_eq!(tasks(), before);
    drop(fixture);
}
