//! What came of a migration, so far and at its end.

use super::entry::Outcome;

/// Entries of one outcome that are noted by name. There may be millions.
pub const MAX_NOTED: usize = 1000;

/// How far a migration is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries in all, once that is known.
    pub total: Option<u64>,
    /// Entries that were looked at.
    pub done: u64,
    /// Entries that were copied.
    pub copied: u64,
}

impl Progress {
    pub(super) fn follow(&mut self, report: &Report) {
        (self.done, self.copied) = (report.total(), report.copied);
    }
}

/// What came of a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries that were copied and read back, replaced ones included; after a dry run, that would be.
    pub copied: u64,
    /// Entries that were at the target with the same value.
    pub present: u64,
    /// Entries that were left alone on purpose.
    pub skipped: Noted,
    /// Entries that the target has with another value.
    pub different: Noted,
    /// Entries that could not be copied.
    pub failed: Noted,
    /// How far it got.
    pub end: End,
}

impl Report {
    /// Whether the target has everything that it was to have.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.end == End::Complete && self.different.count == 0 && self.failed.count == 0
    }

    pub(super) fn note(&mut self, name: String, outcome: Outcome) {
        match outcome {
            Outcome::Copied => self.copied += 1,
            Outcome::Present => self.present += 1,
            Outcome::Skipped(reason) => self.skipped.add(name, reason.into()),
            Outcome::Different(reason) => self.different.add(name, reason.into()),
            Outcome::Failed(failure) => self.failed.add(name, failure.reason),
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.copied + self.present + self.skipped.count + self.different.count + self.failed.count
    }

    pub(super) fn sort(&mut self) {
        for noted in [&mut self.skipped, &mut self.different, &mut self.failed] {
            noted.entries.sort_unstable();
        }
    }
}

/// Entries of one outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// How many.
    pub count: u64,
    /// Some of them, sorted: at most [`MAX_NOTED`].
    pub entries: Vec<Entry>,
}

impl Noted {
    fn add(&mut self, name: String, reason: String) {
        self.count += 1;
        if self.entries.len() < MAX_NOTED {
            self.entries.push(Entry { name, reason });
        }
    }
}

/// An entry that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name: text of the backend, which may hold anything.
    pub name: String,
    /// What is the matter with it. Holds no secret.
    pub reason: String,
}

/// How far a migration got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Every entry of the source was looked at.
    #[default]
    Complete,
    /// Every entry, but the source has this many more by now.
    Grown(u64),
    /// It was told to stop.
    Stopped,
    /// A store did not answer any more, for this reason.
    StoreFailed(String),
}
