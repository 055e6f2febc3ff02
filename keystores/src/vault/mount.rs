//! Whether the configured K/V engine is there and is what the configuration says (specification: `keystores.md` §4.4):
//! an engine of version 1 takes what is meant for version 2 without a word, and creates would not be atomic.

use kes_config::keystore::KvVersion;
use reqwest::Method;
use serde::Deserialize;

use super::address::{Folder, path};
use super::answer::Envelope;
use super::api::Api;
use super::transport::Request;
use crate::StoreError;

#[derive(Deserialize)]
struct Mount {
    path: String,
    #[serde(rename = "type")]
    kind: String,
    options: Option<Options>,
}

#[derive(Deserialize)]
struct Options {
    version: Option<String>,
}

/// What Vault says of a namespace that it does not have.
const NO_NAMESPACE: &str = "namespace not found";

/// Asks for the engine. One that Vault does not speak of is taken for what the configuration says.
///
/// # Errors
/// [`StoreError::Denied`] if it is another one or its namespace is missing, those of the call.
pub(super) async fn check(api: &Api, folder: &Folder) -> Result<(), StoreError> {
    let path = path(&["sys", "internal", "ui", "mounts", &folder.engine]);
    let request = Request::new(Method::GET, path, api.namespace.as_deref());
    // A refusal is no reason for another login.
    let answer = api.transport.send(&request, Some(&api.session.lease().token)).await?;
    let mount: Mount = match answer.content::<Envelope<Mount>>() {
        Ok(content) => content.data,
        Err(StoreError::Denied(_)) if answer.status == 404 && answer.text().contains(NO_NAMESPACE) => {
            let namespace = api.namespace.as_deref().unwrap_or("/");
            let reason = format!(
                "keystore.vault.namespace: vault has no namespace `{namespace}`; hint: write its whole path, from the root on"
            );
            return Err(StoreError::Denied(reason));
        }
        Err(StoreError::Denied(reason)) => {
            tracing::warn!(
                "cannot find out whether vault's K/V engine `{}` has version {}, as configured: {reason}; hint: look \
                 whether `engine` and the policy of the token fit",
                folder.engine,
                number(folder.version),
            );
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    judge(&mount, folder).map_err(StoreError::Denied)
}

fn judge(mount: &Mount, folder: &Folder) -> Result<(), String> {
    let engine = &folder.engine;
    // What was `generic` before Vault 0.10 still may be called that.
    if !matches!(mount.kind.as_str(), "kv" | "generic") {
        return Err(format!("keystore.vault.engine: `{engine}` is no K/V engine but one of type `{}`", mount.kind));
    }
    let version = mount.options.as_ref().and_then(|options| options.version.as_deref()).unwrap_or("1");
    let configured = number(folder.version);
    if version != configured {
        return Err(format!(
            "keystore.vault.version: the K/V engine `{engine}` has version {version}, not {configured}; hint: write \
             `version: v{version}` if keys are kept there already"
        ));
    }
    let mounted = mount.path.trim_matches('/');
    if mounted != engine.trim_matches('/') {
        return Err(format!(
            "keystore.vault.engine: the K/V engine is `{mounted}`, not `{engine}`; hint: folders in it are the `prefix`"
        ));
    }
    Ok(())
}

fn number(version: KvVersion) -> &'static str {
    match version {
        KvVersion::V1 => "1",
        KvVersion::V2 => "2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(mount: &str, engine: &str, version: KvVersion) -> Result<(), String> {
        let folder = Folder { engine: engine.to_owned(), prefix: String::new(), version };
        judge(&serde_json::from_str(mount).expect("a mount"), &folder)
    }

    #[test]
    fn an_engine_has_to_be_the_one_that_was_configured() {
        const ONE: &str = r#"{"path":"kv/","type":"kv","options":{"version":"1"}}"#;
        const TWO: &str = r#"{"path":"a/kv/","type":"kv","options":{"version":"2"}}"#;
        const OLD: &str = r#"{"path":"secret/","type":"generic","options":null}"#;
        assert_eq!(judged(ONE, "kv", KvVersion::V1), Ok(()));
        assert_eq!(judged(TWO, "a/kv", KvVersion::V2), Ok(()));
        assert_eq!(judged(OLD, "secret", KvVersion::V1), Ok(()));
        for (mount, engine, version, hint) in [
            (ONE, "kv", KvVersion::V2, "version: v1"),
            (TWO, "a/kv", KvVersion::V1, "version: v2"),
            (OLD, "secret", KvVersion::V2, "version: v1"),
            (TWO, "a/kv/tenant", KvVersion::V2, "prefix"),
            (r#"{"path":"pki/","type":"pki","options":null}"#, "pki", KvVersion::V1, "type `pki`"),
        ] {
            let error = judged(mount, engine, version).unwrap_err();
            assert!(error.contains(hint), "{error}");
        }
    }
}
