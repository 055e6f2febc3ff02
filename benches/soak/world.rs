//! What all tasks of a run share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::watch;

use crate::server::Server;
use crate::site::{Settings, Site};
use crate::tally::Tally;
use crate::weather::Weather;

/// See the module's text.
pub struct World {
    /// The directory of the server.
    pub site: Arc<Site>,
    /// The server.
    pub server: Server,
    /// What was counted.
    pub tally: Arc<Tally>,
    /// Whether the store is being failed.
    pub weather: Weather,
    /// What the fickle client may do.
    pub rules: Rules,
    /// What the server was last told to go on with. Held while it is told something else.
    pub settings: tokio::sync::Mutex<Settings>,
    /// As long as this is set, reloads change neither the store nor the cache, so that what is cached stays.
    pub keeps_cache: AtomicBool,
    seed: u64,
    ended: watch::Sender<bool>,
}

impl World {
    /// Nothing happens in it yet.
    pub fn new(site: Arc<Site>, server: Server, tally: Arc<Tally>, seed: u64) -> Self {
        Self {
            site,
            server,
            tally,
            weather: Weather::fair(),
            rules: Rules(Mutex::new((0, Some(Settings::first().fickle)))),
            settings: tokio::sync::Mutex::new(Settings::first()),
            keeps_cache: AtomicBool::new(false),
            seed,
            ended: watch::Sender::new(false),
        }
    }

    /// What decides the deeds of task `number`: the same for the same seed.
    pub fn rng(&self, number: u64) -> Rng {
        // An odd factor keeps the seeds of tasks apart from those of neighbouring runs.
        Rng::with_seed(self.seed ^ number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Whether it goes on.
    pub fn goes_on(&self) -> bool {
        !*self.ended.borrow()
    }

    /// Lets all tasks come to their end.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Waits for this time, or the end.
    pub async fn pause(&self, time: Duration) {
        let mut ended = self.ended.subscribe();
        let _ = tokio::time::timeout(time, ended.wait_for(|ended| *ended)).await;
    }

    /// Whether the store and the cache are left as they are.
    pub fn keeps_cache(&self) -> bool {
        self.keeps_cache.load(Ordering::SeqCst)
    }
}

/// What the fickle client may do, and since which change.
pub struct Rules(Mutex<(u64, Option<bool>)>);

impl Rules {
    /// The number of changes so far, and what they allow; `None` while that is changing.
    pub fn now(&self) -> (u64, Option<bool>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It changes, or has changed.
    pub fn change(&self, allowed: Option<bool>) {
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *rules = (rules.0 + 1, allowed);
    }
}
