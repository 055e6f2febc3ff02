//! Copies keys from one store to another, byte for byte, and loses none (specification: `cli.md` §12).
//!
//! ```text
//! survey ──> records of the service ──> keys ──> entries that no listing shows ──> survey
//! ```
//!
//! Entries are taken from the source's listing page by page, several at once, and each is read back from the target. The
//! records beside a key go first, so that a key whose entry is at the target is complete. An entry that is there with
//! the same value is done: a migration that was interrupted is repeated, not resumed from notes. One that is there with
//! another value is never overwritten; [`Existing`] says what becomes of it.

mod entry;
mod report;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use kes_core::{Clock, KeyName, KeySelection};
use tokio::sync::{Notify, watch};

pub use self::report::{End, Entry, MAX_NOTED, Noted, Progress, Report};

use self::entry::Outcome;
use crate::{KeyStore, StoreError};

/// Names that are asked of the source at once. Some backends read all of their names for every page, so few are better;
/// this many take about a megabyte.
const PAGE: usize = 10_000;

/// Failures for want of a store, one after the other, after which there is none. A [`Guard`](crate::Guard) has tried
/// each of them for some seconds.
const MAX_OUTAGES: u32 = 16;

/// What becomes of an entry that the target has with another value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// It stays and is noted as different: the migration has not succeeded.
    #[default]
    Report,
    /// It stays and is noted as skipped.
    Keep,
    /// It is replaced: kept as `<name>--b<unix seconds>-`, deleted, created anew and read back. The copy goes when all of
    /// that has worked, and otherwise stays and is named.
    ///
    /// Between the look at the entry and its deletion another process could put a third value in its place, which would
    /// be lost: a store has no conditional delete. Nobody else should write to the target.
    Replace,
}

/// Keys on their way from one store to another.
pub struct Migration {
    /// The source, which is only read.
    pub from: Arc<dyn KeyStore>,
    /// The target.
    pub to: Arc<dyn KeyStore>,
    /// Which keys.
    pub selection: KeySelection,
    /// What becomes of entries that are at the target already.
    pub existing: Existing,
    /// Whether to change nothing and find out what would happen.
    pub dry_run: bool,
    /// Entries on their way at once, at least 1. More than the guards let through only wait there.
    pub concurrency: usize,
    /// Names backups.
    pub clock: Arc<dyn Clock>,
}

/// How many entries there are to copy.
#[derive(Clone, Copy, Debug, Default)]
struct Survey {
    records: u64,
    keys: u64,
}

/// Something to look at, and what for.
#[derive(Debug)]
enum Task {
    /// An entry to copy.
    Copy(KeyName),
    /// An entry that no listing shows, to tell what it is.
    Explain(String),
}

/// Whether an entry of the listing is a record of the service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Record,
    Key,
}

impl Migration {
    /// Copies until everything is copied, the source or target fails for good, or `stop` turns true: then what has
    /// begun is brought to its end first. `progress` is kept up to date.
    ///
    /// Dropping the future leaves entries as they are at that moment: at the target completely or not at all, but for
    /// one that is being replaced, which may be there only as its backup.
    pub async fn run(&self, mut stop: watch::Receiver<bool>, progress: &watch::Sender<Progress>) -> Report {
        let mut report = Report::default();
        report.end = self.steps(&mut report, &mut stop, progress).await.unwrap_or_else(|end| end);
        report.sort();
        report
    }

    /// The steps one after the other; `Err` is an end before the last.
    async fn steps(
        &self,
        report: &mut Report,
        stop: &mut watch::Receiver<bool>,
        progress: &watch::Sender<Progress>,
    ) -> Result<End, End> {
        let before = self.survey(stop).await?;
        let unlisted = self.unlisted(stop).await?;
        let total = before.records + before.keys + unlisted.len() as u64;
        progress.send_modify(|progress| progress.total = Some(total));
        if before.records > 0 {
            self.all(self.tasks(Kind::Record), report, stop, progress).await?;
        }
        self.all(self.tasks(Kind::Key), report, stop, progress).await?;
        let copied = report.total();
        let unlisted = stream::iter(unlisted.into_iter().map(|text| Ok(Task::Explain(text)))).boxed();
        self.all(unlisted, report, stop, progress).await?;
        if self.dry_run {
            return Ok(End::Complete);
        }
        let after = self.survey(stop).await?;
        match (after.records + after.keys).saturating_sub(copied) {
            0 => Ok(End::Complete),
            missed => Ok(End::Grown(missed)),
        }
    }

    /// Counts what there is at the source.
    async fn survey(&self, stop: &mut watch::Receiver<bool>) -> Result<Survey, End> {
        let counting = self.listing().try_fold(Survey::default(), async |mut survey, name| {
            match kind(&name) {
                Kind::Record => survey.records += 1,
                Kind::Key => survey.keys += 1,
            }
            Ok(survey)
        });
        let mut survey = unless_stopped(stop, counting).await?;
        survey.keys += u64::from(self.selection.name().is_some());
        Ok(survey)
    }

    /// What is at the source beside all listed entries and might be a key that is meant.
    async fn unlisted(&self, stop: &mut watch::Receiver<bool>) -> Result<Vec<String>, End> {
        if self.selection.name().is_some() {
            return Ok(Vec::new());
        }
        let mut names = unless_stopped(stop, self.from.unlisted()).await?;
        names.retain(|text| self.selection.matches(text));
        Ok(names)
    }

    /// The entries of one kind that are to be copied.
    fn tasks(&self, kind_wanted: Kind) -> BoxStream<'_, Result<Task, StoreError>> {
        if let (Kind::Key, Some(name)) = (kind_wanted, self.selection.name()) {
            return stream::iter([Ok(Task::Copy(name.clone()))]).boxed();
        }
        let wanted = move |name: &KeyName| std::future::ready(kind(name) == kind_wanted);
        self.listing().try_filter(wanted).map_ok(Task::Copy).boxed()
    }

    /// What is selected of the source's listing, but for the key that is selected by its name: that need not be listed.
    fn listing(&self) -> BoxStream<'_, Result<KeyName, StoreError>> {
        let first = (VecDeque::new(), Some(None));
        let names = stream::try_unfold(first, async move |(mut names, mut next): (VecDeque<KeyName>, _)| {
            loop {
                if let Some(name) = names.pop_front() {
                    return Ok(Some((name, (names, next))));
                }
                let Some(start_at) = next else { return Ok(None) };
                let start_at: Option<KeyName> = start_at;
                let start_at = start_at.as_ref().map(KeyName::as_str);
                let page = self.from.list(self.selection.prefix(), start_at, PAGE).await?;
                (names, next) = (page.names.into(), page.next.map(Some));
            }
        });
        let selected = |name: &KeyName| self.selection.selects(name) && self.selection.name() != Some(name);
        names.try_filter(move |name| std::future::ready(selected(name))).boxed()
    }

    /// Does all these tasks, several at once, and notes what came of them.
    async fn all(
        &self,
        tasks: BoxStream<'_, Result<Task, StoreError>>,
        report: &mut Report,
        stop: &mut watch::Receiver<bool>,
        progress: &watch::Sender<Progress>,
    ) -> Result<(), End> {
        let give_up = Notify::new();
        let mut stopping = stop.clone();
        let enough = async {
            tokio::select! {
                () = stopped(&mut stopping) => {}
                () = give_up.notified() => {}
            }
        };
        let done = tasks.take_until(Box::pin(enough)).map(async |task| Ok(self.task(task?).await));
        let mut done = done.buffer_unordered(self.concurrency.max(1));
        let mut end = None;
        let mut outages = 0;
        // Also after the end was decided: what has begun is not left half done.
        while let Some(outcome) = done.next().await {
            match outcome {
                Ok((name, outcome)) => {
                    outages = if outcome.is_outage() { outages + 1 } else { 0 };
                    if outages == MAX_OUTAGES
                        && let Outcome::Failed(failure) = &outcome
                    {
                        end.get_or_insert_with(|| End::StoreFailed(failure.reason.clone()));
                        give_up.notify_one();
                    }
                    report.note(name, outcome);
                    progress.send_modify(|progress| progress.follow(report));
                }
                Err(error) => {
                    end.get_or_insert_with(|| listing_failed(error));
                    give_up.notify_one();
                }
            }
        }
        match end {
            Some(end) => Err(end),
            None if *stop.borrow() => Err(End::Stopped),
            None => Ok(()),
        }
    }

    async fn task(&self, task: Task) -> (String, Outcome) {
        match task {
            Task::Copy(name) => (name.as_str().to_owned(), self.entry(&name).await),
            Task::Explain(text) => {
                let outcome = self.explain(&text).await;
                (text, outcome)
            }
        }
    }
}

impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migration").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}

fn kind(name: &KeyName) -> Kind {
    if name.is_reserved() { Kind::Record } else { Kind::Key }
}

fn listing_failed(error: StoreError) -> End {
    End::StoreFailed(format!("the source cannot be listed: {error}"))
}

/// Runs what changes nothing, until it ends or `stop` turns true.
async fn unless_stopped<T>(
    stop: &mut watch::Receiver<bool>,
    reading: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, End> {
    tokio::select! {
        biased;
        () = stopped(stop) => Err(End::Stopped),
        result = reading => result.map_err(listing_failed),
    }
}

/// Waits until `stop` is true: for ever, once nobody can say so any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
