//! Keys in memory, so that the store is asked once in a while and not for every request.
//!
//! An entry is gone when it is older than `any`, or was not used for `unused`. While the store is offline and
//! `offline` is set, entries that were good when it went live on for that long instead; then they are gone, and the
//! ordinary rules return. A store is offline from its first failure to its first success, as its guard tells. Expiry is
//! decided at lookup; [`Cache::sweep`] only frees memory.
//!
//! One fetch of a name is under way at a time, in a task of its own: whoever waits for it shares its outcome, and
//! leaves at a deadline of its own without ending it for the others. A delete or create detaches the fetch that is in
//! the air: it answers those who waited before, and changes nothing any more (specification: `server-api.md` §14,
//! D-22, D-23).
//!
//! An entry can be made *due*, by a reload or where nobody knows what became of a create: its next use fetches it again.
//! Until a fetch has succeeded it stays good by the rules above, so that a store which fails takes no key away
//! (decision 37).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use kes_core::key::stored;
use kes_core::{Key, KeyName};
use kes_keystores::{Health, KeyStore, StoreError};
use tokio::sync::watch;
use tokio::task::JoinSet;
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
    /// Follows the store's health, and ends with the last clone.
    _following: Arc<JoinSet<()>>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn KeyStore>,
    settings: ArcSwap<CacheSettings>,
    hasher: RandomState,
    shards: Vec<RwLock<Shard>>,
    /// All times are kept as milliseconds since this.
    epoch: Instant,
    /// When the store went offline, plus one; zero while it is online.
    offline_since: AtomicU64,
    /// Never used: dropped with the last user of the cache, it tells who waits for that.
    in_use: watch::Sender<()>,
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
    /// To be fetched again before it is used, if the store answers.
    due: bool,
}

/// A fetch under way. The receiver is also what tells one flight from another.
#[derive(Debug)]
struct Flight {
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Cache {
    /// An empty cache over `store`, whose [health](KeyStore::health) it follows if somebody looks after that; then it has to
    /// be made on a tokio runtime.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, settings: CacheSettings) -> Self {
        let shards = if settings.max_keys < SHARDING_FROM { 1 } else { SHARDS };
        let inner = Inner {
            store,
            settings: ArcSwap::from_pointee(settings),
            hasher: RandomState::new(),
            shards: (0..shards).map(|_| RwLock::default()).collect(),
            epoch: Instant::now(),
            offline_since: AtomicU64::new(0),
            in_use: watch::Sender::new(()),
        };
        let inner = Arc::new(inner);
        let mut following = JoinSet::new();
        if let Some(health) = inner.store.health() {
            following.spawn(follow(Arc::downgrade(&inner), health));
        }
        Self { inner, _following: Arc::new(following) }
    }

    /// The key, if it is cached and need not be fetched first. Marks it as used.
    #[must_use]
    pub fn cached(&self, name: &KeyName) -> Option<Arc<Key>> {
        self.inner.cached(name)
    }

    /// The key from the store, or `None` if there is no such key. Joins a fetch that is under way. If it fails, a cached
    /// key that was only due is the answer.
    ///
    /// # Errors
    /// The store failed, or the entry is no key.
    pub async fn fetch(&self, name: &KeyName) -> Result<Option<Arc<Key>>, KeyError> {
        let mut outcome = match self.inner.join_or_start(name) {
            Joined::Cached(key) => return Ok(Some(key)),
            Joined::Flight(outcome) => outcome,
        };
        let ended = outcome.wait_for(Option::is_some).await.map(|outcome| (*outcome).clone());
        let fetched = ended.ok().flatten().unwrap_or_else(|| {
            Err(StoreError::Unavailable(format!("the fetch of key `{name}` ended without an outcome")).into())
        });
        fetched.or_else(|error| {
            let cached = self.inner.living(name).ok_or_else(|| error.clone())?;
            tracing::debug!("key `{name}` is used as it was cached: {error}");
            Ok(Some(cached))
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

    /// Has whoever asks from now on look into the store first, with a fetch that begins after this.
    pub fn make_due(&self, name: &KeyName) {
        let mut shard = self.inner.write(name);
        shard.flights.remove(name);
        if let Some(entry) = shard.entries.get_mut(name) {
            entry.due = true;
        }
    }

    /// The same for all names.
    pub fn make_all_due(&self) {
        for shard in &self.inner.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.flights.clear();
            shard.entries.values_mut().for_each(|entry| entry.due = true);
        }
    }

    /// Goes on with other settings. Keys that are too many for them go, the least recently used ones first; the bound is
    /// exact for a cache that was made for fewer than 4096 keys, and rounded up to a multiple of 16 for others.
    pub fn configure(&self, settings: CacheSettings) {
        self.inner.settings.store(Arc::new(settings));
        let capacity = self.inner.capacity();
        for shard in &self.inner.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            while shard.entries.len() > capacity {
                shard.forget_oldest();
            }
        }
    }

    /// Ends when nobody uses this cache any more, fetches under way included.
    pub fn unused(&self) -> impl Future<Output = ()> + use<> {
        let mut in_use = self.inner.in_use.subscribe();
        async move { while in_use.changed().await.is_ok() {} }
    }

    /// Says whether the store answers, where nobody looks after its health. The moment of the first `false` is when it
    /// went offline.
    pub fn set_online(&self, online: bool) {
        self.inner.set_offline((!online).then(Instant::now));
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
        let settings = self.inner.settings.load();
        let shortest = settings.any.min(settings.unused) / 2;
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

/// Goes offline and online with the store, until the cache or the store's guard is gone.
async fn follow(cache: Weak<Inner>, mut health: watch::Receiver<Health>) {
    loop {
        let failing = health.borrow_and_update().outage().map(|outage| outage.since());
        let Some(inner) = cache.upgrade() else { return };
        inner.set_offline(failing);
        drop(inner);
        if health.changed().await.is_err() {
            return;
        }
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

    /// Since when the store is offline, if it is.
    fn set_offline(&self, since: Option<Instant>) {
        let moment = since.map_or(0, |since| millis(since.saturating_duration_since(self.epoch)) + 1);
        // Only the first failure counts; later ones find a moment that stands.
        let _ = self
            .offline_since
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| (moment == 0 || old == 0).then_some(moment));
    }

    fn cached(&self, name: &KeyName) -> Option<Arc<Key>> {
        self.live_entry(&read(self.shard(name)), name)
    }

    /// The key of an entry that can be used without asking the store. One that is due can while it is known to be down.
    fn live_entry(&self, shard: &Shard, name: &KeyName) -> Option<Arc<Key>> {
        let entry = shard.entries.get(name)?;
        if entry.due && self.offline_since.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.use_entry(entry)
    }

    /// The key, if it is cached, due or not.
    fn living(&self, name: &KeyName) -> Option<Arc<Key>> {
        self.use_entry(read(self.shard(name)).entries.get(name)?)
    }

    fn use_entry(&self, entry: &Entry) -> Option<Arc<Key>> {
        if !self.is_alive(entry) {
            return None;
        }
        entry.used.store(self.now(), Ordering::Relaxed);
        Some(Arc::clone(&entry.key))
    }

    fn is_alive(&self, entry: &Entry) -> bool {
        let now = self.now();
        let settings = self.settings.load();
        // While offline, time stands still for the two ordinary rules, and `offline` counts instead.
        let mut counted = now;
        if let Some(since) = self.offline_since.load(Ordering::Relaxed).checked_sub(1)
            && !settings.offline.is_zero()
        {
            let end = since.saturating_add(millis(settings.offline));
            if now < end {
                counted = counted.min(since);
            } else if entry.inserted < end {
                return false;
            }
            // What a store gave that only fails its status check, and gave after the end, lives by the ordinary rules.
        }
        counted.saturating_sub(entry.inserted) < millis(settings.any)
            && counted.saturating_sub(entry.used.load(Ordering::Relaxed)) < millis(settings.unused)
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
        let capacity = self.capacity();
        if capacity == 0 {
            return;
        }
        if shard.entries.len() >= capacity && !shard.entries.contains_key(name) {
            shard.forget_oldest();
        }
        let now = self.now();
        let entry = Entry { key: Arc::clone(key), inserted: now, used: AtomicU64::new(now), due: false };
        shard.entries.insert(name.clone(), entry);
    }

    /// Most entries of a shard.
    fn capacity(&self) -> usize {
        self.settings.load().max_keys.div_ceil(self.shards.len())
    }
}

impl Shard {
    /// Removes the entry that was not used for the longest time.
    fn forget_oldest(&mut self) {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used.load(Ordering::Relaxed));
        if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
            self.entries.remove(&oldest);
        }
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
        if !self.take_off(&mut shard) {
            return;
        }
        match result {
            Ok(Some(key)) => self.cache.insert(&mut shard, &self.name, key),
            // An entry that was due may still be there.
            Ok(None) => drop(shard.entries.remove(&self.name)),
            Err(_) => {}
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
