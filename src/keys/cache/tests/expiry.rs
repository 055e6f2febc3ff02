//! How long entries live, while the store is there and while it is not.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_entry_lives_as_long_as_any_however_much_it_is_used() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    for _ in 0..30 {
        assert_eq!(fixture.get("a").await, Got::Key);
        advance(10 * SECOND).await;
    }
    assert_eq!(fixture.reads(), 1, "300 seconds less one step");
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 2, "300 seconds");
}

#[tokio::test(start_paused = true)]
async fn an_entry_lives_as_long_as_unused_from_its_last_use() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    for _ in 0..5 {
        assert_eq!(fixture.get("a").await, Got::Key);
        advance(30 * SECOND - Duration::from_millis(1)).await;
    }
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 1);
    advance(30 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 2);
}

/// Not all at once at a tick, as in the archived server.
#[tokio::test(start_paused = true)]
async fn entries_expire_each_for_itself() {
    let fixture = Fixture::with_keys(SETTINGS, &["a", "b"]).await;
    fixture.get("a").await;
    advance(20 * SECOND).await;
    fixture.get("b").await;
    advance(10 * SECOND).await;
    assert_eq!(fixture.get("b").await, Got::Key);
    assert_eq!(fixture.reads(), 2);
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 3);
}

#[tokio::test(start_paused = true)]
async fn entries_expire_as_ever_while_the_store_is_offline_unless_said_otherwise() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.get("a").await;
    fixture.store.always_everywhere(&Fault::Unavailable);
    fixture.keys.cache().set_online(false);
    advance(29 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Key);
    advance(30 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Failure);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_offline_entries_live_on_from_the_moment_it_went() {
    let fixture = Fixture::with_keys(CacheSettings { offline: 600 * SECOND, ..SETTINGS }, &["a", "old"]).await;
    fixture.get("old").await;
    advance(10 * SECOND).await;
    fixture.get("a").await;
    advance(20 * SECOND).await;
    fixture.store.always_everywhere(&Fault::Unavailable);
    fixture.keys.cache().set_online(false);
    assert_eq!(fixture.get("old").await, Got::Failure, "it had expired before");
    for _ in 0..3 {
        advance(199 * SECOND).await;
        // Only the first moment counts.
        fixture.keys.cache().set_online(false);
        fixture.keys.cache().sweep();
        assert_eq!(fixture.get("a").await, Got::Key, "neither rule counts");
    }
    advance(3 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Failure, "600 seconds");
}

#[tokio::test(start_paused = true)]
async fn when_the_store_is_back_the_usual_rules_are_back() {
    let fixture = Fixture::with_keys(CacheSettings { offline: 600 * SECOND, ..SETTINGS }, &["a", "b"]).await;
    let cache = fixture.keys.cache();
    fixture.get("a").await;
    cache.set_online(false);
    advance(100 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Key);
    advance(100 * SECOND).await;
    cache.set_online(true);
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 2, "it had not been used for 100 seconds");
    // The next outage counts from its own beginning.
    cache.set_online(false);
    advance(599 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn sweeping_frees_what_has_expired_and_nothing_else() {
    let fixture = Fixture::with_keys(SETTINGS, &["a", "b"]).await;
    let cache = fixture.keys.cache();
    fixture.get("a").await;
    advance(20 * SECOND).await;
    fixture.get("b").await;
    cache.sweep();
    assert_eq!(cache.len(), 2);
    advance(10 * SECOND).await;
    assert_eq!(cache.len(), 2, "expired, and not swept");
    cache.sweep();
    assert_eq!(cache.len(), 1);
    assert!(cache.cached(&name("b")).is_some());
    advance(30 * SECOND).await;
    cache.sweep();
    assert!(cache.is_empty());
}

#[test]
fn sweeping_keeps_pace_with_the_shorter_rule() {
    let interval = |any, unused| {
        let settings = CacheSettings { any, unused, ..SETTINGS };
        Cache::new(Arc::new(kes_keystores::MemoryStore::new()), settings).sweep_interval()
    };
    assert_eq!(interval(300 * SECOND, 30 * SECOND), 15 * SECOND);
    assert_eq!(interval(4 * SECOND, 30 * SECOND), 2 * SECOND);
    assert_eq!(interval(3600 * SECOND, 3600 * SECOND), 15 * SECOND);
    assert_eq!(interval(Duration::from_nanos(1), SECOND), Duration::from_millis(10));
}
