//! The status, which is asked beside everything else.

use super::*;

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
async fn status_keeps_the_class_of_the_failure_and_is_asked_once() {
    let (store, guard) = guarded();
    store.once(Operation::Status, Fault::Unavailable);
    assert!(is_unavailable(&guard.status().await));
    store.once(Operation::Status, Fault::Denied);
    assert!(matches!(guard.status().await, Err(StoreError::Denied(_))));
    store.once(Operation::Status, Fault::Panic);
    assert!(is_unavailable(&guard.status().await));
    assert!(guard.status().await.is_ok());
    assert_eq!(store.calls(Operation::Status), 4);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_hangs_ends_in_time_and_does_not_pile_up() {
    let (store, guard) = guarded();
    store.once(Operation::Status, Fault::Hang);
    for _ in 0..3 {
        let begin = Instant::now();
        let (one, other) = tokio::join!(guard.status(), guard.status());
        assert!(is_unavailable(&one) && is_unavailable(&other));
        assert!((ATTEMPT..=ATTEMPT + Duration::from_millis(1)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    }
    assert_eq!(store.calls(Operation::Status), 1);
    store.release();
    store.until_idle().await;
    tokio::task::yield_now().await;
    assert!(guard.status().await.is_ok());
    assert_eq!(store.calls(Operation::Status), 2, "an old answer is not given again");
}
