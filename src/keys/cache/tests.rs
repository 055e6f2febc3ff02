//! The cache under [`Keys`], over a store that counts its calls and a clock that the tests move.

use kes_core::caller::{Access, Admin};
use kes_core::{Caller, SecretBytes, SystemClock};
use kes_keystores::fault::{Fault, FaultyStore, Operation};
use tokio::task::JoinHandle;
use tokio::time::advance;

use super::super::Keys;
use super::*;

const SETTINGS: CacheSettings = CacheSettings {
    any: Duration::from_secs(300),
    unused: Duration::from_secs(30),
    offline: Duration::ZERO,
    max_keys: 100,
};

const SECOND: Duration = Duration::from_secs(1);

/// Keys over a store with faults.
#[derive(Clone)]
struct Fixture {
    store: Arc<FaultyStore>,
    keys: Arc<Keys>,
    caller: Caller,
}

/// What became of a get, without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Got {
    Key,
    Absent,
    Failure,
}

impl Fixture {
    fn new(settings: CacheSettings) -> Self {
        let store = FaultyStore::healthy();
        let keys = Arc::new(Keys::new(store.clone(), settings, Arc::new(SystemClock)));
        let access = Access::new(Admin::new("admin"), Vec::new()).expect("no policies");
        Self { store, keys, caller: access.server() }
    }

    /// With keys of these names, none of them cached.
    async fn with_keys(settings: CacheSettings, names: &[&str]) -> Self {
        let fixture = Self::new(settings);
        for text in names {
            fixture.create(text).await;
        }
        fixture
    }

    async fn create(&self, text: &str) {
        self.keys.create(&self.caller, &name(text)).await.expect("created");
    }

    async fn get(&self, text: &str) -> Got {
        match self.keys.get(&self.caller, &name(text)).await {
            Ok(_) => Got::Key,
            Err(KeyError::Absent) => Got::Absent,
            Err(_) => Got::Failure,
        }
    }

    /// A get in a task of its own, which has looked into the cache when this returns.
    async fn getting(&self, text: &'static str) -> JoinHandle<Got> {
        let fixture = self.clone();
        let task = tokio::spawn(async move { fixture.get(text).await });
        // The tests' runtime has one thread, on which the task goes as far as it can before it is this one's turn again.
        tokio::task::yield_now().await;
        task
    }

    async fn delete(&self, text: &str) -> Result<(), KeyError> {
        self.keys.delete(&self.caller, &name(text)).await
    }

    /// Another server deletes the key.
    async fn delete_elsewhere(&self, text: &str) {
        let deleted = self.store.delete(&name(text)).await.expect("deleted");
        assert_eq!(deleted, kes_keystores::Deleted::Gone);
    }

    /// How often the store was asked for a key.
    fn reads(&self) -> usize {
        self.store.calls(Operation::Get)
    }
}

fn name(text: &str) -> KeyName {
    text.parse().expect("a name")
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_cached_is_not_read_again_whatever_is_done_with_it() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    let (keys, caller, name) = (&fixture.keys, &fixture.caller, &name("a"));
    let nothing = SecretBytes::default();
    assert_eq!(fixture.reads(), 0, "a new key is not cached before it is used");
    for _ in 0..10 {
        assert_eq!(fixture.get("a").await, Got::Key);
        let sealed = keys.seal(caller, name, &nothing, &nothing).await.expect("sealed");
        keys.open(caller, name, SecretBytes::from(sealed), &nothing).await.expect("opened");
        keys.data_key(caller, name, &nothing).await.expect("a data key");
        keys.hmac(caller, name, &nothing).await.expect("a MAC");
    }
    assert_eq!(fixture.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_entry_lives_as_long_as_any_however_much_it_is_used() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    for _ in 0..30 {
        assert_eq!(fixture.get("a").await, Got::Key);
        advance(10 * SECOND).await;
    }
    assert_eq!(fixture.reads(), 1, "300 seconds less one step");
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 2, "300 seconds");
}

#[tokio::test(start_paused = true)]
async fn an_entry_lives_as_long_as_unused_from_its_last_use() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    for _ in 0..5 {
        assert_eq!(fixture.get("a").await, Got::Key);
        advance(30 * SECOND - Duration::from_millis(1)).await;
    }
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 1);
    advance(30 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 2);
}

/// Not all at once at a tick, as in the archived server.
#[tokio::test(start_paused = true)]
async fn entries_expire_each_for_itself() {
    let fixture = Fixture::with_keys(SETTINGS, &["a", "b"]).await;
    fixture.get("a").await;
    advance(20 * SECOND).await;
    fixture.get("b").await;
    advance(10 * SECOND).await;
    assert_eq!(fixture.get("b").await, Got::Key);
    assert_eq!(fixture.reads(), 2);
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 3);
}

#[tokio::test(start_paused = true)]
async fn neither_absence_nor_failure_is_cached() {
    let fixture = Fixture::new(SETTINGS);
    assert_eq!(fixture.get("a").await, Got::Absent);
    fixture.create("a").await;
    for fault in [Fault::Unavailable, Fault::Denied, Fault::Corrupt, Fault::Garbage(b"no key".to_vec()), Fault::Panic] {
        fixture.store.once(Operation::Get, fault.clone());
        assert_eq!(fixture.get("a").await, Got::Failure, "{fault:?}");
    }
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 7);
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 7);
}

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

#[tokio::test(start_paused = true)]
async fn a_delete_takes_the_key_out_of_the_cache() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.get("a").await;
    fixture.delete("a").await.expect("deleted");
    assert_eq!(fixture.get("a").await, Got::Absent);
}

/// The archived server went on with a key that another one had deleted (D-22).
#[tokio::test(start_paused = true)]
async fn a_delete_that_finds_nothing_takes_the_key_out_of_the_cache_too() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.get("a").await;
    fixture.delete_elsewhere("a").await;
    assert_eq!(fixture.get("a").await, Got::Key, "nobody could know");
    assert!(matches!(fixture.delete("a").await, Err(KeyError::Absent)));
    assert_eq!(fixture.get("a").await, Got::Absent);
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

#[tokio::test(start_paused = true)]
async fn of_too_many_keys_the_least_recently_used_goes() {
    let fixture = Fixture::with_keys(CacheSettings { max_keys: 2, ..SETTINGS }, &["a", "b", "c"]).await;
    for text in ["a", "b", "a", "c"] {
        assert_eq!(fixture.get(text).await, Got::Key);
        advance(Duration::from_millis(1)).await;
    }
    assert_eq!((fixture.keys.cache().len(), fixture.reads()), (2, 3));
    for (text, reads) in [("a", 3), ("c", 3), ("b", 4)] {
        assert_eq!(fixture.get(text).await, Got::Key);
        assert_eq!(fixture.reads(), reads, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_cache_stays_within_its_bound_too() {
    let settings = CacheSettings { max_keys: SHARDING_FROM, ..SETTINGS };
    let fixture = Fixture::with_keys(settings, &["a"]).await;
    let value = fixture.store.get(&name("a")).await.expect("read").expect("a key");
    fixture.store.always(Operation::Get, Fault::Garbage(value.expose().to_vec()));
    for number in 0..2 * SHARDING_FROM {
        assert_eq!(fixture.get(&format!("key-{number}")).await, Got::Key);
    }
    let kept = fixture.keys.cache().len();
    assert!(kept <= SHARDING_FROM && kept > SHARDING_FROM / 2, "{kept} keys");
}

#[tokio::test(start_paused = true)]
async fn a_cache_of_no_keys_keeps_none_and_still_shares_fetches() {
    let fixture = Fixture::with_keys(CacheSettings { max_keys: 0, ..SETTINGS }, &["a"]).await;
    for reads in 1..4 {
        assert_eq!(fixture.get("a").await, Got::Key);
        assert_eq!((fixture.reads(), fixture.keys.cache().len()), (reads, 0));
    }
    fixture.store.once(Operation::Get, Fault::Hang);
    let first = fixture.getting("a").await;
    fixture.store.until_called(Operation::Get, 4).await;
    let second = fixture.getting("a").await;
    fixture.store.release();
    assert_eq!((first.await.expect("no panic"), second.await.expect("no panic")), (Got::Key, Got::Key));
    assert_eq!(fixture.reads(), 4);
}

#[tokio::test(start_paused = true)]
async fn entries_expire_as_ever_while_the_store_is_offline_unless_said_otherwise() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.get("a").await;
    fixture.store.always_everywhere(&Fault::Unavailable);
    fixture.keys.cache().set_online(false);
    advance(29 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Key);
    advance(30 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Failure);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_offline_entries_live_on_from_the_moment_it_went() {
    let fixture = Fixture::with_keys(CacheSettings { offline: 600 * SECOND, ..SETTINGS }, &["a", "old"]).await;
    fixture.get("old").await;
    advance(10 * SECOND).await;
    fixture.get("a").await;
    advance(20 * SECOND).await;
    fixture.store.always_everywhere(&Fault::Unavailable);
    fixture.keys.cache().set_online(false);
    assert_eq!(fixture.get("old").await, Got::Failure, "it had expired before");
    for _ in 0..3 {
        advance(199 * SECOND).await;
        // Only the first moment counts.
        fixture.keys.cache().set_online(false);
        fixture.keys.cache().sweep();
        assert_eq!(fixture.get("a").await, Got::Key, "neither rule counts");
    }
    advance(3 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Failure, "600 seconds");
}

#[tokio::test(start_paused = true)]
async fn when_the_store_is_back_the_usual_rules_are_back() {
    let fixture = Fixture::with_keys(CacheSettings { offline: 600 * SECOND, ..SETTINGS }, &["a", "b"]).await;
    let cache = fixture.keys.cache();
    fixture.get("a").await;
    cache.set_online(false);
    advance(100 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Key);
    advance(100 * SECOND).await;
    cache.set_online(true);
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 2, "it had not been used for 100 seconds");
    // The next outage counts from its own beginning.
    cache.set_online(false);
    advance(599 * SECOND).await;
    assert_eq!(fixture.get("a").await, Got::Key);
    assert_eq!(fixture.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn sweeping_frees_what_has_expired_and_nothing_else() {
    let fixture = Fixture::with_keys(SETTINGS, &["a", "b"]).await;
    let cache = fixture.keys.cache();
    fixture.get("a").await;
    advance(20 * SECOND).await;
    fixture.get("b").await;
    cache.sweep();
    assert_eq!(cache.len(), 2);
    advance(10 * SECOND).await;
    assert_eq!(cache.len(), 2, "expired, and not swept");
    cache.sweep();
    assert_eq!(cache.len(), 1);
    assert!(cache.cached(&name("b")).is_some());
    advance(30 * SECOND).await;
    cache.sweep();
    assert!(cache.is_empty());
}

#[test]
fn sweeping_keeps_pace_with_the_shorter_rule() {
    let interval = |any, unused| {
        let settings = CacheSettings { any, unused, ..SETTINGS };
        Cache::new(Arc::new(kes_keystores::MemoryStore::new()), settings).sweep_interval()
    };
    assert_eq!(interval(300 * SECOND, 30 * SECOND), 15 * SECOND);
    assert_eq!(interval(4 * SECOND, 30 * SECOND), 2 * SECOND);
    assert_eq!(interval(3600 * SECOND, 3600 * SECOND), 15 * SECOND);
    assert_eq!(interval(Duration::from_nanos(1), SECOND), Duration::from_millis(10));
}
