//! The cache under [`Keys`], over a store that counts its calls and a clock that the tests move.

use kes_core::caller::{Access, Admin};
use kes_core::{Caller, SecretBytes, SystemClock};
use kes_keystores::fault::{Fault, FaultyStore, Operation};
use tokio::task::JoinHandle;
use tokio::time::{advance, timeout};

use super::super::Keys;
use kes_core::key::stored;

use super::table::SHARDING_FROM;
use super::*;

mod due;
mod expiry;
mod flights;
mod outages;
mod refresh;

const SETTINGS: CacheSettings = CacheSettings {
    any: Duration::from_secs(300),
    unused: Duration::from_secs(30),
    offline: Duration::ZERO,
    call_limit: Duration::from_secs(10),
    refresh_ahead: Duration::ZERO,
    max_keys: 100,
};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

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
        // The clock jumps when nothing else can happen: who waits for nobody fails instead of waiting for ever.
        let got = timeout(DAY, self.keys.get(&self.caller, &name(text))).await;
        match got.expect("an answer, some day") {
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

#[tokio::test(start_paused = true)]
async fn a_delete_takes_the_key_out_of_the_cache() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    fixture.get("a").await;
    fixture.delete("a").await.expect("deleted");
    assert_eq!(fixture.get("a").await, Got::Absent);
}

/// Otherwise data would be sealed under a key that is stored nowhere any more.
#[tokio::test(start_paused = true)]
async fn a_create_takes_a_key_that_another_server_deleted_out_of_the_cache() {
    let fixture = Fixture::with_keys(SETTINGS, &["a"]).await;
    let nothing = SecretBytes::default();
    fixture.get("a").await;
    fixture.delete_elsewhere("a").await;
    fixture.create("a").await;
    let sealed = fixture.keys.seal(&fixture.caller, &name("a"), &nothing, &nothing).await.expect("sealed");
    fixture.keys.cache().evict(&name("a"));
    fixture.keys.open(&fixture.caller, &name("a"), sealed.into(), &nothing).await.expect("opens with what is stored");
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
