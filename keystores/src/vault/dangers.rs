//! Settings of Vault under which keys can be lost, as far as the token may see them, and tokens that are none for servers:
//! each is one warning with its cure (specification: `keystores.md` §4.4, §4.6). Servers work without the right to see
//! them.

use kes_config::keystore::KvVersion;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::address::{Folder, path};
use super::answer::Envelope;
use super::api::Api;
use super::transit::Transit;
use super::transport::Request;

/// How many versions of an entry are kept if an engine does not say. The first of them is the key.
const USUAL_VERSIONS: u64 = 10;

/// What an engine of version 2 says of itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Engine {
    /// 0: the usual number.
    max_versions: u64,
    delete_version_after: String,
}

/// What a transit key says of itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TransitKey {
    derived: bool,
    deletion_allowed: bool,
}

/// What is dangerous, each with its cure. What the token may not see is passed over.
pub(super) async fn found(api: &Api, folder: &Folder, transit: Option<&Transit>) -> Vec<String> {
    let mut dangers = Vec::new();
    if folder.version == KvVersion::V2
        && let Some(engine) = seen(api, path(&[&folder.engine, "config"])).await
    {
        dangers.extend(of_engine(&engine, &folder.engine));
    }
    if let Some(Transit(transit)) = transit
        && let Some(key) = seen(api, path(&[&transit.engine, "keys", &transit.key])).await
    {
        dangers.extend(of_transit_key(&key, &transit.engine, &transit.key));
    }
    dangers
}

async fn seen<T: DeserializeOwned>(api: &Api, path: String) -> Option<T> {
    let request = Request::new(Method::GET, path, api.namespace.as_deref());
    // A refusal is no reason for another login.
    let answer = api.transport.send(&request, Some(&api.session.lease().token)).await.ok()?;
    answer.content::<Envelope<T>>().ok().map(|content| content.data)
}

fn of_engine(engine: &Engine, name: &str) -> Vec<String> {
    let mut dangers = Vec::new();
    if (1..USUAL_VERSIONS).contains(&engine.max_versions) {
        let kept = engine.max_versions;
        dangers.push(format!(
            "the K/V engine `{name}` keeps {kept} versions of an entry: whoever writes as many further ones destroys a \
             key; hint: `vault write {name}/config max_versions={USUAL_VERSIONS}`, and let nobody else write there"
        ));
    }
    let after = &engine.delete_version_after;
    if !matches!(after.as_str(), "" | "0" | "0s") {
        dangers.push(format!(
            "the K/V engine `{name}` deletes what is `{after}` old, keys included; hint: `vault write {name}/config \
             delete_version_after=0s`, and `vault kv undelete` for what is gone"
        ));
    }
    dangers
}

fn of_transit_key(key: &TransitKey, engine: &str, name: &str) -> Vec<String> {
    let mut dangers = Vec::new();
    if key.derived {
        dangers.push(format!(
            "the transit key `{name}` is derived and cannot be used: no context is sent; hint: make one without \
             `derived=true`"
        ));
    }
    if key.deletion_allowed {
        dangers.push(format!(
            "the transit key `{name}` may be deleted, and with it every key that it encrypts; hint: `vault write \
             {engine}/keys/{name}/config deletion_allowed=false`"
        ));
    }
    dangers
}

/// What is dangerous in having a token with these policies, that is good for so many calls (0: for any number).
pub(super) fn of_token(policies: &[String], num_uses: u64) -> Vec<String> {
    let mut dangers = Vec::new();
    if policies.iter().any(|policy| policy == "root") {
        dangers.push(
            "the token for vault is a root token, which may do anything; hint: make one with the least policy \
             (docs/vault.md)"
                .to_owned(),
        );
    }
    if num_uses > 0 {
        dangers.push(format!(
            "the token for vault is good for {num_uses} calls: then calls fail until there may be another login; hint: do not \
             limit its uses (`token_num_uses=0` of its role)"
        ));
    }
    dangers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(json: &str) -> Vec<String> {
        of_engine(&serde_json::from_str(json).expect("an engine"), "kv")
    }

    fn transit_key(json: &str) -> Vec<String> {
        of_transit_key(&serde_json::from_str(json).expect("a key"), "transit", "kes")
    }

    #[test]
    fn tokens_that_are_none_for_servers_are_told() {
        let policies = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of_token(&policies(&["default", "kes"]), 0), [""; 0]);
        let dangers = of_token(&policies(&["root"]), 7);
        assert!(dangers[0].contains("root token") && dangers[1].contains("7 calls"), "{dangers:?}");
    }

    #[test]
    fn usual_settings_are_not_dangerous() {
        for json in [r#"{"max_versions":0,"delete_version_after":"0s","cas_required":false}"#, r#"{"max_versions":10}"#]
        {
            assert_eq!(engine(json), [""; 0], "{json}");
        }
        assert_eq!(transit_key(r#"{"derived":false,"deletion_allowed":false,"name":"kes"}"#), [""; 0]);
    }

    #[test]
    fn every_danger_has_a_cure() {
        let dangers = engine(r#"{"max_versions":1,"delete_version_after":"720h0m0s"}"#);
        assert!(dangers[0].contains("max_versions=10") && dangers[1].contains("`720h0m0s` old"), "{dangers:?}");
        let dangers = transit_key(r#"{"derived":true,"deletion_allowed":true}"#);
        assert!(dangers[0].contains("derived=true") && dangers[1].contains("deletion_allowed=false"), "{dangers:?}");
    }
}
