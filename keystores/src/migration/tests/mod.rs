//! Migrations between stores in memory, with faults, in paused time.

mod copying;
mod faults;
mod replacing;

use kes_core::{SecretBytes, Timestamp};

use super::*;
use crate::conformance::name;
use crate::fault::{Fault, FaultyStore, Operation};
use crate::{Created, MemoryStore};

/// What backups of these tests are named after.
const NOW: i64 = 1_700_000_000;

#[derive(Debug)]
struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(NOW, 0).expect("a time")
    }
}

/// A store with these entries.
async fn store(entries: &[(&str, &str)]) -> Arc<FaultyStore> {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    for (text, value) in entries {
        put(&*store, text, value).await;
    }
    store
}

async fn put(store: &dyn KeyStore, text: &str, value: &str) {
    assert_eq!(store.create(&name(text), &value.as_bytes().into()).await.expect("create"), Created::New);
}

/// All entries of a store that works, whatever their names.
async fn content(store: &FaultyStore) -> Vec<(String, String)> {
    store.heal();
    let listed = store.list("", None, usize::MAX).await.expect("list").names.into_iter();
    let hidden = store.unlisted().await.expect("unlisted").into_iter().map(|text| name(&text));
    let mut entries = Vec::new();
    for name in listed.chain(hidden) {
        let value: SecretBytes = store.get(&name).await.expect("get").expect("an entry");
        entries.push((name.to_string(), String::from_utf8(value.expose().to_vec()).expect("text")));
    }
    entries.sort();
    entries
}

/// Everything from one to the other, one entry after the other.
fn migration(from: &Arc<FaultyStore>, to: &Arc<FaultyStore>) -> Migration {
    Migration {
        from: from.clone(),
        to: to.clone(),
        selection: KeySelection::all(),
        existing: Existing::Report,
        dry_run: false,
        concurrency: 1,
        clock: Arc::new(Frozen),
    }
}

async fn run(migration: &Migration) -> Report {
    let stop = watch::Sender::new(false);
    migration.run(stop.subscribe(), &watch::Sender::default()).await
}

/// Copied, present, skipped, different, failed.
fn counts(report: &Report) -> [u64; 5] {
    [report.copied, report.present, report.skipped.count, report.different.count, report.failed.count]
}

fn reason<'a>(noted: &'a Noted, name: &str) -> &'a str {
    let entry = noted.entries.iter().find(|entry| entry.name == name);
    &entry.unwrap_or_else(|| panic!("{name} is not noted: {noted:?}")).reason
}
