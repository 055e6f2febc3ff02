//! The rules of a policy as they travel: an object whose keys are the rules.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of rules, sorted bytewise.
///
/// Written as `{"<rule>":{},…}`. Read from that, from an array of rules (servers before v0.23) and from `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet(pub BTreeSet<String>);

impl RuleSet {
    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<T: Into<String>> FromIterator<T> for RuleSet {
    fn from_iter<I: IntoIterator<Item = T>>(rules: I) -> Self {
        Self(rules.into_iter().map(Into::into).collect())
    }
}

impl Serialize for RuleSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Nothing {}

        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for rule in &self.0 {
            map.serialize_entry(rule, &Nothing {})?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for RuleSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rules;

        impl<'de> Visitor<'de> for Rules {
            type Value = RuleSet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object whose keys are rules")
            }

            fn visit_unit<E>(self) -> Result<RuleSet, E> {
                Ok(RuleSet::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RuleSet, A::Error> {
                let mut rules = BTreeSet::new();
                while let Some((rule, IgnoredAny)) = entries.next_entry()? {
                    rules.insert(rule);
                }
                Ok(RuleSet(rules))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RuleSet, A::Error> {
                let mut rules = BTreeSet::new();
                while let Some(rule) = items.next_element()? {
                    rules.insert(rule);
                }
                Ok(RuleSet(rules))
            }
        }

        deserializer.deserialize_any(Rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_sorted_and_read_in_every_form() {
        let rules: RuleSet = ["/v1/b", "/v1/a*"].into_iter().collect();
        assert_eq!(serde_json::to_string(&rules).expect("json"), r#"{"/v1/a*":{},"/v1/b":{}}"#);
        for json in [r#"{"/v1/b":{},"/v1/a*":{"x":1}}"#, r#"["/v1/a*","/v1/b"]"#] {
            assert_eq!(serde_json::from_str::<RuleSet>(json).expect(json), rules);
        }
        assert!(serde_json::from_str::<RuleSet>("null").expect("no rules").is_empty());
        assert!(serde_json::from_str::<RuleSet>("1").is_err());
    }
}
