//! Keys in memory, so that the store is asked once in a while and not for every request.
//!
//! An entry is gone when it is older than `any`, or was not used for `unused`. While the store is offline and
//! `offline` is set, entries that were good when it went live on for that long instead; then they are gone, and the
//! ordinary rules return. A store is offline from the beginning of the first call that fails to its first success, as its
//! guard tells; nobody knows of it before that call has failed. So a key whose time ends meanwhile is not used until then,
//! but kept; whoever waits for it gets it when the failure is known. Expiry is decided at lookup; [`Cache::sweep`] only
//! frees memory.
//!
//! One fetch of a name is under way at a time, in a task of its own: whoever waits for it shares its outcome, and
//! leaves at a deadline of its own without ending it for the others. A delete or create detaches the fetch that is in
//! the air: it answers those who waited before, and changes nothing any more (specification: `server-api.md` §14,
//! D-22, D-23).
//!
//! A key that is used in the last part of its life, `refresh_ahead`, is fetched again in the background, so that what is
//! always in use is always there. That takes nothing away unless it finds that the key is gone, and does not happen while
//! the store is down.
//!
//! An entry can be made *due*, by a reload or where nobody knows what became of a create: its next use fetches it again.
//! Until a fetch has succeeded it stays good by the rules above, so that a store which fails or hangs takes no key away
//! (decision 37).

mod entry;
mod flight;
mod table;
#[cfg(test)]
mod tests;

use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use kes_core::{Key, KeyName};
use kes_keystores::{Health, KeyStore, StoreError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use self::flight::Joined;
use self::table::Table;
use super::KeyError;

/// How long keys stay and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// The longest that an entry lives.
    pub any: Duration,
    /// The longest that an entry lives without being used.
    pub unused: Duration,
    /// How long entries live on from the moment that the store went offline; zero: the other two go on to count.
    pub offline: Duration,
    /// The longest that a call to the store goes on before it is known to have failed. Where `offline` is set, an entry is
    /// kept for that long beyond its end: the store may turn out to have been offline before.
    pub call_limit: Duration,
    /// How long before `any` ends the use of an entry has it fetched again. Each entry takes between half of this and all
    /// of it. Zero: not before the end.
    pub refresh_ahead: Duration,
    /// Most entries; beyond it the least recently used one goes. Zero: nothing is kept.
    pub max_keys: usize,
}

/// How long whoever has a key that is only due waits for the store, from the beginning of the fetch on. Most stores have
/// answered by then; one that hangs is not known to be down before its deadlines have passed.
const DUE_PATIENCE: Duration = Duration::from_secs(1);

/// See the module's text. Clones are the same cache.
#[derive(Clone, Debug)]
pub struct Cache {
    table: Arc<Table>,
    /// Follows the store's health, and ends with the last clone.
    _following: Arc<JoinSet<()>>,
    /// The cache that has taken the place of this one.
    successor: Arc<OnceLock<Cache>>,
}

impl Cache {
    /// An empty cache over `store`, whose [health](KeyStore::health) it follows if somebody looks after that; then it has to
    /// be made on a tokio runtime.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, settings: CacheSettings) -> Self {
        let table = Arc::new(Table::new(store, settings));
        let mut following = JoinSet::new();
        if let Some(health) = table.store.health() {
            following.spawn(follow(Arc::downgrade(&table), health));
        }
        Self { table, _following: Arc::new(following), successor: Arc::default() }
    }

    /// The key, if it is cached and need not be fetched first. Marks it as used, and may have it fetched again beside that,
    /// so that it has to be called on a tokio runtime.
    #[must_use]
    pub fn cached(&self, name: &KeyName) -> Option<Arc<Key>> {
        let (key, refresh) = self.table.cached(name)?;
        if refresh {
            self.table.refresh(name);
        }
        Some(key)
    }

    /// The key from the store, or `None` if there is no such key. Joins a fetch that is under way. If it fails, or takes
    /// longer than a second, a cached key that was only due is the answer. So is, when the store turns out to be offline,
    /// one that had not ended when it went.
    ///
    /// # Errors
    /// The store failed, or the entry is no key.
    pub async fn fetch(&self, name: &KeyName) -> Result<Option<Arc<Key>>, KeyError> {
        let (mut outcome, began) = match self.table.join_or_start(name) {
            Joined::Cached(key) => return Ok(Some(key)),
            Joined::Flight(outcome, began) => (outcome, began),
        };
        let ended = tokio::select! {
            biased;
            ended = outcome.wait_for(Option::is_some) => ended.ok().and_then(|outcome| (*outcome).clone()),
            cached = self.living_meanwhile(name, began) => {
                tracing::debug!("key `{name}` is used as it was cached: the key store is slow, or fails");
                return Ok(Some(cached));
            }
        };
        let fetched = ended.unwrap_or_else(|| {
            Err(StoreError::Unavailable(format!("the fetch of key `{name}` ended without an outcome")).into())
        });
        fetched.or_else(|error| {
            // The failure of this very fetch may be what shows that the store is offline.
            self.table.heed_health();
            let cached = self.table.living(name).ok_or_else(|| error.clone())?;
            tracing::debug!("key `{name}` is used as it was cached: {error}");
            Ok(Some(cached))
        })
    }

    /// The key as it is cached, when a fetch that began at that moment is late or the store known to fail, if it can be used
    /// then; never, if it cannot.
    async fn living_meanwhile(&self, name: &KeyName, began: Instant) -> Arc<Key> {
        let mut failing = pin!(self.table.until_failing());
        let late = timeout_at(began + DUE_PATIENCE, &mut failing).await.is_err();
        if let Some(key) = self.table.living(name) {
            return key;
        }
        if late {
            failing.await;
            if let Some(key) = self.table.living(name) {
                return key;
            }
        }
        pending().await
    }

    /// Tells `successor` of every change from now on. It takes the place of this cache, and its store may well be the same
    /// by another name; changes that began here end here, when the key may long be cached there. Happens once.
    pub fn hand_over(&self, successor: &Self) {
        let first = self.successor.set(successor.clone());
        debug_assert!(first.is_ok(), "a cache is replaced once");
    }

    /// This cache, and those after it.
    fn line(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |cache| cache.successor.get())
    }

    /// Forgets a key that was deleted, and sees to it that no fetch in the air brings it back.
    pub fn evict(&self, name: &KeyName) {
        for cache in self.line() {
            let mut shard = cache.table.write(name);
            shard.entries.remove(name);
            shard.flights.remove(name);
        }
    }

    /// Lets whoever asks from now on start a fetch of its own.
    pub fn detach_flight(&self, name: &KeyName) {
        for cache in self.line() {
            cache.table.write(name).flights.remove(name);
        }
    }

    /// Has whoever asks from now on look into the store first, with a fetch that begins after this.
    pub fn make_due(&self, name: &KeyName) {
        for cache in self.line() {
            let mut shard = cache.table.write(name);
            shard.flights.remove(name);
            if let Some(entry) = shard.entries.get_mut(name) {
                entry.due = true;
            }
        }
    }

    /// The same for all names.
    pub fn make_all_due(&self) {
        for mut shard in self.table.all() {
            shard.flights.clear();
            shard.entries.values_mut().for_each(|entry| entry.due = true);
        }
    }

    /// Goes on with other settings. Keys that are too many for them go, the least recently used ones first; the bound is
    /// exact for a cache that was made for fewer than 4096 keys, and rounded up to a multiple of 16 for others.
    pub fn configure(&self, settings: CacheSettings) {
        self.table.configure(settings);
    }

    /// Ends when nobody uses this cache any more, fetches under way included.
    pub fn unused(&self) -> impl Future<Output = ()> + use<> {
        self.table.unused()
    }

    /// Says whether the store answers, where nobody looks after its health. The moment of the first `false` is when it
    /// went offline.
    pub fn set_online(&self, online: bool) {
        self.table.set_offline((!online).then(Instant::now), !online);
    }

    /// Frees what has expired.
    pub fn sweep(&self) {
        self.table.sweep();
    }

    /// How often [`Cache::sweep`] should run.
    #[must_use]
    pub fn sweep_interval(&self) -> Duration {
        let settings = self.table.settings();
        let shortest = settings.any.min(settings.unused) / 2;
        shortest.clamp(Duration::from_millis(10), Duration::from_secs(15))
    }

    /// How many entries there are, expired ones that were not swept included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Goes offline and online with the store, until the cache or the store's guard is gone.
async fn follow(cache: Weak<Table>, mut health: watch::Receiver<Health>) {
    loop {
        let Some(table) = cache.upgrade() else { return };
        table.heed(&health.borrow_and_update());
        drop(table);
        if health.changed().await.is_err() {
            return;
        }
    }
}
