//! `cache`: how long keys stay in memory.

use std::time::Duration;

use crate::problem::{Wrong, shown};
use crate::report::Report;
use crate::section::Section;

/// Limits of the key cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// `expiry.any`: how long a key lives. Default 5 minutes.
    pub any: Duration,
    /// `expiry.unused`: how long a key lives without being used. Default 30 seconds.
    pub unused: Duration,
    /// `expiry.offline`: how long a key lives from the moment on that the store cannot be reached, instead of the two
    /// above; zero: no longer than otherwise. Default zero.
    pub offline: Duration,
    /// `max_keys`: how many keys there are at the most, the least recently used one going first; 0: no cache. Default
    /// 100,000.
    pub max_keys: usize,
    /// `refresh_ahead`: how many percent of `any` before its end a used key is fetched anew; 0: not before its end.
    /// Default 20.
    pub refresh_ahead_percent: u8,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            any: Duration::from_mins(5),
            unused: Duration::from_secs(30),
            offline: Duration::ZERO,
            max_keys: 100_000,
            refresh_ahead_percent: 20,
        }
    }
}

/// The cache's settings. `any` and `unused` of zero mean their defaults, as they always have.
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> Cache {
    let default = Cache::default();
    let mut cache = root.section("cache", report);
    let mut expiry = cache.section("expiry", report);
    let any = expiry.duration("any", report).filter(|any| !any.is_zero());
    let unused = expiry.duration("unused", report).filter(|unused| !unused.is_zero());
    let offline = expiry.duration("offline", report);
    expiry.finish(report);
    let max_keys = cache.number("max_keys", 0, report);
    let refresh_ahead = cache.parsed("refresh_ahead", report, percent);
    cache.finish(report);
    Cache {
        any: any.unwrap_or(default.any),
        unused: unused.unwrap_or(default.unused),
        offline: offline.unwrap_or(default.offline),
        max_keys: max_keys.unwrap_or(default.max_keys),
        refresh_ahead_percent: refresh_ahead.unwrap_or(default.refresh_ahead_percent),
    }
}

/// `0%` to `99%`: with all of it, a key would be due as soon as it is fetched.
fn percent(text: &str) -> Result<u8, Wrong> {
    let digits = text.strip_suffix('%').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse().ok())
        .filter(|percent| *percent <= 99)
        .ok_or_else(|| Wrong::new(format!("{} is not a share", shown(text)), "write `0%` to `99%`"))
}
