//! One key in the cache, and how long it may be used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kes_core::Key;

use super::CacheSettings;

/// A key in memory. All times are milliseconds since the cache was made.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Arc<Key>,
    inserted: u64,
    pub(super) used: AtomicU64,
    /// To be fetched again before it is used, if the store answers.
    pub(super) due: bool,
}

impl Entry {
    /// A key that was fetched and used at this moment.
    pub(super) fn new(key: Arc<Key>, now: u64) -> Self {
        Self { key, inserted: now, used: AtomicU64::new(now), due: false }
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

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
