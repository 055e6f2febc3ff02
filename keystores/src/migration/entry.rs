//! One entry: read, created, read back. Nothing here overwrites anything.

use std::fmt::Display;

use kes_core::{KeyName, SecretBytes};

use super::{Existing, Migration};
use crate::{Created, StoreError};

/// What came of an entry.
#[derive(Debug)]
pub(super) enum Outcome {
    Copied,
    Present,
    Skipped(&'static str),
    Different(&'static str),
    Failed(Failure),
}

impl Outcome {
    /// Whether a store gave no answer.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Failed(Failure { outage: true, .. }))
    }
}

/// Why an entry was not copied.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: String,
    /// Whether a store gave no answer.
    outage: bool,
}

impl Failure {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), outage: false }
    }

    fn at(place: &'static str) -> impl FnOnce(StoreError) -> Self {
        move |error| {
            let outage = match error {
                StoreError::Unavailable(_) | StoreError::Busy { .. } | StoreError::Overloaded => true,
                StoreError::Denied(_) | StoreError::Corrupt(_) => false,
            };
            Self { reason: format!("at the {place}: {error}"), outage }
        }
    }

    fn and(mut self, also: impl Display) -> Self {
        self.reason = format!("{}; {also}", self.reason);
        self
    }
}

const SOURCE: &str = "source";
const TARGET: &str = "target";
const ANOTHER_VALUE: &str = "the target has another value";

impl Migration {
    /// Copies an entry.
    pub(super) async fn entry(&self, name: &KeyName) -> Outcome {
        self.copy(name).await.unwrap_or_else(Outcome::Failed)
    }

    /// Says what an entry is that no listing shows.
    pub(super) async fn explain(&self, text: &str) -> Outcome {
        const NO_KEY: Outcome = Outcome::Skipped("it is no key");
        let name = match KeyName::existing(text) {
            Ok(name) if self.from.can_address(&name) => name,
            _ => return NO_KEY,
        };
        match self.from.get(&name).await {
            Ok(Some(_)) => Outcome::Skipped("no new key can have this name; it is copied when its name is given"),
            Ok(None) | Err(StoreError::Corrupt(_)) => NO_KEY,
            Err(error) => Outcome::Failed(Failure::at(SOURCE)(error)),
        }
    }

    async fn copy(&self, name: &KeyName) -> Result<Outcome, Failure> {
        let Some(value) = self.from.get(name).await.map_err(Failure::at(SOURCE))? else {
            return match self.selection.name() == Some(name) {
                true => Err(Failure::new("it does not exist at the source")),
                false => Ok(Outcome::Skipped("it was deleted at the source meanwhile")),
            };
        };
        if !self.to.can_address(name) {
            return Err(Failure::new("the target cannot hold an entry of this name"));
        }
        if !self.dry_run && self.to.create(name, &value).await.map_err(Failure::at(TARGET))? == Created::New {
            self.verify(name, &value).await?;
            return Ok(Outcome::Copied);
        }
        let there = match self.to.get(name).await.map_err(Failure::at(TARGET))? {
            Some(there) => there,
            None if self.dry_run => return Ok(Outcome::Copied),
            None => return Err(Failure::new("it was deleted at the target meanwhile")),
        };
        match self.existing {
            _ if same(&there, &value) => Ok(Outcome::Present),
            Existing::Report => Ok(Outcome::Different(ANOTHER_VALUE)),
            Existing::Keep => Ok(Outcome::Skipped(ANOTHER_VALUE)),
            Existing::Replace => self.replace(name, &value, &there).await.map(|()| Outcome::Copied),
        }
    }

    /// Puts `value` in the place of `old`, of which there is a copy at the target at every moment.
    async fn replace(&self, name: &KeyName, value: &SecretBytes, old: &SecretBytes) -> Result<(), Failure> {
        let (seconds, _) = self.clock.now().to_unix();
        let backup = KeyName::stored(&format!("{name}--b{seconds}-"));
        let backup = backup.map_err(|_| Failure::new("it is not replaced: its name leaves no room for a backup's"))?;
        if self.dry_run {
            return Ok(());
        }
        match self.to.create(&backup, old).await {
            Ok(Created::New) => self.verify(&backup, old).await,
            Ok(Created::NameTaken) => return Err(Failure::new(format!("it is not replaced: `{backup}` is taken"))),
            Err(error) => Err(Failure::at(TARGET)(error)),
        }
        .map_err(|failure| failure.and(format_args!("it is not replaced, and may be at `{backup}` too")))?;
        let replaced = self.exchange(name, value).await;
        replaced.map_err(|failure| failure.and(format_args!("the old value is kept as `{backup}`")))?;
        match self.to.delete(&backup).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::at(TARGET)(error)
                .and(format_args!("it is replaced, and the old value is still there as `{backup}`"))),
        }
    }

    /// Deletes and creates. The old value is safe elsewhere.
    async fn exchange(&self, name: &KeyName, value: &SecretBytes) -> Result<(), Failure> {
        // Also if there is none any more.
        let _ = self.to.delete(name).await.map_err(Failure::at(TARGET))?;
        // A name that is taken again may hold the very value: whoever put it there meant the same.
        let _ = self.to.create(name, value).await.map_err(Failure::at(TARGET))?;
        self.verify(name, value).await
    }

    /// Reads an entry of the target back.
    async fn verify(&self, name: &KeyName, value: &SecretBytes) -> Result<(), Failure> {
        match self.to.get(name).await.map_err(Failure::at(TARGET))? {
            Some(there) if same(&there, value) => Ok(()),
            Some(_) => Err(Failure::new(format!("the target reads back another value of `{name}` than was written"))),
            None => Err(Failure::new(format!("the target has no `{name}` although it was written"))),
        }
    }
}

/// Whether two entries are the same key. Editors and web consoles add and change line ends, which mean nothing.
fn same(one: &SecretBytes, other: &SecretBytes) -> bool {
    one.same_as(other) || without_line_ends(one).same_as(&without_line_ends(other))
}

fn without_line_ends(value: &SecretBytes) -> SecretBytes {
    // Room for all of it, so that no smaller buffer is left behind.
    let mut bytes = Vec::with_capacity(value.len());
    bytes.extend(value.expose().iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
    SecretBytes::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_make_no_difference_and_all_else_does() {
        let same = |one: &str, other: &str| same(&SecretBytes::from(one.as_bytes()), &other.as_bytes().into());
        assert!(same("abc", "abc") && same("abc", "abc\r\n") && same("a\nbc", "abc"));
        assert!(!same("abc", "abd") && !same("abc", "abc ") && !same("abc", ""));
    }
}
