//! One mapping of the file, read key by key.
//!
//! A section remembers what it was asked for. What is left over when it is [finished](Section::finish) is a key that
//! nobody knows, and the keys that were asked for are the ones to suggest instead.

use std::path::PathBuf;
use std::time::Duration;

use kes_core::SecretText;
use zeroize::Zeroizing;

use crate::environment::substitute;
use crate::nearest::nearest;
use crate::problem::{Wrong, shown};
use crate::report::{Place, Report};
use crate::scalar;
use crate::tree::{Entry, Node, Value};

/// The cure for what is missing.
const SET_IT: &str = "set this key";

/// A scalar, substituted, and where it stands. It may be a secret: nothing here puts it into a message.
pub(crate) struct Text {
    pub(crate) value: Zeroizing<String>,
    pub(crate) place: Place,
}

/// A mapping of the file, or the lack of one: then it has no keys and stands where its parent does.
pub(crate) struct Section<'t> {
    pub(crate) place: Place,
    entries: Option<&'t [Entry]>,
    asked: Vec<&'static str>,
    /// Keys that a later version will know: nothing to suggest.
    reserved: Vec<&'static str>,
    /// Whether something else than a mapping stands here, which was reported: what it lacks is no news.
    is_wrong: bool,
}

impl<'t> Section<'t> {
    pub(crate) fn root(entries: &'t [Entry]) -> Self {
        Self::new(Place::root(), Some(entries), false)
    }

    fn new(place: Place, entries: Option<&'t [Entry]>, is_wrong: bool) -> Self {
        Self { place, entries, asked: Vec::new(), reserved: Vec::new(), is_wrong }
    }

    /// The section of an entry that was found by other means than its name.
    pub(crate) fn of_node(place: Place, node: &'t Node, report: &mut Report<'_>) -> Self {
        match &node.value {
            Value::Map(entries) => Self::new(place, Some(entries), false),
            Value::Null => Self::new(place, None, false),
            Value::Text(_) | Value::List(_) => {
                report.error(&place, format!("must be a mapping, and is {}", node.kind()), "write `key: value` lines");
                Self::new(place, None, true)
            }
        }
    }

    /// Whether the section stands in the file, be it empty.
    pub(crate) fn is_present(&self) -> bool {
        self.entries.is_some()
    }

    /// The keys of a section whose keys are names of the operator's choice, each with its place; `x-` keys are not
    /// skipped.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Place, &'t Entry)> + use<'t> {
        let place = self.place.clone();
        let entries = self.entries.unwrap_or_default();
        entries.iter().map(move |entry| (Place { path: place.below(&entry.key), at: entry.at }, entry))
    }

    /// The value of a key with the key's place. Nothing, `~` and `null` are as good as no key.
    pub(crate) fn node(&mut self, name: &'static str) -> Option<(Place, &'t Node)> {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        let entry = self.entries?.iter().find(|entry| entry.key == name)?;
        let place = Place { path: self.place.below(name), at: entry.at };
        (!matches!(entry.node.value, Value::Null)).then_some((place, &entry.node))
    }

    pub(crate) fn section(&mut self, name: &'static str, report: &mut Report<'_>) -> Section<'t> {
        match self.node(name) {
            Some((place, node)) => Section::of_node(place, node, report),
            None => {
                let place = Place { path: self.place.below(name), at: self.place.at };
                Section::new(place, None, self.is_wrong)
            }
        }
    }

    /// The text of a key, substituted, perhaps empty.
    pub(crate) fn text(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<Text> {
        let (place, node) = self.node(name)?;
        text_of(place, node, report)
    }

    /// The text of a key as it was written: `${NAME}` is text like any other.
    pub(crate) fn literal(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<Text> {
        let (place, node) = self.node(name)?;
        literal_of(place, node, report)
    }

    /// The text of a key, unless it is empty.
    pub(crate) fn filled(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<Text> {
        self.text(name, report).filter(|text| !text.value.is_empty())
    }

    /// The text of a key that must be there and not empty. `what` names it in the message.
    pub(crate) fn required(&mut self, name: &'static str, what: &str, report: &mut Report<'_>) -> Option<Text> {
        let there = self.node(name).is_some();
        match self.text(name, report) {
            Some(text) if !text.value.is_empty() => return Some(text),
            Some(text) => report.error(&text.place, format!("{what} is missing: the value is empty"), SET_IT),
            // What is there and is no text was reported where it was read.
            None if there || self.is_wrong => {}
            None => {
                let place = Place { path: self.place.below(name), at: self.place.at };
                report.error(&place, format!("{what} is missing"), SET_IT);
            }
        }
        None
    }

    /// A secret, unless it is empty. What is wrong with its value cannot be said here or anywhere.
    pub(crate) fn secret(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<SecretText> {
        self.filled(name, report).map(Text::into_secret)
    }

    /// A secret that must be there.
    pub(crate) fn required_secret(
        &mut self,
        name: &'static str,
        what: &str,
        report: &mut Report<'_>,
    ) -> Option<SecretText> {
        self.required(name, what, report).map(Text::into_secret)
    }

    /// A path, unless it is empty. Relative ones are relative to the working directory.
    pub(crate) fn path(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<PathBuf> {
        self.filled(name, report).map(|text| PathBuf::from(text.value.as_str()))
    }

    /// The text of a key that is not empty, as an owned string.
    pub(crate) fn string(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<String> {
        self.filled(name, report).map(|text| text.value.to_string())
    }

    /// A value with a form of its own. An empty text goes to `parse` like any other.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        report: &mut Report<'_>,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let text = self.text(name, report)?;
        parse(&text.value).map_err(|wrong| report.wrong(&text.place, wrong)).ok()
    }

    /// A duration, not negative.
    pub(crate) fn duration(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<Duration> {
        self.parsed(name, report, scalar::duration)
    }

    /// A duration of more than nothing.
    pub(crate) fn positive_duration(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<Duration> {
        self.parsed(name, report, |text| match scalar::duration(text)? {
            Duration::ZERO => Err(Wrong::new("must be more than zero", "write a duration such as `10s`")),
            duration => Ok(duration),
        })
    }

    /// A whole number of at least `least`.
    pub(crate) fn number<T>(&mut self, name: &'static str, least: T, report: &mut Report<'_>) -> Option<T>
    where
        T: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        self.parsed(name, report, |text| scalar::number(text, &least))
    }

    /// Yes or no, in all the words that YAML has for it.
    pub(crate) fn boolean(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<bool> {
        self.parsed(name, report, scalar::boolean)
    }

    /// `on` or `off`; the empty text is off.
    pub(crate) fn switch(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<bool> {
        self.parsed(name, report, scalar::switch)
    }

    /// The substituted texts of a list.
    pub(crate) fn list(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<Vec<Text>> {
        self.items(name, report, text_of)
    }

    /// The texts of a list as they were written: `${NAME}` is text like any other.
    pub(crate) fn literal_list(&mut self, name: &'static str, report: &mut Report<'_>) -> Option<Vec<Text>> {
        self.items(name, report, literal_of)
    }

    fn items(
        &mut self,
        name: &'static str,
        report: &mut Report<'_>,
        read: fn(Place, &Node, &mut Report<'_>) -> Option<Text>,
    ) -> Option<Vec<Text>> {
        let (place, node) = self.node(name)?;
        let Value::List(items) = &node.value else {
            let place = Place { at: node.at, ..place };
            report.error(&place, format!("must be a list, and is {}", node.kind()), format!("write `{name}: [...]`"));
            return None;
        };
        let read_one = |(index, item): (usize, &Node)| {
            let place = Place { path: format!("{}[{index}]", place.path), at: item.at };
            read(place, item, report)
        };
        Some(items.iter().enumerate().filter_map(read_one).collect())
    }

    /// A key that a later version will know.
    pub(crate) fn reserved(&mut self, name: &'static str, report: &mut Report<'_>) {
        let found = self.node(name);
        self.asked.retain(|asked| *asked != name);
        self.reserved.push(name);
        if let Some((place, _)) = found {
            report.error(&place, "not available in this version", "remove it");
        }
    }

    /// Reports every key that was not asked for. Keys that begin with `x-` are the operator's own.
    pub(crate) fn finish(self, report: &mut Report<'_>) {
        for (place, entry) in self.entries() {
            let key = entry.key.as_str();
            if key.starts_with("x-") || self.asked.contains(&key) || self.reserved.contains(&key) {
                continue;
            }
            let hint = match nearest(&entry.key, &self.asked) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known here: {}", self.asked.join(", ")),
            };
            report.error(&place, format!("{} is no setting", shown(&entry.key)), hint);
        }
    }
}

impl Text {
    /// Parses the value, or reports what is wrong with it.
    pub(crate) fn parse<T>(&self, report: &mut Report<'_>, parse: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        parse(&self.value).map_err(|wrong| report.wrong(&self.place, wrong)).ok()
    }

    /// Takes the value over without copying it.
    pub(crate) fn into_secret(mut self) -> SecretText {
        SecretText::from(std::mem::take(&mut *self.value))
    }
}

fn text_of(place: Place, node: &Node, report: &mut Report<'_>) -> Option<Text> {
    let text = literal_of(place, node, report)?;
    match substitute(&text.value, report.environment) {
        Ok(value) => Some(Text { value, ..text }),
        Err(not_set) => {
            let message = match not_set.name {
                Some(name) => format!("the environment variable {} is not set", shown(&name)),
                None => "what stands between `${` and `}` is not the name of a variable".to_owned(),
            };
            report.error(&text.place, message, "set it, or give a default: `${NAME:-default}`");
            None
        }
    }
}

/// A scalar as written; nothing is the empty text.
fn literal_of(place: Place, node: &Node, report: &mut Report<'_>) -> Option<Text> {
    let place = Place { at: node.at, ..place };
    match &node.value {
        Value::Text(text) => Some(Text { value: text.clone(), place }),
        Value::Null => Some(Text { value: Zeroizing::default(), place }),
        Value::List(_) | Value::Map(_) => {
            report.error(&place, format!("must be text, and is {}", node.kind()), "put the text in quotes");
            None
        }
    }
}
