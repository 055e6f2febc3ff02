//! What takes a store down, and what brings it back.

use super::*;

/// A guard whose probes come only when something fails, and then hang; so that calls alone decide.
async fn without_probes(breaker_failures: u32) -> (Arc<FaultyStore>, Guard) {
    let (store, guard) = bounded(|calls| {
        (calls.breaker_failures, calls.retries) = (breaker_failures, 0);
        (calls.probe_interval, calls.attempt_timeout) = (NEVER, NEVER);
    });
    store.until_called(Operation::Status, 1).await;
    store.always(Operation::Status, Fault::Hang);
    (store, guard)
}

async fn fail(store: &FaultyStore, guard: &Guard, fault: Fault) {
    store.once(Operation::Get, fault);
    assert!(guard.get(&name("my-key")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_store_of_which_nothing_is_known_is_up_and_probed_at_once() {
    let (store, guard) = guarded();
    assert!(is_up(&health(&guard)));
    let begin = Instant::now();
    store.until_called(Operation::Status, 1).await;
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_take_the_store_down() {
    let (store, guard) = without_probes(3).await;
    for _ in 0..2 {
        fail(&store, &guard, Fault::Unavailable).await;
        assert!(matches!(health(&guard), Health::Failing(_)));
    }
    fail(&store, &guard, Fault::Unavailable).await;
    assert!(health(&guard).is_down());
}

#[tokio::test(start_paused = true)]
async fn any_answer_ends_the_row_and_only_a_success_the_outage() {
    let (store, guard) = without_probes(2).await;
    for _ in 0..3 {
        fail(&store, &guard, Fault::Unavailable).await;
        fail(&store, &guard, Fault::Denied).await;
        assert!(matches!(health(&guard), Health::Failing(_)));
    }
    fail(&store, &guard, Fault::Corrupt).await;
    assert!(is_up(&health(&guard)), "the store works, whatever that entry is");
    fail(&store, &guard, Fault::Unavailable).await;
    assert!(guard.get(&name("my-key")).await.is_ok());
    assert!(is_up(&health(&guard)));
}

#[tokio::test(start_paused = true)]
async fn a_busy_store_and_a_lost_answer_are_failures_too() {
    let (store, guard) = without_probes(2).await;
    fail(&store, &guard, Fault::Busy(SECOND)).await;
    fail(&store, &guard, Fault::Panic).await;
    let Health::Down(outage) = health(&guard) else { panic!("{:?}", health(&guard)) };
    assert!(outage.error().to_string().contains("panicked"), "{}", outage.error());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_a_failure_although_its_caller_has_gone() {
    let (store, guard) = bounded(|calls| calls.breaker_failures = 1);
    store.until_called(Operation::Status, 1).await;
    store.always_everywhere(&Fault::Hang);
    let my_key = name("my-key");
    let mut call = Box::pin(guard.get(&my_key));
    assert!(waits(&mut call).await);
    drop(call);
    let begin = Instant::now();
    until(&guard, Health::is_down).await;
    assert!((ATTEMPT..=ATTEMPT + Duration::from_millis(1)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_failed_probe_takes_the_store_down_and_one_that_succeeds_brings_it_back() {
    let (store, guard) = guarded();
    for fault in [Fault::Unavailable, Fault::Hang, Fault::Panic, Fault::Busy(SECOND)] {
        store.always(Operation::Status, fault);
        until(&guard, Health::is_down).await;
        assert!(matches!(health(&guard).outage().expect("down").error(), StoreError::Unavailable(_)));
        store.heal();
        until(&guard, is_up).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_its_probe_is_failing_and_its_calls_go_on() {
    for fault in [Fault::Denied, Fault::Corrupt] {
        let (store, guard) = guarded();
        store.always(Operation::Status, fault);
        until(&guard, |health| matches!(health, Health::Failing(_))).await;
        assert!(!matches!(health(&guard).outage().expect("failing").error(), StoreError::Unavailable(_)));
        let begin = Instant::now();
        assert!(guard.get(&name("my-key")).await.is_ok());
        assert_eq!(begin.elapsed(), Duration::ZERO);
        assert!(is_up(&health(&guard)), "the first success of anything counts");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_and_refuses_is_not_down() {
    let (store, guard) = in_outage(|_| {}).await;
    store.always(Operation::Status, Fault::Denied);
    until(&guard, |health| matches!(health, Health::Failing(_))).await;
    store.heal();
    assert!(guard.get(&name("my-key")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_outage_began_with_its_first_failure() {
    let (store, guard) = bounded(|calls| calls.retries = 0);
    store.until_called(Operation::Status, 1).await;
    tokio::time::advance(3 * SECOND).await;
    store.always_everywhere(&Fault::Unavailable);
    let begin = Instant::now();
    assert!(is_unavailable(&guard.get(&name("my-key")).await));
    until(&guard, Health::is_down).await;
    store.until_called(Operation::Status, 10).await;
    assert!(begin.elapsed() > 5 * SECOND);
    assert_eq!(health(&guard).outage().expect("down").since(), begin);
}

#[tokio::test(start_paused = true)]
async fn an_outage_began_when_the_call_did_that_was_the_first_to_fail() {
    let (store, guard) = bounded(|calls| calls.retries = 0);
    store.until_called(Operation::Status, 1).await;
    tokio::time::advance(3 * SECOND).await;
    let begin = Instant::now();
    store.always_everywhere(&Fault::Hang);
    assert!(is_unavailable(&guard.get(&name("my-key")).await));
    assert!(begin.elapsed() >= ATTEMPT);
    assert_eq!(health(&guard).outage().expect("failing").since(), begin);
}

#[tokio::test(start_paused = true)]
async fn an_outage_did_not_begin_before_the_last_answer_although_that_was_a_refusal() {
    for answer in [None, Some(Fault::Denied)] {
        let (store, guard) = without_probes(5).await;
        let my_key = name("my-key");
        store.once(Operation::Create, Fault::Hang);
        let value = value("a");
        let mut hanging = Box::pin(guard.create(&my_key, &value));
        assert!(waits(&mut hanging).await);
        store.until_called(Operation::Create, 1).await;
        tokio::time::advance(3 * SECOND).await;
        match answer {
            Some(fault) => fail(&store, &guard, fault).await,
            None => assert!(guard.get(&my_key).await.is_ok()),
        }
        let answered = Instant::now();
        assert!(is_unavailable(&hanging.await));
        assert_eq!(health(&guard).outage().expect("failing").since(), answered);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_under_way_and_succeeds_ends_the_outage() {
    let (store, guard) = guarded();
    store.once(Operation::Get, Fault::Hang);
    let my_key = name("my-key");
    let mut call = Box::pin(guard.get(&my_key));
    assert!(waits(&mut call).await);
    store.until_called(Operation::Get, 1).await;
    store.always(Operation::Status, Fault::Unavailable);
    until(&guard, Health::is_down).await;
    store.release();
    assert!(call.await.is_ok());
    assert!(is_up(&health(&guard)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_too_late_for_its_caller_ends_the_outage_too() {
    let (store, guard) = bounded(|calls| (calls.breaker_failures, calls.retries) = (1, 0));
    store.until_called(Operation::Status, 1).await;
    store.always_everywhere(&Fault::Hang);
    assert!(is_unavailable(&guard.get(&name("my-key")).await));
    assert!(health(&guard).is_down());
    store.release();
    until(&guard, is_up).await;
}

#[tokio::test(start_paused = true)]
async fn a_flapping_store_is_followed() {
    let (store, guard) = guarded();
    for _ in 0..20 {
        store.always_everywhere(&Fault::Unavailable);
        until(&guard, Health::is_down).await;
        store.heal();
        assert!(guard.get(&name("my-key")).await.is_ok());
        assert!(is_up(&health(&guard)));
    }
}
