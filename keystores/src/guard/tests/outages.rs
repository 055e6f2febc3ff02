//! How operations wait while the store is down, and for how long.

use super::*;

#[tokio::test(start_paused = true)]
async fn every_operation_waits_for_the_store_to_come_back_and_is_answered() {
    let (store, guard) = in_outage(|_| {}).await;
    let (my_key, mine) = (name("my-key"), value("mine"));
    let mut create = Box::pin(guard.create(&my_key, &mine));
    let mut get = Box::pin(guard.get(&my_key));
    let mut delete = Box::pin(guard.delete(&my_key));
    let mut list = Box::pin(guard.list("", None, 1));
    assert!(waits(&mut create).await && waits(&mut get).await && waits(&mut delete).await && waits(&mut list).await);
    tokio::time::advance(3 * SECOND).await;
    for operation in [Operation::Create, Operation::Get, Operation::Delete, Operation::List] {
        assert_eq!(store.calls(operation), 0, "no call begins while the store is down: {operation:?}");
    }
    store.heal();
    let healed = Instant::now();
    let (created, got, deleted, listed) = tokio::join!(create, get, delete, list);
    assert_eq!(created.expect("create"), Created::New);
    assert!(got.is_ok() && deleted.is_ok() && listed.is_ok());
    assert!(healed.elapsed() <= SECOND, "the next probe lets them in: {:?}", healed.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_operation_waits_no_longer_than_it_is_to() {
    let (store, guard) = in_outage(|_| {}).await;
    let begin = Instant::now();
    let error = guard.get(&name("my-key")).await.expect_err("the store is down");
    assert!((5 * SECOND..5 * SECOND + Duration::from_millis(2)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains("no success since 2")), "{error}");
    assert!(error.to_string().ends_with("Z: fault: unavailable"), "{error}");
    assert_eq!(store.calls(Operation::Get), 0);
    assert_eq!(
        guard.get(&name("my-key")).await.expect_err("still").to_string(),
        error.to_string(),
        "one cause, one text"
    );
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_is_not_to_wait_fails_at_once() {
    let (store, guard) = in_outage(|calls| (calls.outage_wait, calls.queue) = (Duration::ZERO, 0)).await;
    let begin = Instant::now();
    assert!(is_unavailable(&guard.get(&name("my-key")).await));
    assert!(is_unavailable(&guard.create(&name("my-key"), &value("x")).await));
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert_eq!((store.calls(Operation::Get), store.calls(Operation::Create)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn no_operation_waits_past_its_deadline() {
    let (_, guard) = in_outage(|calls| calls.deadline = 2 * SECOND).await;
    let begin = Instant::now();
    assert!(is_unavailable(&guard.get(&name("my-key")).await));
    assert!((2 * SECOND..2 * SECOND + Duration::from_millis(2)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_finds_out_first_that_the_store_is_down_waits_too() {
    for since_the_last_probe in [Duration::ZERO, 9 * SECOND] {
        let (store, guard) = guarded();
        store.until_called(Operation::Status, 1).await;
        tokio::time::advance(since_the_last_probe).await;
        store.always_everywhere(&Fault::Unavailable);
        let my_key = name("my-key");
        let mut call = Box::pin(guard.get(&my_key));
        let found_out = async { until(&guard, Health::is_down).await };
        tokio::select! {
            answer = &mut call => panic!("a quick {answer:?}"),
            () = found_out => {}
        }
        tokio::select! {
            answer = &mut call => panic!("a quick {answer:?}"),
            () = tokio::time::sleep(3 * SECOND) => store.heal(),
        }
        assert!(call.await.is_ok());
        assert_eq!(store.calls(Operation::Get), 2, "one to find out, one that is answered");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_place_when_the_store_goes_down_waits_for_it_from_then_on() {
    let (store, guard) = bounded(|calls| {
        (calls.concurrency, calls.outage_wait, calls.attempt_timeout) = (1, SECOND, 2 * SECOND);
    });
    store.always_everywhere(&Fault::Hang);
    let my_key = name("my-key");
    let mut calls = [Box::pin(guard.get(&my_key)), Box::pin(guard.get(&my_key))];
    for call in &mut calls {
        assert!(waits(call).await);
    }
    let begin = Instant::now();
    let [_first, second] = calls;
    assert!(is_unavailable(&second.await));
    assert!((3 * SECOND..3 * SECOND + Duration::from_millis(5)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_is_not_down() {
    let (store, guard) = guarded();
    store.always_everywhere(&Fault::Delay(4 * SECOND));
    for _ in 0..10 {
        assert!(guard.get(&name("my-key")).await.is_ok());
        assert!(is_up(&health(&guard)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_slower_than_any_attempt_fails_in_time_and_piles_nothing_up() {
    let (store, guard) = guarded();
    store.always_everywhere(&Fault::Delay(20 * SECOND));
    let mut calls = JoinSet::new();
    let guard = Arc::new(guard);
    for _ in 0..500 {
        let guard = Arc::clone(&guard);
        calls.spawn(async move {
            let begin = Instant::now();
            let answer = guard.get(&name("my-key")).await;
            (is_unavailable(&answer), begin.elapsed())
        });
    }
    for (unavailable, time) in calls.join_all().await {
        assert!(unavailable && time <= DEADLINE + Duration::from_millis(5), "{time:?}");
    }
    assert!(store.most_running() <= 64, "{}", store.most_running());
}

#[tokio::test(start_paused = true)]
async fn closing_ends_those_who_wait_for_the_store() {
    let (store, guard) = in_outage(|_| {}).await;
    let my_key = name("my-key");
    let mut calls: Vec<_> = (0..100).map(|_| Box::pin(guard.get(&my_key))).collect();
    for call in &mut calls {
        assert!(waits(call).await);
    }
    let begin = Instant::now();
    guard.close().await;
    for call in calls {
        assert!(is_unavailable(&call.await));
    }
    assert_eq!(begin.elapsed(), Duration::ZERO);
    let probes = store.calls(Operation::Status);
    tokio::time::advance(100 * SECOND).await;
    tokio::task::yield_now().await;
    assert_eq!((store.calls(Operation::Status), store.running()), (probes, 0), "nobody probes any more");
}
