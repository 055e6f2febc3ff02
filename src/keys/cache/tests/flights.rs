//! One fetch of a name at a time: who shares it, and what it may still change when it lands.

use super::*;

/// Success, absence and failure alike (D-23).
#[tokio::test(start_paused = true)]
async fn a_hundred_who_wait_for_one_name_share_one_call() {
    for (text, fault, expected) in [
        ("a", None, Got::Key),
        ("nope", None, Got::Absent),
        ("a", Some(Fault::Unavailable), Got::Failure),
        ("a", Some(Fault::Garbage(Vec::new())), Got::Failure),
    ] {
        let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
        fixture.store.once(Operation::Get, fault.clone().unwrap_or(Fault::Hang));
        let mut waiting = Vec::new();
        for _ in 0..100 {
            let fixture = fixture.clone();
            waiting.push(tokio::spawn(async move { fixture.get(text).await }));
        }
        fixture.store.until_called(Operation::Get, 1).await;
        fixture.store.release();
        for task in waiting {
            assert_eq!(task.await.expect("no panic"), expected, "{text} {fault:?}");
        }
        assert_eq!(fixture.reads(), 1, "{text} {fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_do_not_wait_for_one_another() {
    let fixture = Fixture::with_keys(SETTINGS, &["slow", "quick"]).await;
    fixture.store.once(Operation::Get, Fault::Hang);
    let slow = fixture.getting("slow").await;
    fixture.store.until_called(Operation::Get, 1).await;
    assert_eq!(fixture.get("quick").await, Got::Key);
    assert_eq!(fixture.get("quick").await, Got::Key);
    assert!(!slow.is_finished());
    fixture.store.release();
    assert_eq!(slow.await.expect("no panic"), Got::Key);
    assert_eq!(fixture.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_ends_no_fetch_not_even_who_began_it() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.store.once(Operation::Get, Fault::Hang);
    let first = fixture.getting("a").await;
    fixture.store.until_called(Operation::Get, 1).await;
    let second = fixture.getting("a").await;
    first.abort();
    assert!(first.await.is_err_and(|error| error.is_cancelled()));
    fixture.store.release();
    assert_eq!(second.await.expect("no panic"), Got::Key);
    assert_eq!(fixture.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_everybody_left_still_serves_the_next() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.store.once(Operation::Get, Fault::Hang);
    let only = fixture.getting("a").await;
    fixture.store.until_called(Operation::Get, 1).await;
    only.abort();
    fixture.store.release();
    fixture.store.until_idle().await;
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 1);
}

/// A fetch that read the key before it was deleted answers who waited for it, and no one later (D-22).
#[tokio::test(start_paused = true)]
async fn a_fetch_in_the_air_does_not_bring_a_deleted_key_back() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.store.once(Operation::Get, Fault::HangingAnswer);
    let waiting = fixture.getting("a").await;
    fixture.store.until_called(Operation::Get, 1).await;
    fixture.delete("a").await.expect("deleted");
    assert_eq!(fixture.get("a").await, Got::Absent, "who asks now is not answered by it");
    fixture.store.release();
    assert_eq!(waiting.await.expect("no panic"), Got::Key);
    assert_eq!(fixture.get("a").await, Got::Absent);
    assert!(fixture.keys.cache().is_empty());
}

/// And takes nothing from a fetch that began after it.
#[tokio::test(start_paused = true)]
async fn a_fetch_that_was_detached_leaves_the_next_one_alone() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.store.once(Operation::Get, Fault::HangingAnswer);
    let old = fixture.getting("a").await;
    fixture.store.until_called(Operation::Get, 1).await;
    fixture.delete("a").await.expect("deleted");
    fixture.create("a").await;
    fixture.store.once(Operation::Get, Fault::HangingAnswer);
    let new = fixture.getting("a").await;
    fixture.store.until_called(Operation::Get, 2).await;
    fixture.store.release();
    let old = old.await.expect("no panic");
    assert_eq!((old, new.await.expect("no panic")), (Got::Key, Got::Key));
    let cached = fixture.keys.cache().cached(&name("a")).expect("a cached key");
    let stored = fixture.store.get(&name("a")).await.expect("read").expect("a stored key");
    assert_eq!(cached.created_at(), stored::decode(stored.expose()).expect("a key").created_at(), "the new one");
}

/// Whoever made a key, or learnt that it is there, is not told afterwards that there is none.
#[tokio::test(start_paused = true)]
async fn a_fetch_that_found_nothing_answers_nobody_who_asks_after_a_create() {
    for taken in [false, true] {
        let fixture = Fixture::new(SETTINGS);
        fixture.store.once(Operation::Get, Fault::HangingAnswer);
        let before = fixture.getting("a").await;
        fixture.store.until_called(Operation::Get, 1).await;
        if taken {
            let elsewhere = Keys::new(fixture.store.clone(), SETTINGS, Arc::new(SystemClock));
            elsewhere.create(&fixture.caller, &name("a")).await.expect("created");
            let again = fixture.keys.create(&fixture.caller, &name("a")).await;
            assert!(matches!(again, Err(KeyError::NameTaken)));
        } else {
            fixture.create("a").await;
        }
        assert_eq!(fixture.get("a").await, Got::Key);
        fixture.store.release();
        assert_eq!(before.await.expect("no panic"), Got::Absent);
        assert_eq!(fixture.get("a").await, Got::Key);
        assert_eq!(fixture.reads(), 2);
    }
}
