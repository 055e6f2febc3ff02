//! What a store that comes back meets: all who waited, in their order, and no more at once than it can bear.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::*;

#[tokio::test(start_paused = true)]
async fn whoever_waited_longest_is_first_and_the_bound_holds() {
    for concurrency in [1, 3] {
        let (store, guard) = in_outage(|calls| calls.concurrency = concurrency).await;
        let my_key = name("my-key");
        let guard = &guard;
        let mut calls: FuturesUnordered<_> = (0..50)
            .map(|number| {
                let my_key = &my_key;
                async move { (number, guard.get(my_key).await.is_ok()) }
            })
            .collect();
        store.heal();
        store.always(Operation::Get, Fault::Delay(Duration::from_millis(10)));
        let mut order = Vec::new();
        while let Some((number, answered)) = calls.next().await {
            assert!(answered);
            order.push(number);
        }
        assert_eq!(store.most_running(), concurrency);
        // Of those at the store at once any may be answered first.
        for (place, number) in order.into_iter().enumerate() {
            assert!(place.abs_diff(number) < concurrency, "number {number} was answered as number {place}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_wait_without_a_task_each_and_one_more_is_turned_away() {
    let (store, guard) = in_outage(|_| {}).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let my_key = name("my-key");
    let before = tasks();
    let mut calls: Vec<_> = (0..10_000).map(|_| Box::pin(guard.get(&my_key))).collect();
    for call in &mut calls {
        assert!(waits(call).await);
    }
    assert!(tasks() <= before + 2, "{} tasks", tasks());
    assert!(matches!(guard.get(&my_key).await, Err(StoreError::Overloaded)));
    store.heal();
    for answer in futures_util::future::join_all(calls).await {
        assert!(answer.is_ok());
    }
    assert!(store.most_running() <= 64, "{}", store.most_running());
    assert_eq!(store.calls(Operation::Get), 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_goes_down_again_is_left_alone_again() {
    let (store, guard) = in_outage(|calls| (calls.concurrency, calls.retries) = (4, 0)).await;
    let my_key = name("my-key");
    store.once(Operation::Status, Fault::Delay(Duration::ZERO));
    let calls = (0..100).map(|_| guard.get(&my_key));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(is_unavailable));
    // The breaker's five, and those that were under way beside them.
    assert!(store.calls(Operation::Get) <= 5 + 4, "{}", store.calls(Operation::Get));
}

/// Answers are lost, calls fail, hang and are late, while the store goes up and down. What was acknowledged is there, as
/// it was given; what was refused may be.
#[tokio::test(start_paused = true)]
async fn nothing_that_was_acknowledged_is_lost() {
    const FAULTS: [Fault; 6] = [
        Fault::LostAnswer,
        Fault::Unavailable,
        Fault::Delay(Duration::from_millis(1500)),
        Fault::Delay(Duration::from_secs(7)),
        Fault::Panic,
        Fault::Busy(Duration::from_millis(300)),
    ];
    let mut random = fastrand::Rng::with_seed(7);
    let (store, guard) = bounded(|calls| calls.concurrency = 8);
    let guard = Arc::new(guard);
    let mut creates = JoinSet::new();
    for round in 0..30 {
        for number in 0..20 {
            let guard = Arc::clone(&guard);
            let text = format!("key-{round}-{number}");
            creates.spawn(async move {
                let created = guard.create(&name(&text), &value(&text)).await;
                (text, created)
            });
        }
        let down = random.bool();
        for _ in 0..random.usize(0..10) {
            store.once(Operation::Create, FAULTS[random.usize(..FAULTS.len())].clone());
        }
        if down {
            store.always_everywhere(&Fault::Unavailable);
        }
        tokio::time::sleep(Duration::from_millis(random.u64(0..4000))).await;
        store.heal();
        tokio::time::sleep(Duration::from_millis(random.u64(0..3000))).await;
    }
    let mut acknowledged = 0;
    for (text, created) in creates.join_all().await {
        let stored = store.get(&name(&text)).await.expect("the store is healthy").map(|value| value.expose().to_vec());
        match created {
            Ok(Created::New) => {
                acknowledged += 1;
                assert_eq!(stored.as_deref(), Some(text.as_bytes()), "{text}");
            }
            Ok(Created::NameTaken) => panic!("nobody else creates `{text}`"),
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{text}: {error}"),
        }
    }
    assert!(acknowledged > 300, "{acknowledged} of 600 were acknowledged");
}
