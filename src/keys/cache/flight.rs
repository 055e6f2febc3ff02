//! One fetch of a name at a time, which whoever needs the key shares.

use std::sync::Arc;

use kes_core::key::stored;
use kes_core::{Key, KeyName};
use kes_keystores::StoreError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::table::{Shard, Table};
use crate::keys::KeyError;

/// What the store told.
pub(super) type Outcome = Result<Option<Arc<Key>>, KeyError>;

/// A fetch under way. The receiver is also what tells one flight from another.
#[derive(Debug)]
pub(super) struct Flight {
    outcome: watch::Receiver<Option<Outcome>>,
    /// Whether somebody needs the key, rather than that its entry nears its end.
    awaited: bool,
    began: Instant,
}

/// What somebody who needs a key has, or waits for.
pub(super) enum Joined {
    Cached(Arc<Key>),
    /// The outcome, and since when it is waited for.
    Flight(watch::Receiver<Option<Outcome>>, Instant),
}

impl Table {
    /// Joins the fetch of a name that is under way, or begins one.
    pub(super) fn join_or_start(self: &Arc<Self>, name: &KeyName) -> Joined {
        let mut shard = self.write(name);
        // Another flight may have landed since the caller looked.
        if let Some((entry, _)) = self.live_entry(&shard, name) {
            return Joined::Cached(Arc::clone(&entry.key));
        }
        if let Some(flight) = shard.flights.get_mut(name) {
            flight.awaited = true;
            return Joined::Flight(flight.outcome.clone(), flight.began);
        }
        Joined::Flight(self.start(&mut shard, name, true), Instant::now())
    }

    /// Fetches a key again that is cached, unless a fetch is under way. Nobody waits for it.
    pub(super) fn refresh(self: &Arc<Self>, name: &KeyName) {
        let mut shard = self.write(name);
        if !shard.flights.contains_key(name) {
            self.start(&mut shard, name, false);
        }
    }

    fn start(self: &Arc<Self>, shard: &mut Shard, name: &KeyName, awaited: bool) -> watch::Receiver<Option<Outcome>> {
        let (sender, outcome) = watch::channel(None);
        shard.flights.insert(name.clone(), Flight { outcome: outcome.clone(), awaited, began: Instant::now() });
        let flight = InFlight { table: Arc::clone(self), name: name.clone(), outcome: outcome.clone() };
        tokio::spawn(async move {
            let result = flight.table.read_store(&flight.name).await;
            flight.land(&result);
            // Nobody waits any more: nothing to tell.
            let _ = sender.send(Some(result));
        });
        outcome
    }

    async fn read_store(&self, name: &KeyName) -> Outcome {
        let Some(value) = self.store.get(name).await? else { return Ok(None) };
        let key = stored::decode(value.expose())
            .map_err(|error| StoreError::Corrupt(format!("the entry of key `{name}` is no key: {error}")))?;
        Ok(Some(Arc::new(key)))
    }
}

/// A fetch from its start to its landing; whatever ends it, the name is free for another one.
struct InFlight {
    table: Arc<Table>,
    name: KeyName,
    outcome: watch::Receiver<Option<Outcome>>,
}

impl InFlight {
    fn land(&self, result: &Outcome) {
        let mut shard = self.table.write(&self.name);
        let Some(flight) = self.take_off(&mut shard) else { return };
        match result {
            Ok(Some(key)) if flight.awaited => self.table.insert(&mut shard, &self.name, key),
            Ok(Some(key)) => self.table.renew(&mut shard, &self.name, key),
            // An entry that was due, or neared its end, may still be there.
            Ok(None) => drop(shard.entries.remove(&self.name)),
            Err(error) if !flight.awaited => {
                tracing::debug!(
                    "key `{}` cannot be fetched ahead of its end, and stays until then: {error}",
                    self.name
                );
            }
            // Told to those who wait.
            Err(_) => {}
        }
    }

    /// Removes this flight from the table, if it was not detached before.
    fn take_off(&self, shard: &mut Shard) -> Option<Flight> {
        let current = shard.flights.get(&self.name).is_some_and(|flight| flight.outcome.same_channel(&self.outcome));
        if current { shard.flights.remove(&self.name) } else { None }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.take_off(&mut self.table.write(&self.name));
    }
}
