//! Stores that fail, and migrations that are told to stop.

use kes_config::keystore::StoreCalls;

use super::*;
use crate::Guard;

fn numbered(count: u32) -> Vec<(String, &'static str)> {
    (0..count).map(|number| (format!("k{number}"), "x")).collect()
}

async fn store_of(count: u32) -> Arc<FaultyStore> {
    let entries = numbered(count);
    store(&entries.iter().map(|(name, value)| (name.as_str(), *value)).collect::<Vec<_>>()).await
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_lost_lose_no_key_and_copy_none_twice() {
    let (from, to) = (store_of(3).await, store(&[]).await);
    to.once(Operation::Create, Fault::LostAnswer);
    to.once(Operation::Get, Fault::LostAnswer);
    from.once(Operation::List, Fault::Unavailable);
    let guarded = |store: &Arc<FaultyStore>| Arc::new(Guard::new(store.clone(), StoreCalls::default()));
    let report = run(&Migration { from: guarded(&from), to: guarded(&to), ..migration(&from, &to) }).await;
    assert_eq!((counts(&report), report.is_success()), ([3, 0, 0, 0, 0], true));
    assert_eq!(content(&to).await, content(&from).await);
}

#[tokio::test]
async fn an_entry_that_fails_does_not_keep_the_others() {
    for (operation, fault) in [
        (Operation::Create, Fault::Denied),
        (Operation::Create, Fault::LostAnswer),
        (Operation::Get, Fault::Corrupt),
        (Operation::Get, Fault::Garbage(b"damaged".to_vec())),
    ] {
        let (from, to) = (store_of(3).await, store(&[]).await);
        to.once(operation, fault.clone());
        let report = run(&migration(&from, &to)).await;
        assert_eq!((counts(&report), report.is_success()), ([2, 0, 0, 0, 1], false), "{fault:?}");
        let report = run(&migration(&from, &to)).await;
        assert!(report.is_success(), "{fault:?}: {report:?}");
    }
    let (from, to) = (store_of(3).await, store(&[]).await);
    from.once(Operation::Get, Fault::Corrupt);
    let report = run(&migration(&from, &to)).await;
    assert_eq!(counts(&report), [2, 0, 0, 0, 1]);
    assert!(report.failed.entries[0].reason.starts_with("at the source: "), "{report:?}");
}

#[tokio::test]
async fn a_store_that_is_gone_ends_it() {
    for (from, to) in [(store_of(50).await, FaultyStore::unavailable()), (store_of(50).await, store(&[]).await)] {
        from.always(Operation::Get, Fault::Unavailable);
        let report = run(&migration(&from, &to)).await;
        let End::StoreFailed(reason) = &report.end else { panic!("{report:?}") };
        assert!(reason.starts_with("at the source: key store unavailable"), "{reason}");
        assert_eq!(report.failed.count, u64::from(MAX_OUTAGES));
        from.always(Operation::List, Fault::Denied);
        let report = run(&migration(&from, &to)).await;
        assert_eq!(
            report.end,
            End::StoreFailed("the source cannot be listed: key store refused: fault: denied".into())
        );
    }
}

#[tokio::test]
async fn failures_for_other_reasons_do_not_end_it() {
    let (from, to) = (store_of(50).await, store(&[]).await);
    to.always(Operation::Create, Fault::Denied);
    let report = run(&migration(&from, &to)).await;
    assert_eq!((counts(&report), &report.end), ([0, 0, 0, 0, 50], &End::Complete));
}

#[tokio::test]
async fn a_stop_brings_what_has_begun_to_its_end() {
    let (from, to) = (store_of(50).await, store(&[]).await);
    to.always(Operation::Create, Fault::HangingAnswer);
    let stop = watch::Sender::new(false);
    let migration = Migration { concurrency: 4, ..migration(&from, &to) };
    let progress = watch::Sender::default();
    let (report, ()) = tokio::join!(migration.run(stop.subscribe(), &progress), async {
        to.until_called(Operation::Create, 4).await;
        stop.send_replace(true);
        to.heal();
        to.release();
    });
    assert_eq!((counts(&report), &report.end), ([4, 0, 0, 0, 0], &End::Stopped));
    let report = run(&migration).await;
    assert_eq!((counts(&report), &report.end), ([46, 4, 0, 0, 0], &End::Complete));
    stop.send_replace(true);
    assert_eq!(migration.run(stop.subscribe(), &progress).await.end, End::Stopped);
}

#[tokio::test]
async fn keys_that_come_to_the_source_meanwhile_are_told() {
    let (from, to) = (store_of(2).await, store(&[]).await);
    to.once(Operation::Create, Fault::Hang);
    let migration = migration(&from, &to);
    let (report, ()) = tokio::join!(run(&migration), async {
        to.until_called(Operation::Create, 1).await;
        put(&*from, "new", "x").await;
        put(&*from, "newer", "x").await;
        to.release();
    });
    assert_eq!((report.end.clone(), report.is_success()), (End::Grown(2), false));
    assert_eq!(counts(&run(&migration).await), [2, 2, 0, 0, 0]);
}

#[tokio::test]
async fn a_key_that_goes_from_the_source_meanwhile_is_no_failure() {
    let (from, to) = (store_of(2).await, store(&[]).await);
    to.once(Operation::Create, Fault::Hang);
    let migration = migration(&from, &to);
    let (report, ()) = tokio::join!(run(&migration), async {
        to.until_called(Operation::Create, 1).await;
        let _ = from.delete(&name("k1")).await.expect("delete");
        to.release();
    });
    assert_eq!((counts(&report), report.is_success()), ([1, 0, 1, 0, 0], true));
}
