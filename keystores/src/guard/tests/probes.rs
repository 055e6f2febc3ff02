//! When the store is asked for its status, and what those who want to know are told.

use super::*;

/// Lets the first probe end.
async fn probed(store: &FaultyStore) {
    store.until_called(Operation::Status, 1).await;
    tokio::task::yield_now().await;
}

/// The statuses that are asked in a time.
async fn probes_within(store: &FaultyStore, time: Duration) -> usize {
    let before = store.calls(Operation::Status);
    tokio::time::sleep(time).await;
    store.calls(Operation::Status) - before
}

#[tokio::test(start_paused = true)]
async fn status_does_not_wait_for_a_place() {
    let (store, guard) = bounded(|calls| (calls.concurrency, calls.queue) = (1, 0));
    store.always(Operation::Get, Fault::Hang);
    let my_key = name("my-key");
    let mut call = Box::pin(guard.get(&my_key));
    assert!(waits(&mut call).await);
    let begin = Instant::now();
    assert_eq!(guard.status().await.expect("status"), Duration::from_millis(1));
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_store_is_probed_every_interval_while_it_is_up_and_every_second_while_it_is_not() {
    let (store, guard) = guarded();
    probed(&store).await;
    assert_eq!(probes_within(&store, 59 * SECOND).await, 5);
    for fault in [Fault::Unavailable, Fault::Denied] {
        store.always(Operation::Status, fault);
        until(&guard, |health| health.outage().is_some()).await;
        assert_eq!(probes_within(&store, Duration::from_millis(10_500)).await, 10);
        store.heal();
        until(&guard, is_up).await;
    }
    assert!(probes_within(&store, 59 * SECOND).await <= 6);
}

#[tokio::test(start_paused = true)]
async fn a_short_interval_is_kept_while_the_store_is_down() {
    let (store, _guard) = in_outage(|calls| calls.probe_interval = SECOND / 4).await;
    let probes = probes_within(&store, Duration::from_millis(10_100)).await;
    assert!((38..=40).contains(&probes), "{probes}");
}

#[tokio::test(start_paused = true)]
async fn the_shortest_interval_is_a_tenth_of_a_second() {
    let (store, _guard) = bounded(|calls| calls.probe_interval = Duration::from_nanos(1));
    let probes = probes_within(&store, 10 * SECOND).await;
    assert!((90..=101).contains(&probes), "{probes}");
}

#[tokio::test(start_paused = true)]
async fn a_busy_store_is_probed_when_it_wants_to_be_but_no_later_than_usual() {
    for (wanted, expected) in [(3 * SECOND, 10), (NEVER, 3)] {
        let (store, guard) = guarded();
        probed(&store).await;
        store.always(Operation::Status, Fault::Busy(wanted));
        until(&guard, Health::is_down).await;
        assert_eq!(probes_within(&store, Duration::from_millis(30_500)).await, expected, "{wanted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_of_a_call_asks_for_a_probe() {
    let (store, guard) = bounded(|calls| (calls.retries, calls.probe_interval) = (0, NEVER));
    probed(&store).await;
    store.once(Operation::Get, Fault::Unavailable);
    assert!(is_unavailable(&guard.get(&name("my-key")).await));
    let begin = Instant::now();
    until(&guard, is_up).await;
    assert_eq!(store.calls(Operation::Status), 2);
    assert!(begin.elapsed() < Duration::from_millis(110), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_for_ever_beside_probes_that_succeed_ask_for_a_probe_a_second() {
    let (store, guard) = bounded(|calls| (calls.retries, calls.breaker_failures) = (0, u32::MAX));
    store.always(Operation::Get, Fault::Unavailable);
    let failing = async {
        loop {
            assert!(is_unavailable(&guard.get(&name("my-key")).await));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = failing => {}
        probes = probes_within(&store, 30 * SECOND) => assert!((28..=33).contains(&probes), "{probes}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_recent_status_is_told_without_asking() {
    let (store, guard) = bounded(|calls| calls.probe_interval = NEVER);
    for second in 0..20 {
        let (one, other) = tokio::join!(guard.status(), guard.status());
        assert!(one.is_ok() && other.is_ok());
        assert_eq!(store.calls(Operation::Status), 1 + second / 5);
        tokio::time::sleep(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_keeps_the_class_of_the_failure_and_clears_with_the_first_success() {
    let (store, guard) = guarded();
    for _ in 0..3 {
        store.always(Operation::Status, Fault::Unavailable);
        until(&guard, Health::is_down).await;
        assert!(is_unavailable(&guard.status().await));
        store.always(Operation::Status, Fault::Denied);
        until(&guard, |health| !health.is_down()).await;
        assert!(matches!(guard.status().await, Err(StoreError::Denied(_))));
        store.heal();
        until(&guard, is_up).await;
        assert!(guard.status().await.is_ok());
    }
    store.always(Operation::Status, Fault::Denied);
    until(&guard, |health| health.outage().is_some()).await;
    store.heal();
    assert!(guard.get(&name("my-key")).await.is_ok());
    assert!(guard.status().await.is_ok(), "a call has shown that the store works");
}

#[tokio::test(start_paused = true)]
async fn the_status_of_a_store_that_is_down_is_told_at_once() {
    let (store, guard) = in_outage(|_| {}).await;
    store.always_everywhere(&Fault::Hang);
    let begin = Instant::now();
    for _ in 0..100 {
        assert!(is_unavailable(&guard.status().await));
    }
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_hangs_is_waited_for_half_a_second() {
    let (store, guard) = guarded();
    store.always(Operation::Status, Fault::Hang);
    let begin = Instant::now();
    let (one, other) = tokio::join!(guard.status(), guard.status());
    assert!(is_unavailable(&one) && is_unavailable(&other), "nothing is known yet");
    assert!((SECOND / 2..=SECOND * 6 / 10).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    assert_eq!(store.calls(Operation::Status), 1);
}

#[tokio::test(start_paused = true)]
async fn until_a_slow_probe_is_given_up_the_last_one_stands() {
    let (store, guard) = guarded();
    assert!(guard.status().await.is_ok());
    store.always(Operation::Status, Fault::Hang);
    tokio::time::sleep(6 * SECOND).await;
    let begin = Instant::now();
    while guard.status().await.is_ok() {
        assert!(begin.elapsed() <= ATTEMPT + SECOND, "{:?}", begin.elapsed());
    }
    assert!(begin.elapsed() >= ATTEMPT, "{:?}", begin.elapsed());
    assert!(health(&guard).is_down());
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_beside_a_probe_that_hangs_are_the_status() {
    let (store, guard) = bounded(|calls| calls.retries = 0);
    assert!(guard.status().await.is_ok());
    store.always(Operation::Status, Fault::Hang);
    store.always(Operation::Get, Fault::Unavailable);
    assert!(is_unavailable(&guard.get(&name("my-key")).await));
    assert!(is_unavailable(&guard.status().await));
}

#[tokio::test(start_paused = true)]
async fn probes_that_hang_do_not_pile_up() {
    let (store, guard) = guarded();
    store.always(Operation::Status, Fault::Hang);
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!((store.calls(Operation::Status), store.running()), (3, 3));
    assert!(health(&guard).is_down());
    store.heal();
    store.release();
    until(&guard, is_up).await;
    assert_eq!(store.running(), 0);
    assert!(guard.status().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_never_ends_does_not_hide_that_the_store_is_back() {
    let (store, guard) = guarded();
    store.once(Operation::Status, Fault::Hang);
    until(&guard, Health::is_down).await;
    let begin = Instant::now();
    until(&guard, is_up).await;
    assert!(begin.elapsed() <= SECOND + Duration::from_millis(1), "{:?}", begin.elapsed());
    assert_eq!(store.running(), 1, "it still hangs");
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_is_dropped_probes_no_more() {
    let (store, guard) = guarded();
    probed(&store).await;
    drop(guard);
    assert_eq!(probes_within(&store, 600 * SECOND).await, 0);
    assert_eq!(Arc::strong_count(&store), 1, "nothing holds the store any more");
}
