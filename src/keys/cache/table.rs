//! The entries and flights of a cache, in shards, so that few who change something keep others waiting.

use std::collections::HashMap;
use std::future::pending;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::ArcSwap;
use kes_core::{Key, KeyName};
use kes_keystores::{Health, KeyStore};
use tokio::sync::watch;
use tokio::time::Instant;

use super::CacheSettings;
use super::entry::{Entry, millis};
use super::flight::Flight;

/// Below this many keys one shard is enough, and the bound is exact.
pub(super) const SHARDING_FROM: usize = 4096;
const SHARDS: usize = 16;

/// What all clones of a cache share.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) store: Arc<dyn KeyStore>,
    settings: ArcSwap<CacheSettings>,
    hasher: RandomState,
    shards: Vec<RwLock<Shard>>,
    /// All times are kept as milliseconds since this.
    epoch: Instant,
    /// When the store went offline, plus one; zero while it is online.
    offline_since: AtomicU64,
    /// Whether the store is known to be down, so that calls would wait for it.
    down: AtomicBool,
    /// Never used: dropped with the last user of the cache, it tells who waits for that.
    in_use: watch::Sender<()>,
}

/// Some of the names: what is cached, and what is being fetched.
#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) entries: HashMap<KeyName, Entry>,
    pub(super) flights: HashMap<KeyName, Flight>,
}

impl Table {
    /// Without entries.
    pub(super) fn new(store: Arc<dyn KeyStore>, settings: CacheSettings) -> Self {
        let shards = if settings.max_keys < SHARDING_FROM { 1 } else { SHARDS };
        Self {
            store,
            settings: ArcSwap::from_pointee(settings),
            hasher: RandomState::new(),
            shards: (0..shards).map(|_| RwLock::default()).collect(),
            epoch: Instant::now(),
            offline_since: AtomicU64::new(0),
            down: AtomicBool::new(false),
            in_use: watch::Sender::new(()),
        }
    }

    pub(super) fn settings(&self) -> Arc<CacheSettings> {
        self.settings.load_full()
    }

    /// Goes on with other settings. Entries that are too many for them go, the least recently used ones first.
    pub(super) fn configure(&self, settings: CacheSettings) {
        self.settings.store(Arc::new(settings));
        let capacity = self.capacity();
        for mut shard in self.all() {
            while shard.entries.len() > capacity {
                shard.forget_oldest();
            }
            shard.entries.values_mut().for_each(|entry| entry.reschedule(&settings));
        }
    }

    /// Frees what has expired, and will not live again when the store turns out to have been offline.
    pub(super) fn sweep(&self) {
        let settings = self.settings();
        let kept = if settings.offline.is_zero() { 0 } else { millis(settings.call_limit) };
        let moment = self.now().saturating_sub(kept);
        for mut shard in self.all() {
            shard.entries.retain(|_, entry| self.is_alive(entry, moment));
            if shard.entries.len() < shard.entries.capacity() / 4 {
                shard.entries.shrink_to_fit();
            }
        }
    }

    /// How many entries there are, expired ones that were not swept included.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| read(shard).entries.len()).sum()
    }

    /// Ends when nothing has a share in this table any more.
    pub(super) fn unused(&self) -> impl Future<Output = ()> + use<> {
        let mut in_use = self.in_use.subscribe();
        async move { while in_use.changed().await.is_ok() {} }
    }

    fn shard(&self, name: &KeyName) -> &RwLock<Shard> {
        if self.shards.len() == 1 {
            return &self.shards[0];
        }
        let hash = self.hasher.hash_one(name);
        &self.shards[(hash % self.shards.len() as u64) as usize]
    }

    /// The shard of a name, to change it.
    pub(super) fn write(&self, name: &KeyName) -> RwLockWriteGuard<'_, Shard> {
        write(self.shard(name))
    }

    /// All shards, one after another, to change them.
    pub(super) fn all(&self) -> impl Iterator<Item = RwLockWriteGuard<'_, Shard>> {
        self.shards.iter().map(write)
    }

    /// Milliseconds since the cache was made.
    fn now(&self) -> u64 {
        millis(self.epoch.elapsed())
    }

    /// Goes by what the store's guard knows at this moment, if there is one.
    pub(super) fn heed_health(&self) {
        if let Some(health) = self.store.health() {
            self.heed(&health.borrow());
        }
    }

    /// Goes by the health of the store. It cannot change before this returns, being borrowed, so that nothing old is noted
    /// after something new.
    pub(super) fn heed(&self, health: &watch::Ref<'_, Health>) {
        self.set_offline(health.outage().map(|outage| outage.since()), health.is_down());
    }

    /// Waits until the store is known to fail, and heeds that; for ever where nobody looks after it.
    pub(super) async fn until_failing(&self) {
        if let Some(mut health) = self.store.health()
            && let Ok(health) = health.wait_for(|health| health.outage().is_some()).await
        {
            self.heed(&health);
            return;
        }
        pending().await
    }

    /// Notes since when the store is offline, if it is, and whether calls would wait for it.
    pub(super) fn set_offline(&self, since: Option<Instant>, down: bool) {
        let moment = since.map_or(0, |since| millis(since.saturating_duration_since(self.epoch)) + 1);
        // Only the first failure counts; later ones find a moment that stands.
        let _ = self
            .offline_since
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| (moment == 0 || old == 0).then_some(moment));
        self.down.store(down, Ordering::Relaxed);
    }

    /// The key, if it is cached and need not be fetched first, and whether it is to be fetched again beside that. Marks it
    /// as used.
    pub(super) fn cached(&self, name: &KeyName) -> Option<(Arc<Key>, bool)> {
        let shard = read(self.shard(name));
        let (entry, now) = self.live_entry(&shard, name)?;
        let refresh = entry.nears_its_end(now)
            && !self.down.load(Ordering::Relaxed)
            && entry.claim_refresh(now, &self.settings.load());
        Some((Arc::clone(&entry.key), refresh))
    }

    /// The entry of a key that can be used without asking the store, and the moment. One that is due can while the store
    /// fails. Marks it as used.
    pub(super) fn live_entry<'a>(&self, shard: &'a Shard, name: &KeyName) -> Option<(&'a Entry, u64)> {
        let entry = shard.entries.get(name)?;
        if entry.due && self.offline_since().is_none() {
            return None;
        }
        Some((entry, self.use_entry(entry)?))
    }

    /// The key, if it is cached, due or not. Marks it as used.
    pub(super) fn living(&self, name: &KeyName) -> Option<Arc<Key>> {
        let shard = read(self.shard(name));
        let entry = shard.entries.get(name)?;
        self.use_entry(entry).map(|_| Arc::clone(&entry.key))
    }

    /// Marks an entry as used, at the moment that is returned, if it can still be used.
    fn use_entry(&self, entry: &Entry) -> Option<u64> {
        let now = self.now();
        self.is_alive(entry, now).then(|| {
            entry.used.store(now, Ordering::Relaxed);
            now
        })
    }

    fn is_alive(&self, entry: &Entry, now: u64) -> bool {
        entry.is_alive(now, &self.settings.load(), self.offline_since())
    }

    /// Since when the store is offline, if it is.
    fn offline_since(&self) -> Option<u64> {
        self.offline_since.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Keeps a key that was fetched.
    pub(super) fn insert(&self, shard: &mut Shard, name: &KeyName, key: &Arc<Key>) {
        let capacity = self.capacity();
        if capacity == 0 {
            return;
        }
        if shard.entries.len() >= capacity && !shard.entries.contains_key(name) {
            shard.forget_oldest();
        }
        shard.entries.insert(name.clone(), Entry::new(Arc::clone(key), self.now(), &self.settings.load()));
    }

    /// Keeps a key that was fetched ahead of the end of its entry, if that is still there.
    pub(super) fn renew(&self, shard: &mut Shard, name: &KeyName, key: &Arc<Key>) {
        if let Some(entry) = shard.entries.get_mut(name) {
            entry.renew(Arc::clone(key), self.now(), &self.settings.load());
        }
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

/// A shard. Nothing that holds the lock can leave it half changed, so a poisoned one is as good as any.
fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

/// As [`read`].
fn write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}
