//! What was asked and answered, and what should not have happened. Grows with the kinds of things, not with their number.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Surprises that are told in full; further ones are only counted.
const TOLD: usize = 20;

/// Steps of a [`Times`] for each doubling.
const STEPS: f64 = 8.0;

/// Counts everything. Shared by all tasks.
#[derive(Default)]
pub struct Tally(Mutex<Counts>);

/// What was counted so far.
#[derive(Clone, Default)]
pub struct Counts {
    /// Answers by route and status.
    pub answers: BTreeMap<(&'static str, u16), u64>,
    /// Whatever else happened.
    pub events: BTreeMap<&'static str, u64>,
    /// What should not have happened: the number, and the first of them.
    pub surprises: u64,
    /// The first surprises, each in a line.
    pub first_surprises: Vec<String>,
    /// How long decrypting with a cached key took, while the store was well and while it failed.
    pub cached_decrypt: [Times; 2],
}

impl Tally {
    /// An answer came.
    pub fn answered(&self, route: &'static str, status: u16) {
        *self.counts().answers.entry((route, status)).or_default() += 1;
    }

    /// Something happened that is worth a line in the report.
    pub fn happened(&self, what: &'static str) {
        *self.counts().events.entry(what).or_default() += 1;
    }

    /// Something happened that must not.
    pub fn surprise(&self, text: impl fmt::Display) {
        let mut counts = self.counts();
        counts.surprises += 1;
        if counts.first_surprises.len() < TOLD {
            counts.first_surprises.push(text.to_string());
        }
    }

    /// A decrypt with a cached key was answered.
    pub fn decrypted(&self, failing: bool, time: Duration) {
        self.counts().cached_decrypt[usize::from(failing)].add(time);
    }

    /// A copy of all counts.
    pub fn now(&self) -> Counts {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// All answers.
    pub fn requests(&self) -> u64 {
        self.answers.values().sum()
    }
}

/// Times in steps of nine percent, from a microsecond to hours.
#[derive(Clone, Default)]
pub struct Times(BTreeMap<u16, u64>);

impl Times {
    fn add(&mut self, time: Duration) {
        let step = (time.as_micros().max(1) as f64).log2() * STEPS;
        *self.0.entry(step.ceil() as u16).or_default() += 1;
    }

    /// The number of times.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The time below which this share of all is.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.count() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let step = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen >= wanted
        });
        Duration::from_micros(step.map_or(0, |(step, _)| (f64::from(*step) / STEPS).exp2() as u64))
    }
}
