//! One key in the cache, and how long it may be used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kes_core::Key;

use super::CacheSettings;

/// The least time from one fetch ahead of the end to the next one, where the first did not succeed.
const LEAST_PAUSE: u64 = 1000;

/// A key in memory. All times are milliseconds since the cache was made.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Arc<Key>,
    inserted: u64,
    pub(super) used: AtomicU64,
    /// To be fetched again before it is used, if the store answers.
    pub(super) due: bool,
    /// From when on a use has it fetched again, and is served by what there is.
    refresh_from: AtomicU64,
}

impl Entry {
    /// A key that was fetched and used at this moment.
    pub(super) fn new(key: Arc<Key>, now: u64, settings: &CacheSettings) -> Self {
        let refresh_from = AtomicU64::new(refresh_from(now, settings));
        Self { key, inserted: now, used: AtomicU64::new(now), due: false, refresh_from }
    }

    /// What was fetched again takes the place of what was there. That is no use of it.
    pub(super) fn renew(&mut self, key: Arc<Key>, now: u64, settings: &CacheSettings) {
        let used = self.used.load(Ordering::Relaxed);
        *self = Self { used: AtomicU64::new(used), ..Self::new(key, now, settings) };
    }

    /// Goes by other settings.
    pub(super) fn reschedule(&mut self, settings: &CacheSettings) {
        self.refresh_from = AtomicU64::new(refresh_from(self.inserted, settings));
    }

    /// Whether a use at this moment comes in the last part of its life.
    pub(super) fn nears_its_end(&self, now: u64) -> bool {
        now >= self.refresh_from.load(Ordering::Relaxed)
    }

    /// Whether who uses it in the last part of its life is to have it fetched again. One of many who ask at once is; if
    /// that brings nothing, the next one when half of what is left of its life has passed.
    pub(super) fn claim_refresh(&self, now: u64, settings: &CacheSettings) -> bool {
        let left = self.inserted.saturating_add(millis(settings.any)).saturating_sub(now);
        let next = now.saturating_add((left / 2).max(LEAST_PAUSE));
        let later = |from: u64| (now >= from).then_some(next);
        self.refresh_from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later).is_ok()
    }

    /// Whether it can still be used; `offline_since` is when the store went offline, if it is.
    pub(super) fn is_alive(&self, now: u64, settings: &CacheSettings, offline_since: Option<u64>) -> bool {
        // While offline, time stands still for the two ordinary rules, and `offline` counts instead.
        let mut counted = now;
        if let Some(since) = offline_since
            && !settings.offline.is_zero()
        {
            let end = since.saturating_add(millis(settings.offline));
            if now < end {
                counted = counted.min(since);
            } else if self.inserted < end {
                return false;
            }
            // What a store gave that only fails its status check, and gave after the end, lives by the ordinary rules.
        }
        counted.saturating_sub(self.inserted) < millis(settings.any)
            && counted.saturating_sub(self.used.load(Ordering::Relaxed)) < millis(settings.unused)
    }
}

/// When the last part of a life begins. It differs at random, by up to half of that part, so that what came at once does
/// not go to the store at once again.
fn refresh_from(inserted: u64, settings: &CacheSettings) -> u64 {
    let ahead = millis(settings.refresh_ahead);
    if ahead == 0 {
        return u64::MAX;
    }
    let begin = inserted.saturating_add(millis(settings.any)).saturating_sub(ahead);
    begin.saturating_add(fastrand::u64(0..=ahead / 2))
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
