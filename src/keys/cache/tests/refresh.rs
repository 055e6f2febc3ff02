//! Keys that are fetched again ahead of their end, because they are in use.

use super::*;

/// Used for the last fifth of 300 seconds; begins at random from 240 to 270 seconds.
const AHEAD: CacheSettings =
    CacheSettings { unused: Duration::from_secs(300), refresh_ahead: Duration::from_secs(60), ..SETTINGS };

/// When any entry of [`AHEAD`] is in the last part of its life.
const LATE: Duration = Duration::from_secs(270);

/// The tests' runtime has one thread, on which every task goes on until it waits for a store or for time.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

/// A fixture with one key, cached, that is in the last part of its life.
async fn late(settings: CacheSettings) -> Fixture {
    let fixture = Fixture::with_keys(settings, &["a"]).await;
    assert_eq!(fixture.get("a").await, Got::Key);
    advance(LATE).await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_always_in_use_never_misses() {
    let fixture = Fixture::with_keys(AHEAD, &["a"]).await;
    for _ in 0..3600 {
        assert_eq!(fixture.get("a").await, Got::Key);
        settle().await;
        advance(SECOND).await;
    }
    assert_eq!(fixture.keys.counters.misses(), 1, "the first use");
    assert!((13..=15).contains(&fixture.reads()), "once in 240 to 270 seconds: {}", fixture.reads());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_nobody_uses_then_is_left_to_its_end() {
    let fixture = Fixture::with_keys(AHEAD, &["a"]).await;
    for _ in 0..24 {
        assert_eq!(fixture.get("a").await, Got::Key);
        advance(10 * SECOND - Duration::from_millis(1)).await;
    }
    advance(61 * SECOND).await;
    settle().await;
    assert_eq!(fixture.reads(), 1);
    assert!(fixture.keys.cache().cached(&name("a")).is_none());
}

#[tokio::test(start_paused = true)]
async fn without_refresh_ahead_a_key_is_left_to_its_end_however_much_it_is_used() {
    let fixture = late(CacheSettings { refresh_ahead: Duration::ZERO, ..AHEAD }).await;
    for _ in 0..29 {
        assert_eq!(fixture.get("a").await, Got::Key);
        settle().await;
        advance(SECOND).await;
    }
    assert_eq!(fixture.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_that_came_at_once_are_not_fetched_again_at_once() {
    let names = (0..50).map(|number| format!("key-{number}")).collect::<Vec<_>>();
    let fixture = Fixture::with_keys(AHEAD, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut reads = Vec::new();
    for second in 0..=LATE.as_secs() {
        let before = fixture.reads();
        for text in &names {
            assert_eq!(fixture.get(text).await, Got::Key);
        }
        settle().await;
        if second > 0 {
            reads.push(fixture.reads() - before);
        }
        advance(SECOND).await;
    }
    assert_eq!(reads[..239].iter().sum::<usize>(), 0, "not before their last fifth: {reads:?}");
    assert_eq!(reads.iter().sum::<usize>(), 50, "each once: {reads:?}");
    assert!(reads.iter().all(|&reads| reads < 15), "spread over 30 seconds: {reads:?}");
}

#[tokio::test(start_paused = true)]
async fn all_are_served_by_what_there_is_while_one_fetch_is_under_way() {
    let fixture = late(AHEAD).await;
    fixture.store.once(Operation::Get, Fault::Hang);
    for _ in 0..29 {
        for _ in 0..10 {
            assert_eq!(fixture.get("a").await, Got::Key);
        }
        settle().await;
        advance(SECOND).await;
    }
    assert_eq!((fixture.reads(), fixture.keys.counters.misses()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_ahead_that_fails_takes_nothing_away_and_is_rarely_tried_again() {
    let fixture = late(AHEAD).await;
    for fault in [Fault::Unavailable, Fault::Corrupt, Fault::Panic] {
        fixture.store.once(Operation::Get, fault);
    }
    fixture.store.always(Operation::Get, Fault::Denied);
    for _ in 0..300 {
        assert_eq!(fixture.get("a").await, Got::Key);
        settle().await;
        advance(SECOND / 10 - Duration::from_millis(1)).await;
    }
    assert_eq!(fixture.keys.counters.misses(), 1);
    assert!((5..=8).contains(&fixture.reads()), "each time when half of what was left is over: {}", fixture.reads());
    advance(SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Failure, "its life has ended");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_ahead_that_succeeds_later_is_in_time_too() {
    let fixture = late(AHEAD).await;
    fixture.store.once(Operation::Get, Fault::Unavailable);
    for _ in 0..60 {
        assert_eq!(fixture.get("a").await, Got::Key);
        settle().await;
        advance(SECOND).await;
    }
    assert_eq!((fixture.reads(), fixture.keys.counters.misses()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_ahead_that_finds_the_key_gone_removes_it() {
    let fixture = late(AHEAD).await;
    fixture.delete_elsewhere("a").await;
    assert_eq!(fixture.get("a").await, Got::Key, "nobody knows");
    settle().await;
    assert_eq!(fixture.get("a").await, Got::Absent);
    assert!(fixture.keys.cache().is_empty());
}

/// As any other fetch (D-22).
#[tokio::test(start_paused = true)]
async fn a_fetch_ahead_does_not_bring_a_deleted_key_back() {
    let fixture = late(AHEAD).await;
    fixture.store.once(Operation::Get, Fault::HangingAnswer);
    assert_eq!(fixture.get("a").await, Got::Key);
    fixture.store.until_called(Operation::Get, 2).await;
    fixture.delete("a").await.expect("deleted");
    fixture.store.release();
    settle().await;
    assert!(fixture.keys.cache().is_empty());
    assert_eq!(fixture.get("a").await, Got::Absent);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_down_nothing_is_fetched_ahead() {
    let fixture = late(CacheSettings { offline: DAY, ..AHEAD }).await;
    fixture.keys.cache().set_online(false);
    for _ in 0..20 {
        assert_eq!(fixture.get("a").await, Got::Key);
        settle().await;
        advance(SECOND).await;
    }
    assert_eq!(fixture.reads(), 1);
    fixture.keys.cache().set_online(true);
    assert_eq!(fixture.get("a").await, Got::Key);
    settle().await;
    assert_eq!((fixture.reads(), fixture.keys.counters.misses()), (2, 1), "as soon as it is back");
}

#[tokio::test(start_paused = true)]
async fn to_be_fetched_ahead_is_not_to_be_used() {
    let fixture = late(AHEAD).await;
    fixture.store.once(Operation::Get, Fault::Delay(20 * SECOND));
    assert_eq!(fixture.get("a").await, Got::Key);
    settle().await;
    advance(20 * SECOND).await;
    settle().await;
    fixture.keys.cache().configure(CacheSettings { unused: 30 * SECOND, ..AHEAD });
    advance(9 * SECOND).await;
    fixture.keys.cache().sweep();
    assert_eq!(fixture.keys.cache().len(), 1, "29 seconds after its last use");
    advance(SECOND).await;
    assert!(fixture.keys.cache().cached(&name("a")).is_none(), "30 seconds, though it came 10 seconds ago");
}

#[tokio::test(start_paused = true)]
async fn who_needs_the_key_after_its_end_joins_the_fetch_that_began_ahead_of_it() {
    let fixture = late(AHEAD).await;
    fixture.store.once(Operation::Get, Fault::Hang);
    assert_eq!(fixture.get("a").await, Got::Key);
    fixture.store.until_called(Operation::Get, 2).await;
    advance(30 * SECOND).await;
    fixture.keys.cache().sweep();
    let waiting = fixture.getting("a").await;
    assert!(!waiting.is_finished());
    fixture.store.release();
    assert_eq!(waiting.await.expect("no panic"), Got::Key);
    assert_eq!(fixture.get("a").await, Got::Key, "and it is cached");
    assert_eq!(fixture.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_ahead_can_be_turned_on_and_off() {
    let off = CacheSettings { refresh_ahead: Duration::ZERO, ..AHEAD };
    let fixture = late(off).await;
    fixture.keys.cache().configure(AHEAD);
    fixture.keys.cache().configure(off);
    assert_eq!(fixture.get("a").await, Got::Key);
    settle().await;
    assert_eq!(fixture.reads(), 1);
    fixture.keys.cache().configure(AHEAD);
    assert_eq!(fixture.get("a").await, Got::Key);
    settle().await;
    assert_eq!(fixture.reads(), 2);
}
