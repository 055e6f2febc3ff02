//! The bodies that servers send.

use kes_core::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Base64, RuleSet, is_false, is_zero, no_time};

/// Answer of `GET /version`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The release; `<unknown>` if nobody knows it.
    #[serde(default)]
    pub version: String,
    /// The commit, 40 hex digits; `<unknown>` if nobody knows it.
    #[serde(default)]
    pub commit: String,
}

/// Answer of `GET /v1/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The release, as in [`Version`].
    pub version: String,
    /// Operating system in Go's spelling: `linux`, `darwin`.
    pub os: String,
    /// Processor architecture in Go's spelling: `amd64`, `arm64`.
    pub arch: String,
    /// Seconds since the start.
    pub uptime: u64,
    /// Logical processors that the process may use.
    pub num_cpu: u64,
    /// Logical processors that the process uses.
    pub num_cpu_used: u64,
    /// Bytes of heap in use.
    pub mem_heap_used: u64,
    /// Bytes of stack.
    pub mem_stack_used: u64,
    /// Milliseconds that the key store took to answer, at least 1. Optional: absent if it did not.
    #[serde(skip_serializing_if = "is_zero")]
    pub keystore_latency: u64,
    /// Whether the check of the key store failed, for whatever reason. Optional.
    #[serde(skip_serializing_if = "is_false")]
    pub keystore_unreachable: bool,
    /// Some servers of 2023 told it apart from unreachable. Optional; never written by ours (decision 8).
    #[serde(skip_serializing_if = "is_false")]
    pub keystore_unavailable: bool,
}

/// One element of the array that `GET /v1/api` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiEntry {
    /// The method of the route table: `PUT`, not `POST`.
    pub method: String,
    /// The route up to and including its final slash, without an argument.
    pub path: String,
    /// Longest request body in bytes.
    pub max_body: u64,
    /// Seconds, cut to whole ones; 0 means none.
    pub timeout: u64,
}

/// Answer of `GET /v1/key/describe/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedKey {
    /// The key's name.
    #[serde(default)]
    pub name: String,
    /// `AES256` or `ChaCha20`. A server that names none means `AES256`.
    #[serde(default = "aes256")]
    pub algorithm: String,
    /// When the key was made; [`Timestamp::ZERO`] if it is too old to say.
    #[serde(default = "no_time")]
    pub created_at: Timestamp,
    /// Who made it. Optional.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created_by: String,
}

fn aes256() -> String {
    "AES256".to_owned()
}

/// Answer of `PUT /v1/key/encrypt/<name>`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct EncryptResponse {
    /// 44 bytes longer than the plaintext.
    pub ciphertext: Base64,
}

/// Answer of `PUT /v1/key/decrypt/<name>`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct DecryptResponse {
    /// What was encrypted.
    pub plaintext: Base64,
}

/// Answer of `PUT /v1/key/generate/<name>`: a data key, plain and sealed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct GenerateResponse {
    /// 32 random bytes.
    pub plaintext: Base64,
    /// The same, encrypted: 76 bytes.
    pub ciphertext: Base64,
}

/// Answer of `PUT /v1/key/hmac/<name>`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct HmacResponse {
    /// HMAC-SHA-256 of the message, 32 bytes.
    pub hmac: Base64,
}

/// Answer of `GET /v1/policy/describe/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyInfo {
    /// The policy's name.
    #[serde(default)]
    pub name: String,
    /// When the server started.
    #[serde(default = "no_time")]
    pub created_at: Timestamp,
    /// The administrator.
    #[serde(default)]
    pub created_by: String,
}

/// Answer of `GET /v1/policy/read/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRules {
    /// The policy's name.
    #[serde(default)]
    pub name: String,
    /// What it allows. Optional.
    #[serde(default, skip_serializing_if = "RuleSet::is_empty")]
    pub allow: RuleSet,
    /// What it denies. Optional.
    #[serde(default, skip_serializing_if = "RuleSet::is_empty")]
    pub deny: RuleSet,
    /// When the server started.
    #[serde(default = "no_time")]
    pub created_at: Timestamp,
    /// The administrator.
    #[serde(default)]
    pub created_by: String,
}

/// Answer of `GET /v1/identity/describe/<identity>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityInfo {
    /// Whether it is the administrator. Optional.
    #[serde(default, skip_serializing_if = "is_false")]
    pub admin: bool,
    /// Its policy. Optional.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// When the server started.
    #[serde(default = "no_time")]
    pub created_at: Timestamp,
    /// The administrator, for everybody else. Optional.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created_by: String,
}

/// Answer of `GET /v1/identity/self/describe`.
///
/// Written flat. Releases up to the reference's last nest name and rules in `policy` as an object; that is read too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SelfInfo {
    /// The caller.
    pub identity: String,
    /// Whether it is the administrator. Optional.
    #[serde(skip_serializing_if = "is_false")]
    pub admin: bool,
    /// When the server started.
    pub created_at: Timestamp,
    /// The administrator, for everybody else. Optional.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// The caller's policy. Optional.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// What the policy allows. Optional.
    #[serde(skip_serializing_if = "RuleSet::is_empty")]
    pub allow: RuleSet,
    /// What the policy denies. Optional.
    #[serde(skip_serializing_if = "RuleSet::is_empty")]
    pub deny: RuleSet,
}

impl<'de> Deserialize<'de> for SelfInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Members {
            #[serde(default)]
            identity: String,
            #[serde(default)]
            admin: bool,
            #[serde(default = "no_time")]
            created_at: Timestamp,
            #[serde(default)]
            created_by: String,
            #[serde(default)]
            policy_name: String,
            policy: Option<PolicyMember>,
            #[serde(default)]
            allow: RuleSet,
            #[serde(default)]
            deny: RuleSet,
        }

        #[derive(Deserialize)]
        #[serde(untagged)]
        enum PolicyMember {
            Name(String),
            Nested {
                #[serde(default)]
                name: String,
                #[serde(default)]
                allow: RuleSet,
                #[serde(default)]
                deny: RuleSet,
            },
        }

        let Members { identity, admin, created_at, created_by, policy_name, policy, allow, deny } =
            Members::deserialize(deserializer)?;
        let (policy, allow, deny) = match policy {
            None => (policy_name, allow, deny),
            Some(PolicyMember::Name(name)) => (name, allow, deny),
            Some(PolicyMember::Nested { name, allow, deny }) => {
                (if name.is_empty() { policy_name } else { name }, allow, deny)
            }
        };
        Ok(Self { identity, admin, created_at, created_by, policy, allow, deny })
    }
}

/// Body of every error that a route answers.
///
/// Written as `{"message":"…"}`. Some servers call the member `error`; where both are there, that one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErrorMessage {
    /// One short sentence for the client.
    pub message: String,
}

impl<'de> Deserialize<'de> for ErrorMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Members {
            #[serde(default)]
            message: String,
            #[serde(default)]
            error: String,
        }

        let Members { message, error } = Members::deserialize(deserializer)?;
        Ok(Self { message: if error.is_empty() { message } else { error } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).expect("json")
    }

    fn time() -> Timestamp {
        Timestamp::parse("2024-01-12T10:39:20.886816Z").expect("a time")
    }

    #[test]
    fn status_leaves_out_what_does_not_apply() {
        let mut status = Status { version: "v".into(), os: "linux".into(), arch: "amd64".into(), ..Status::default() };
        (status.uptime, status.num_cpu, status.num_cpu_used) = (1, 2, 2);
        (status.mem_heap_used, status.mem_stack_used, status.keystore_latency) = (689_000, 425_984, 1);
        let text = r#"{"version":"v","os":"linux","arch":"amd64","uptime":1,"num_cpu":2,"num_cpu_used":2,"mem_heap_used":689000,"mem_stack_used":425984,"keystore_latency":1}"#;
        assert_eq!(json(&status), text);
        assert_eq!(serde_json::from_str::<Status>(text).expect("a status"), status);
        (status.keystore_latency, status.keystore_unreachable) = (0, true);
        let text = json(&status);
        assert!(text.ends_with(r#""mem_stack_used":425984,"keystore_unreachable":true}"#), "{text}");
        // Official clients fail on this (D-13), ours must not.
        assert_eq!(serde_json::from_str::<Status>(&text).expect("a status"), status);
    }

    #[test]
    fn described_keys_have_the_members_of_the_specification() {
        let mut key = DescribedKey {
            name: "my-key".into(),
            algorithm: "AES256".into(),
            created_at: time(),
            created_by: "3ecf".into(),
        };
        let text =
            r#"{"name":"my-key","algorithm":"AES256","created_at":"2024-01-12T10:39:20.886816Z","created_by":"3ecf"}"#;
        assert_eq!(json(&key), text);
        assert_eq!(serde_json::from_str::<DescribedKey>(text).expect("a key"), key);
        (key.created_at, key.created_by) = (Timestamp::ZERO, String::new());
        assert_eq!(json(&key), r#"{"name":"my-key","algorithm":"AES256","created_at":"0001-01-01T00:00:00Z"}"#);
    }

    #[test]
    fn policies_have_sorted_rules_and_no_empty_ones() {
        let mut policy = PolicyRules {
            name: "p".into(),
            allow: ["/v1/b", "/v1/a"].into_iter().collect(),
            deny: RuleSet::default(),
            created_at: time(),
            created_by: "admin".into(),
        };
        assert_eq!(
            json(&policy),
            r#"{"name":"p","allow":{"/v1/a":{},"/v1/b":{}},"created_at":"2024-01-12T10:39:20.886816Z","created_by":"admin"}"#
        );
        policy.allow = RuleSet::default();
        assert_eq!(json(&policy), r#"{"name":"p","created_at":"2024-01-12T10:39:20.886816Z","created_by":"admin"}"#);
    }

    #[test]
    fn identities_are_told_as_administrator_or_by_policy() {
        let admin = IdentityInfo { admin: true, policy: String::new(), created_at: time(), created_by: String::new() };
        assert_eq!(json(&admin), r#"{"admin":true,"created_at":"2024-01-12T10:39:20.886816Z"}"#);
        let user = IdentityInfo { admin: false, policy: "p".into(), created_at: time(), created_by: "a".into() };
        assert_eq!(json(&user), r#"{"policy":"p","created_at":"2024-01-12T10:39:20.886816Z","created_by":"a"}"#);
    }

    #[test]
    fn self_descriptions_are_written_flat_and_read_flat_or_nested() {
        let user = SelfInfo {
            identity: "id".into(),
            admin: false,
            created_at: time(),
            created_by: "a".into(),
            policy: "p".into(),
            allow: ["/v1/x"].into_iter().collect(),
            deny: RuleSet::default(),
        };
        let flat = r#"{"identity":"id","created_at":"2024-01-12T10:39:20.886816Z","created_by":"a","policy":"p","allow":{"/v1/x":{}}}"#;
        assert_eq!(json(&user), flat);
        for text in [
            flat,
            r#"{"identity":"id","created_at":"2024-01-12T10:39:20.886816Z","created_by":"a","policy":{"name":"p","allow":{"/v1/x":{}}}}"#,
            r#"{"identity":"id","created_at":"2024-01-12T10:39:20.886816Z","created_by":"a","policy_name":"p","policy":{"allow":["/v1/x"]}}"#,
        ] {
            assert_eq!(serde_json::from_str::<SelfInfo>(text).expect(text), user);
        }
    }

    #[test]
    fn the_error_member_wins_over_the_message() {
        let read = |text| serde_json::from_str::<ErrorMessage>(text).expect(text).message;
        assert_eq!(read("{\"message\":\"key already exists\"\n}"), "key already exists");
        assert_eq!(read(r#"{"message":"a","error":"b"}"#), "b");
        assert_eq!(json(&ErrorMessage { message: "m".into() }), r#"{"message":"m"}"#);
    }
}
