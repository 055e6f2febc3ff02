//! One entry of the K/V engine: `{ "my-key": "<value>" }`, the member named as the key (specification: `keystores.md`
//! §4.1).

use std::collections::HashMap;

use kes_client::wire::to_json;
use kes_core::{KeyName, SecretBytes, SecretText};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::answer::Member;
use crate::StoreError;

/// What is at the place of an entry.
pub(super) type Members = HashMap<String, Member>;

/// The text of the entry `name`.
///
/// # Errors
/// [`StoreError::Corrupt`] if this is no entry of that name.
pub(super) fn text(mut members: Members, name: &KeyName) -> Result<SecretText, StoreError> {
    members.remove(name.as_str()).and_then(Member::into_text).ok_or_else(|| {
        StoreError::Corrupt(format!(
            "what is stored under `{name}` has no text member `{name}`; hint: if it was copied there, rename its member"
        ))
    })
}

/// An entry to be written.
pub(super) struct Entry<'a> {
    pub(super) name: &'a KeyName,
    pub(super) text: &'a str,
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(1))?;
        members.serialize_entry(self.name.as_str(), self.text)?;
        members.end()
    }
}

/// What version 2 takes: the entry, if there is none.
#[derive(Serialize)]
pub(super) struct NewEntry<'a> {
    options: Options,
    data: Entry<'a>,
}

#[derive(Serialize)]
struct Options {
    /// The version that is replaced; 0: none.
    cas: u8,
}

impl<'a> NewEntry<'a> {
    pub(super) fn new(name: &'a KeyName, text: &'a str) -> Self {
        Self { options: Options { cas: 0 }, data: Entry { name, text } }
    }
}

/// JSON in memory that is wiped.
pub(super) fn json(body: &impl Serialize) -> Result<SecretBytes, StoreError> {
    to_json(body).map_err(|_| StoreError::Denied("a value cannot be written as JSON".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::name;

    #[test]
    fn entries_have_one_member_of_their_name() {
        let name = name("my-key");
        let written = json(&Entry { name: &name, text: "a\"b" }).expect("json");
        assert_eq!(written.expose(), br#"{"my-key":"a\"b"}"#);
        let written = json(&NewEntry::new(&name, "x")).expect("json");
        assert_eq!(written.expose(), br#"{"options":{"cas":0},"data":{"my-key":"x"}}"#);
    }

    #[test]
    fn other_objects_are_no_entries() {
        let members = |json: &str| serde_json::from_str(json).expect("members");
        let name = name("my-key");
        assert_eq!(text(members(r#"{"my-key":"x","note":1}"#), &name).expect("an entry").expose(), "x");
        for other in [r#"{"other":"canary"}"#, r#"{"my-key":{"a":"canary"}}"#, "{}"] {
            let error = text(members(other), &name).unwrap_err().to_string();
            assert!(error.contains("my-key") && !error.contains("canary"), "{error}");
        }
    }
}
