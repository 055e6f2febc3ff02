//! How many calls are at the store, how many wait, and how all of them end.

use super::*;

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_bound_wait_and_calls_beyond_the_queue_are_refused() {
    let (store, guard) = bounded(|calls| (calls.concurrency, calls.queue) = (2, 3));
    store.always(Operation::Get, Fault::Hang);
    let my_key = name("my-key");
    let mut calls: Vec<_> = (0..5).map(|_| Box::pin(guard.get(&my_key))).collect();
    for call in &mut calls {
        assert!(waits(call).await);
    }
    store.until_called(Operation::Get, 2).await;
    assert!(matches!(guard.get(&my_key).await, Err(StoreError::Overloaded)));
    assert!(matches!(guard.create(&my_key, &value("x")).await, Err(StoreError::Overloaded)));
    assert_eq!((store.calls(Operation::Get), store.calls(Operation::Create)), (2, 0));
    store.heal();
    store.release();
    for call in calls {
        assert!(call.await.is_ok());
    }
    assert_eq!(store.most_running(), 2);
    assert!(guard.get(&my_key).await.is_ok(), "there is room again");
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_leaves_the_queue() {
    let (store, guard) = bounded(|calls| (calls.concurrency, calls.queue) = (1, 1));
    store.once(Operation::Get, Fault::Hang);
    let my_key = name("my-key");
    let mut first = Box::pin(guard.get(&my_key));
    assert!(waits(&mut first).await);
    for _ in 0..3 {
        let mut second = Box::pin(guard.get(&my_key));
        assert!(waits(&mut second).await);
        assert!(matches!(guard.get(&my_key).await, Err(StoreError::Overloaded)));
    }
    store.until_called(Operation::Get, 1).await;
    store.release();
    assert!(first.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_call_keeps_its_place_after_its_caller_has_gone() {
    let (store, guard) = bounded(|calls| calls.concurrency = 1);
    store.once(Operation::Get, Fault::Hang);
    let my_key = name("my-key");
    let mut first = Box::pin(guard.get(&my_key));
    assert!(waits(&mut first).await);
    store.until_called(Operation::Get, 1).await;
    drop(first);
    let mut second = Box::pin(guard.get(&my_key));
    assert!(waits(&mut second).await);
    assert_eq!((store.calls(Operation::Get), store.running()), (1, 1));
    store.release();
    assert!(second.await.is_ok());
    assert_eq!(store.most_running(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_keeps_its_place_after_its_time() {
    let (store, guard) = bounded(|calls| calls.concurrency = 1);
    store.once(Operation::Get, Fault::Hang);
    let begin = Instant::now();
    assert!(is_unavailable(&guard.get(&name("my-key")).await), "the only place is taken by its own first attempt");
    assert!(begin.elapsed() >= DEADLINE);
    assert!(is_unavailable(&guard.get(&name("my-key")).await), "and still is");
    assert_eq!(store.calls(Operation::Get), 1);
    store.release();
    assert!(guard.get(&name("my-key")).await.is_ok());
    assert_eq!(store.most_running(), 1);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_calls_that_fail_stay_within_the_bounds() {
    let (store, guard) = bounded(|calls| calls.breaker_failures = u32::MAX);
    store.always(Operation::Get, Fault::Unavailable);
    let guard = Arc::new(guard);
    let mut calls = JoinSet::new();
    for _ in 0..10_000 {
        let guard = Arc::clone(&guard);
        calls.spawn(async move { is_unavailable(&guard.get(&name("my-key")).await) });
    }
    assert!(calls.join_all().await.into_iter().all(|unavailable| unavailable));
    assert!(store.most_running() <= 64, "{}", store.most_running());
    assert_eq!(store.calls(Operation::Get), 30_000);
}

#[tokio::test(start_paused = true)]
async fn closing_ends_running_and_waiting_calls_and_the_store() {
    let (store, guard) = bounded(|calls| calls.concurrency = 1);
    store.always_everywhere(&Fault::Hang);
    let my_key = name("my-key");
    let mut calls = [Box::pin(guard.get(&my_key)), Box::pin(guard.get(&my_key))];
    for call in &mut calls {
        assert!(waits(call).await);
    }
    let mut status = Box::pin(guard.status());
    assert!(waits(&mut status).await);
    store.until_called(Operation::Status, 1).await;
    let begin = Instant::now();
    guard.close().await;
    for call in calls {
        assert!(is_unavailable(&call.await));
    }
    assert!(is_unavailable(&status.await));
    assert_eq!((store.running(), store.is_closed(), begin.elapsed()), (0, true, Duration::ZERO));
    assert!(is_unavailable(&guard.get(&my_key).await));
    assert!(is_unavailable(&guard.status().await));
    assert_eq!((store.calls(Operation::Get), store.calls(Operation::Status)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn label_and_names_are_the_stores() {
    let (store, guard) = guarded();
    assert_eq!(guard.label(), store.label());
    assert!(guard.can_address(&name("my.key")));
}
