//! Keys in memory, so that the store is asked once in a while and not for every request.
//!
//! An entry is gone when it is older than `any`, or was not used for `unused`. While the store is offline and
//! `offline` is set, entries that were good when it went live on for that long instead; then they are gone, and the
//! ordinary rules return. Expiry is decided at lookup; [`Cache::sweep`] only frees memory.
//!
//! One fetch of a name is under way at a time, in a task of its own: whoever waits for it shares its outcome, and
//! leaves at a deadline of its own without ending it for the others. A delete or create detaches the fetch that is in
//! the air: it answers those who waited before, and changes nothing any more (specification: `server-api.md` §14,
//! D-22, D-23).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use kes_core::key::stored;
use kes_core::{Key, KeyName};
use kes_keystores::{KeyStore, StoreError};
use tokio::sync::watch;
use tokio::time::Instant;

use super::KeyError;

#[cfg(test)]
mod tests;

/// How long keys stay and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// The longest that an entry lives.
    pub any: Duration,
    /// The longest that an entry lives without being used.
    pub unused: Duration,
    /// How long entries live on from the moment that the store went offline; zero: the other two go on to count.
    pub offline: Duration,
    /// Most entries; beyond it the least recently used one goes. Zero: nothing is kept.
    pub max_keys: usize,
}

/// Below this many keys one shard is enough, and the bound is exact.
const SHARDING_FROM: usize = 4096;
const SHARDS: usize = 16;

type Outcome = Result<Option<Arc<Key>>, KeyError>;

/// See the module's text. Clones are the same cache.
#[derive(Clone, Debug)]
pub struct Cache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn KeyStore>,
    settings: CacheSettings,
    hasher: RandomState,
    shards: Vec<RwLock<Shard>>,
    /// All times are kept as milliseconds since this.
    epoch: Instant,
    /// When the store went offline, plus one; zero while it is online.
    offline_since: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<KeyName, Entry>,
    flights: HashMap<KeyName, Flight>,
}

#[derive(Debug)]
struct Entry {
    key: Arc<Key>,
    inserted: u64,
    used: AtomicU64,
}

/// A fetch under way. The receiver is also what tells one flight from another.
#[derive(Debug)]
struct Flight {
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Cache {
    /// An empty cache over `store`.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, settings: CacheSettings) -> Self {
        let shards = if settings.max_keys < SHARDING_FROM { 1 } else { SHARDS };
        let inner = Inner {
            store,
            settings,
            hasher: RandomState::new(),
            shards: (0..shards).map(|_| RwLock::default()).collect(),
            epoch: Instant::now(),
            offline_since: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The key, if it is cached. Marks it as used.
    #[must_use]
    pub fn cached(&self, name: &KeyName) -> Option<Arc<Key>> {
        self.inner.cached(name)
    }

    /// The key from the store, or `None` if there is no such key. Joins a fetch that is under way.
    ///
    /// # Errors
    /// The store failed, or the entry is no key.
    pub async fn fetch(&self, name: &KeyName) -> Result<Option<Arc<Key>>, KeyError> {
        let mut outcome = match self.inner.join_or_start(name) {
            Joined::Cached(key) => return Ok(Some(key)),
            Joined::Flight(outcome) => outcome,
        };
        let ended = outcome.wait_for(Option::is_some).await.map(|outcome| (*outcome).clone());
        ended.ok().flatten().unwrap_or_else(|| {
            Err(StoreError::Unavailable(format!("the fetch of key `{name}` ended without an outcome")).into())
        })
    }

    /// Forgets a key that was deleted, and sees to it that no fetch in the air brings it back.
    pub fn evict(&self, name: &KeyName) {
        let mut shard = self.inner.write(name);
        shard.entries.remove(name);
        shard.flights.remove(name);
    }

    /// Lets whoever asks from now on start a fetch of its own.
    pub fn detach_flight(&self, name: &KeyName) {
        self.inner.write(name).flights.remove(name);
    }

    /// Says whether the store answers. The moment of the first `false` is when it went offline.
    pub fn set_online(&self, online: bool) {
        let since = if online { 0 } else { self.inner.now() + 1 };
        // Only the first failure counts; later ones find a moment that stands.
        let _ = self
            .inner
            .offline_since
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| (online || old == 0).then_some(since));
    }

    /// Frees what has expired.
    pub fn sweep(&self) {
        for shard in &self.inner.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.entries.retain(|_, entry| self.inner.is_alive(entry));
            if shard.entries.len() < shard.entries.capacity() / 4 {
                shard.entries.shrink_to_fit();
            }
        }
    }

    /// How often [`Cache::sweep`] should run.
    #[must_use]
    pub fn sweep_interval(&self) -> Duration {
        let shortest = self.inner.settings.any.min(self.inner.settings.unused) / 2;
        shortest.clamp(Duration::from_millis(10), Duration::from_secs(15))
    }

    /// How many entries there are, expired ones that were not swept included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.shards.iter().map(|shard| read(shard).entries.len()).sum()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

enum Joined {
    Cached(Arc<Key>),
    Flight(watch::Receiver<Option<Outcome>>),
}

/// A shard. Nothing that holds the lock can leave it half changed, so a poisoned one is as good as any.
fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn shard(&self, name: &KeyName) -> &RwLock<Shard> {
        if self.shards.len() == 1 {
            return &self.shards[0];
        }
        let hash = self.hasher.hash_one(name);
        &self.shards[(hash % self.shards.len() as u64) as usize]
    }

    fn write(&self, name: &KeyName) -> RwLockWriteGuard<'_, Shard> {
        self.shard(name).write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the cache was made.
    fn now(&self) -> u64 {
        millis(self.epoch.elapsed())
    }

    fn cached(&self, name: &KeyName) -> Option<Arc<Key>> {
        self.live_entry(&read(self.shard(name)), name)
    }

    fn live_entry(&self, shard: &Shard, name: &KeyName) -> Option<Arc<Key>> {
        let entry = shard.entries.get(name).filter(|entry| self.is_alive(entry))?;
        entry.used.store(self.now(), Ordering::Relaxed);
        Some(Arc::clone(&entry.key))
    }

    fn is_alive(&self, entry: &Entry) -> bool {
        let now = self.now();
        // While offline, time stands still for the two ordinary rules, and `offline` counts instead.
        let mut counted = now;
        if let Some(since) = self.offline_since.load(Ordering::Relaxed).checked_sub(1)
            && !self.settings.offline.is_zero()
        {
            let end = since.saturating_add(millis(self.settings.offline));
            if now < end {
                counted = counted.min(since);
            } else if entry.inserted < end {
                return false;
            }
            // What a store gave that only fails its status check, and gave after the end, lives by the ordinary rules.
        }
        counted.saturating_sub(entry.inserted) < millis(self.settings.any)
            && counted.saturating_sub(entry.used.load(Ordering::Relaxed)) < millis(self.settings.unused)
    }

    fn join_or_start(self: &Arc<Self>, name: &KeyName) -> Joined {
        let mut shard = self.write(name);
        // Another flight may have landed since the caller looked.
        if let Some(key) = self.live_entry(&shard, name) {
            return Joined::Cached(key);
        }
        if let Some(flight) = shard.flights.get(name) {
            return Joined::Flight(flight.outcome.clone());
        }
        let (sender, outcome) = watch::channel(None);
        shard.flights.insert(name.clone(), Flight { outcome: outcome.clone() });
        drop(shard);
        let flight = InFlight { cache: Arc::clone(self), name: name.clone(), outcome: outcome.clone() };
        tokio::spawn(async move {
            let result = flight.cache.read_store(&flight.name).await;
            flight.land(&result);
            // Nobody waits any more: nothing to tell.
            let _ = sender.send(Some(result));
        });
        Joined::Flight(outcome)
    }

    async fn read_store(&self, name: &KeyName) -> Outcome {
        let Some(value) = self.store.get(name).await? else { return Ok(None) };
        let key = stored::decode(value.expose())
            .map_err(|error| StoreError::Corrupt(format!("the entry of key `{name}` is no key: {error}")))?;
        Ok(Some(Arc::new(key)))
    }

    fn insert(&self, shard: &mut Shard, name: &KeyName, key: &Arc<Key>) {
        let capacity = self.settings.max_keys.div_ceil(self.shards.len());
        if capacity == 0 {
            return;
        }
        if shard.entries.len() >= capacity && !shard.entries.contains_key(name) {
            let oldest = shard.entries.iter().min_by_key(|(_, entry)| entry.used.load(Ordering::Relaxed));
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                shard.entries.remove(&oldest);
            }
        }
        let now = self.now();
        let entry = Entry { key: Arc::clone(key), inserted: now, used: AtomicU64::new(now) };
        shard.entries.insert(name.clone(), entry);
    }
}

/// A fetch from its start to its landing; whatever ends it, the name is free for another one.
struct InFlight {
    cache: Arc<Inner>,
    name: KeyName,
    outcome: watch::Receiver<Option<Outcome>>,
}

impl InFlight {
    fn land(&self, result: &Outcome) {
        let mut shard = self.cache.write(&self.name);
        if self.take_off(&mut shard)
            && let Ok(Some(key)) = result
        {
            self.cache.insert(&mut shard, &self.name, key);
        }
    }

    /// Removes this flight from the table, if it was not detached before.
    fn take_off(&self, shard: &mut Shard) -> bool {
        let current = shard.flights.get(&self.name).is_some_and(|flight| flight.outcome.same_channel(&self.outcome));
        if current {
            shard.flights.remove(&self.name);
        }
        current
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.take_off(&mut self.cache.write(&self.name));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
