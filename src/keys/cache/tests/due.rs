//! Entries that are fetched again with their next use, and other settings for a cache in use (decision 37).

use super::*;

#[tokio::test(start_paused = true)]
async fn a_key_that_is_due_is_fetched_once_more_with_its_next_use() {
    let fixture = Fixture::with_keys(SETTINGS, &["a", "b"]).await;
    for text in ["a", "b", "a"] {
        assert_eq!(fixture.get(text).await, Got::Key);
    }
    assert_eq!(fixture.reads(), 2);
    fixture.keys.cache().make_all_due();
    assert_eq!(fixture.reads(), 2, "not before it is used");
    for text in ["a", "a", "b", "b"] {
        assert_eq!(fixture.get(text).await, Got::Key);
    }
    assert_eq!(fixture.reads(), 4);
    fixture.keys.cache().make_due(&name("a"));
    for text in ["a", "a", "b"] {
        assert_eq!(fixture.get(text).await, Got::Key);
    }
    assert_eq!(fixture.reads(), 5, "one name alone");
}

#[tokio::test(start_paused = true)]
async fn all_who_use_a_key_that_is_due_share_one_fetch() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.get("a").await;
    fixture.keys.cache().make_all_due();
    fixture.store.once(Operation::Get, Fault::Hang);
    let mut waiting = Vec::new();
    for _ in 0..100 {
        waiting.push(fixture.getting("a").await);
    }
    fixture.store.release();
    for task in waiting {
        assert_eq!(task.await.expect("no panic"), Got::Key);
    }
    assert_eq!(fixture.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_due_and_was_deleted_elsewhere_is_gone() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.get("a").await;
    fixture.delete_elsewhere("a").await;
    assert_eq!(fixture.get("a").await, Got::Key, "nobody knows");
    fixture.keys.cache().make_all_due();
    assert_eq!(fixture.get("a").await, Got::Absent);
    assert!(fixture.keys.cache().is_empty());
}

#[tokio::test(start_paused = true)]
async fn while_the_store_fails_a_key_that_is_due_serves_as_long_as_it_would_have() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.get("a").await;
    fixture.keys.cache().make_all_due();
    for fault in [Fault::Unavailable, Fault::Denied, Fault::Corrupt, Fault::Garbage(b"no key".to_vec()), Fault::Panic] {
        fixture.store.once(Operation::Get, fault.clone());
        assert_eq!(fixture.get("a").await, Got::Key, "{fault:?}");
    }
    assert_eq!(fixture.reads(), 6, "each use asks");
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 7, "until the store has answered");
    fixture.keys.cache().make_all_due();
    fixture.store.always(Operation::Get, Fault::Unavailable);
    advance(SETTINGS.unused - SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Key);
    advance(SETTINGS.unused).await;
    assert_eq!(fixture.get("a").await, Got::Failure);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_keeps_nobody_from_a_key_that_is_only_due() {
    let fixture = Fixture::with_keys(SETTINGS, &["a", "b"]).await;
    fixture.get("a").await;
    fixture.keys.cache().make_all_due();
    fixture.store.always(Operation::Get, Fault::Hang);
    let begin = Instant::now();
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(begin.elapsed(), DUE_PATIENCE);
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!((begin.elapsed(), fixture.reads()), (DUE_PATIENCE, 2), "at once, and by the same fetch");
    let waiting = fixture.getting("b").await;
    advance(DUE_PATIENCE + SECOND).await;
    assert!(!waiting.is_finished(), "who has no key waits for the store");
    fixture.delete_elsewhere("a").await;
    fixture.store.heal();
    fixture.store.release();
    assert_eq!(waiting.await.expect("no panic"), Got::Key);
    assert_eq!(fixture.get("a").await, Got::Absent, "what the fetch has found counts");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_store_that_is_known_to_be_down() {
    let fixture = Fixture::with_keys(CacheSettings { offline: DAY, ..SETTINGS }, &["a"]).await;
    fixture.get("a").await;
    fixture.keys.cache().set_online(false);
    fixture.keys.cache().make_all_due();
    fixture.store.always(Operation::Get, Fault::Hang);
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 1);
    fixture.store.heal();
    fixture.keys.cache().set_online(true);
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 2);
}

/// A fetch that is in the air may have read what there was before.
#[tokio::test(start_paused = true)]
async fn a_fetch_from_before_answers_nobody_who_asks_after() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.store.once(Operation::Get, Fault::HangingAnswer);
    let before = fixture.getting("a").await;
    fixture.store.until_called(Operation::Get, 1).await;
    fixture.keys.cache().make_all_due();
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 2);
    fixture.store.release();
    assert_eq!(before.await.expect("no panic"), Got::Key);
}

/// The key may have been replaced: the create may have been done, after a delete that another server made.
#[tokio::test(start_paused = true)]
async fn a_create_that_nobody_knows_the_outcome_of_makes_the_key_due() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.get("a").await;
    fixture.delete_elsewhere("a").await;
    fixture.store.once(Operation::Create, Fault::LostAnswer);
    fixture.keys.create(&fixture.caller, &name("a")).await.expect_err("no answer");
    fixture.get("a").await;
    let cached = fixture.keys.cache().cached(&name("a")).expect("a cached key");
    let stored = fixture.store.get(&name("a")).await.expect("read").expect("a stored key");
    assert_eq!(cached.created_at(), stored::decode(stored.expose()).expect("a key").created_at(), "the new one");
}

#[tokio::test(start_paused = true)]
async fn a_cache_goes_on_with_other_settings() {
    let fixture = Fixture::with_keys(SETTINGS, &["a", "b", "c"]).await;
    for text in ["a", "b", "c"] {
        fixture.get(text).await;
        advance(SECOND).await;
    }
    let cache = fixture.keys.cache();
    cache.configure(CacheSettings { max_keys: 2, unused: 10 * SECOND, ..SETTINGS });
    assert_eq!(cache.len(), 2);
    assert!(cache.cached(&name("a")).is_none(), "the one that was not used for the longest time");
    advance(10 * SECOND).await;
    assert!(cache.cached(&name("c")).is_none(), "unused for too long now");
    fixture.get("c").await;
    cache.configure(CacheSettings { max_keys: 0, ..SETTINGS });
    assert!(cache.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cache_is_in_use_until_its_last_fetch_has_ended() {
    let Fixture { store, keys, caller } = Fixture::with_keys(SETTINGS, &["a"]).await;
    store.once(Operation::Get, Fault::Hang);
    let unused = tokio::spawn(keys.cache().unused());
    let waiting = tokio::spawn({
        let keys = Arc::clone(&keys);
        async move { keys.get(&caller, &name("a")).await.map(drop) }
    });
    store.until_called(Operation::Get, 1).await;
    waiting.abort();
    assert!(waiting.await.is_err_and(|error| error.is_cancelled()));
    drop(keys);
    tokio::task::yield_now().await;
    assert!(!unused.is_finished(), "the fetch goes on");
    store.release();
    timeout(DAY, unused).await.expect("it ends").expect("no panic");
}
