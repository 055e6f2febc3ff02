//! What the cache keeps and forgets, over a store that fails and hangs on demand.

use std::time::Duration;

use kes_core::SystemClock;
use kes_core::caller::{Access, Admin};
use kes_keystores::fault::{Fault, FaultyStore, Operation};
use tokio::time::advance;

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

const SETTINGS: CacheSettings = CacheSettings {
    any: Duration::from_mins(5),
    unused: Duration::from_mins(5),
    offline: Duration::ZERO,
    call_limit: Duration::from_secs(10),
    refresh_ahead: Duration::ZERO,
    max_keys: 10,
};

fn name() -> KeyName {
    "my-key".parse().expect("a name")
}

fn caller() -> Caller {
    Access::new(Admin::new("root"), Vec::new()).expect("a consistent configuration").server()
}

/// Keys of `store`, with one of them cached.
async fn cached(store: &Arc<FaultyStore>, settings: CacheSettings) -> Arc<Keys> {
    let keys = Arc::new(Keys::new(store.clone(), settings, Arc::new(SystemClock)));
    keys.create(&caller(), &name()).await.expect("created");
    keys.get(&caller(), &name()).await.expect("there");
    keys
}

#[tokio::test]
async fn a_delete_whose_caller_leaves_takes_the_key_out_of_the_cache_too() {
    let store = FaultyStore::healthy();
    let keys = cached(&store, SETTINGS).await;
    store.always(Operation::Delete, Fault::Hang);
    let deleting = tokio::spawn({
        let keys = Arc::clone(&keys);
        async move { keys.delete(&caller(), &name()).await }
    });
    store.until_called(Operation::Delete, 1).await;
    deleting.abort();
    assert!(deleting.await.expect_err("its caller has gone").is_cancelled());
    assert!(keys.cache().cached(&name()).is_some(), "the store has not answered yet");
    store.release();
    store.until_idle().await;
    assert!(keys.cache().cached(&name()).is_none());
    assert!(matches!(keys.get(&caller(), &name()).await, Err(KeyError::Absent)));
}

#[tokio::test]
async fn a_delete_that_failed_leaves_the_key_in_the_cache() {
    let store = FaultyStore::healthy();
    let keys = cached(&store, SETTINGS).await;
    for fault in [Fault::Unavailable, Fault::Denied, Fault::Panic] {
        store.once(Operation::Delete, fault);
        assert!(matches!(keys.delete(&caller(), &name()).await, Err(KeyError::Store(_))));
        assert!(keys.cache().cached(&name()).is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_offline_keys_live_until_the_offline_time_ends() {
    let keys = cached(&FaultyStore::healthy(), CacheSettings { offline: 30 * MINUTE, ..SETTINGS }).await;
    advance(4 * MINUTE).await;
    keys.cache().set_online(false);
    advance(29 * MINUTE).await;
    keys.cache().set_online(false);
    assert!(keys.cache().cached(&name()).is_some(), "29 minutes of 30");
    advance(MINUTE).await;
    assert!(keys.cache().cached(&name()).is_none(), "30 minutes of 30");
}

/// A store whose status fails for good, and which gives keys all the same, must not be asked for every request.
#[tokio::test(start_paused = true)]
async fn after_the_offline_time_the_ordinary_rules_return() {
    let store = FaultyStore::healthy();
    let keys = cached(&store, CacheSettings { offline: MINUTE, ..SETTINGS }).await;
    keys.cache().set_online(false);
    advance(MINUTE).await;
    assert!(keys.cache().cached(&name()).is_none(), "it was cached before the end");
    keys.get(&caller(), &name()).await.expect("there");
    advance(4 * MINUTE).await;
    assert!(keys.cache().cached(&name()).is_some(), "4 minutes of 5");
    advance(MINUTE).await;
    assert!(keys.cache().cached(&name()).is_none(), "5 minutes of 5");
}

#[tokio::test(start_paused = true)]
async fn what_had_expired_before_the_outage_stays_expired_during_it() {
    let keys = cached(&FaultyStore::healthy(), CacheSettings { offline: 30 * MINUTE, ..SETTINGS }).await;
    advance(5 * MINUTE).await;
    keys.cache().set_online(false);
    assert!(keys.cache().cached(&name()).is_none());
}
