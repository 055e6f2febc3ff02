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

/// A fixture with the key `a`, cached, whose store hangs since 27 seconds after its only use; a call hangs since then.
async fn hanging() -> (Fixture, Arc<Guard>, JoinHandle<Got>) {
    let (fixture, guard) = guarded();
    fixture.create("a").await;
    assert_eq!(fixture.get("a").await, Got::Key);
    sleep(27 * SECOND).await;
    fixture.store.always_everywhere(&Fault::Hang);
    let first = fixture.getting("another").await;
    (fixture, guard, first)
}

#[tokio::test(start_paused = true)]
async fn a_key_that_ends_while_the_first_call_that_fails_hangs_lives_on_from_the_beginning_of_that() {
    let (fixture, _guard, first) = hanging().await;
    let begin = Instant::now();
    sleep(4 * SECOND).await;
    fixture.keys.cache().sweep();
    assert!(fixture.keys.cache().cached(&name("a")).is_none(), "nobody knows of the outage yet");
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(begin.elapsed(), 5 * SECOND, "who waits for it waits until the store is known to fail, and no longer");
    assert_eq!(first.await.expect("no panic"), Got::Failure);
    sleep((begin + 599 * SECOND).duration_since(Instant::now())).await;
    fixture.keys.cache().sweep();
    assert_eq!(fixture.get("a").await, Got::Key);
    sleep(2 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Failure, "600 seconds");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_had_ended_before_the_first_call_that_fails_is_gone() {
    let (fixture, _guard) = guarded();
    fixture.create("a").await;
    assert_eq!(fixture.get("a").await, Got::Key);
    sleep(31 * SECOND).await;
    fixture.store.always_everywhere(&Fault::Hang);
    assert_eq!(fixture.get("a").await, Got::Failure);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_while_a_call_hangs_was_not_offline_before() {
    for answer in [Fault::Denied, Fault::Garbage(b"no key".to_vec())] {
        let (fixture, _guard, first) = hanging().await;
        sleep(4 * SECOND).await;
        fixture.store.once(Operation::Get, answer.clone());
        assert_eq!(fixture.get("a").await, Got::Failure, "{answer:?}");
        assert_eq!(first.await.expect("no panic"), Got::Failure);
        assert_eq!(fixture.get("a").await, Got::Failure, "{answer:?}: the store could be reached after its end");
    }
}

/// A failure says nothing of a key whose absence is known (D-22).
#[tokio::test(start_paused = true)]
async fn a_key_that_was_deleted_while_the_first_call_that_fails_hung_does_not_come_back() {
    let (fixture, _guard, first) = hanging().await;
    sleep(4 * SECOND).await;
    let waiting = fixture.getting("a").await;
    fixture.store.once(Operation::Delete, Fault::Delay(Duration::ZERO));
    fixture.delete("a").await.expect("deleted");
    assert_eq!(first.await.expect("no panic"), Got::Failure);
    assert_eq!(fixture.get("a").await, Got::Failure);
    assert_eq!(waiting.await.expect("no panic"), Got::Failure);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_found_absent_while_a_call_hangs_does_not_come_back_when_that_fails() {
    let (fixture, _guard, first) = hanging().await;
    fixture.store.once(Operation::Delete, Fault::Delay(Duration::ZERO));
    fixture.delete_elsewhere("a").await;
    sleep(4 * SECOND).await;
    fixture.store.once(Operation::Get, Fault::Delay(Duration::ZERO));
    assert_eq!(fixture.get("a").await, Got::Absent);
    assert_eq!(first.await.expect("no panic"), Got::Failure);
    assert_eq!(fixture.get("a").await, Got::Failure);
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
