//! What is tried again, how often, and for how long.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_unavailable_store_is_tried_three_times_with_pauses() {
    let (store, guard) = bounded(|calls| calls.breaker_failures = u32::MAX);
    for operation in [Operation::Create, Operation::Get, Operation::Delete, Operation::List] {
        store.always(operation, Fault::Unavailable);
        let begin = Instant::now();
        let unavailable = match operation {
            Operation::Create => is_unavailable(&guard.create(&name("my-key"), &value("x")).await),
            Operation::Get => is_unavailable(&guard.get(&name("my-key")).await),
            Operation::Delete => is_unavailable(&guard.delete(&name("my-key")).await),
            _ => is_unavailable(&guard.list("", None, 1).await),
        };
        assert!(unavailable, "{operation:?}");
        assert_eq!(store.calls(operation), 3, "{operation:?}");
        let pauses = begin.elapsed();
        assert!((Duration::from_millis(400)..=Duration::from_secs(2)).contains(&pauses), "{operation:?}: {pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_recovers_answers_in_the_same_call() {
    let (store, guard) = guarded();
    store.once(Operation::Get, Fault::Unavailable);
    store.once(Operation::Get, Fault::Panic);
    assert!(guard.get(&name("my-key")).await.expect("the third attempt").is_none());
    assert_eq!(store.calls(Operation::Get), 3);
}

#[tokio::test(start_paused = true)]
async fn pauses_are_200_to_1000_milliseconds_and_differ() {
    let (store, guard) = bounded(|calls| calls.retries = 1);
    let mut pauses = Vec::new();
    for _ in 0..50 {
        store.once(Operation::Get, Fault::Unavailable);
        let begin = Instant::now();
        assert!(guard.get(&name("my-key")).await.is_ok());
        pauses.push(begin.elapsed().as_millis());
    }
    // The timer counts whole milliseconds, and ends in the one after.
    assert!(pauses.iter().all(|pause| (200..=1001).contains(pause)), "{pauses:?}");
    pauses.sort_unstable();
    pauses.dedup();
    assert!(pauses.len() > 5, "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn refusals_and_corrupt_entries_are_not_tried_again() {
    let (store, guard) = guarded();
    store.once(Operation::Get, Fault::Denied);
    assert!(matches!(guard.get(&name("my-key")).await, Err(StoreError::Denied(_))));
    store.once(Operation::Get, Fault::Corrupt);
    assert!(matches!(guard.get(&name("my-key")).await, Err(StoreError::Corrupt(_))));
    assert_eq!(store.calls(Operation::Get), 2);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_given_up_and_the_next_one_answers() {
    let (store, guard) = guarded();
    store.once(Operation::Get, Fault::Hang);
    let begin = Instant::now();
    assert!(guard.get(&name("my-key")).await.expect("the second attempt").is_none());
    assert!((ATTEMPT..ATTEMPT + Duration::from_millis(1100)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    assert_eq!(store.running(), 1, "the first one still hangs");
}

#[tokio::test(start_paused = true)]
async fn every_operation_on_a_store_that_hangs_ends_at_the_deadline() {
    let (store, guard) = guarded();
    store.always_everywhere(&Fault::Hang);
    let (my_key, x) = (name("my-key"), value("x"));
    let begin = Instant::now();
    let (created, got, deleted, listed) =
        tokio::join!(guard.create(&my_key, &x), guard.get(&my_key), guard.delete(&my_key), guard.list("", None, 1),);
    assert!(is_unavailable(&created) && is_unavailable(&got) && is_unavailable(&deleted) && is_unavailable(&listed));
    // The timer may be a millisecond late.
    assert!((DEADLINE..=DEADLINE + Duration::from_millis(1)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn there_is_no_attempt_that_would_come_too_late() {
    let (store, guard) = bounded(|calls| calls.deadline = Duration::from_millis(150));
    store.always(Operation::Get, Fault::Unavailable);
    let begin = Instant::now();
    assert!(is_unavailable(&guard.get(&name("my-key")).await));
    assert_eq!((store.calls(Operation::Get), begin.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_failed_calls_are_tried_again_too() {
    let (store, guard) = bounded(|calls| calls.queue = 0);
    store.once(Operation::Get, Fault::Unavailable);
    assert!(guard.get(&name("my-key")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_no_shorter_than_the_store_asks_for() {
    let (store, guard) = guarded();
    let pause = Duration::from_secs(3);
    store.once(Operation::Get, Fault::Busy(pause));
    let begin = Instant::now();
    assert!(guard.get(&name("my-key")).await.is_ok());
    assert!((pause..pause + Duration::from_millis(802)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_busy_beyond_the_deadline_is_unavailable() {
    let (store, guard) = guarded();
    store.once(Operation::Get, Fault::Busy(Duration::MAX));
    let begin = Instant::now();
    assert!(is_unavailable(&guard.get(&name("my-key")).await));
    assert_eq!((store.calls(Operation::Get), begin.elapsed()), (1, Duration::ZERO));
}
