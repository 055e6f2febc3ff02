//! Pages of names.

use serde::{Deserialize, Deserializer, Serialize};

/// Answer of `GET /v1/key/list/<pattern>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyNames {
    /// The names, sorted bytewise.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub names: Vec<String>,
    /// What to ask for next; empty at the end. Optional.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub continue_at: String,
}

/// Answer of `GET /v1/policy/list/<pattern>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyNames {
    /// The names, sorted bytewise.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub names: Vec<String>,
    /// What to ask for next; empty at the end. Always written.
    #[serde(default)]
    pub continue_at: String,
}

/// Answer of `GET /v1/identity/list/<pattern>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityNames {
    /// The identities, sorted bytewise.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub identities: Vec<String>,
    /// What to ask for next; empty at the end. Always written.
    #[serde(default)]
    pub continue_at: String,
}

/// Older servers write `null` for an empty list.
fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_key_lists_leave_an_empty_token_out() {
        let names = || vec!["a".to_owned()];
        let keys = KeyNames { names: names(), continue_at: String::new() };
        assert_eq!(serde_json::to_string(&keys).expect("json"), r#"{"names":["a"]}"#);
        let keys = KeyNames { names: names(), continue_at: "~b".to_owned() };
        assert_eq!(serde_json::to_string(&keys).expect("json"), r#"{"names":["a"],"continue_at":"~b"}"#);
        let policies = PolicyNames { names: names(), continue_at: String::new() };
        assert_eq!(serde_json::to_string(&policies).expect("json"), r#"{"names":["a"],"continue_at":""}"#);
        let identities = IdentityNames { identities: names(), continue_at: String::new() };
        assert_eq!(serde_json::to_string(&identities).expect("json"), r#"{"identities":["a"],"continue_at":""}"#);
    }

    #[test]
    fn null_and_nothing_are_empty_lists() {
        assert_eq!(serde_json::from_str::<KeyNames>(r#"{"names":null}"#).expect("a page"), KeyNames::default());
        assert_eq!(serde_json::from_str::<IdentityNames>("{}").expect("a page"), IdentityNames::default());
    }
}
