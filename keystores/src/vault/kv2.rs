//! The K/V engine, version 2 (specification: `keystores.md` §4.4). Only the first version of an entry is ours; further
//! ones are other people's, and ciphertexts do not depend on them.

use kes_core::{KeyName, SecretText};
use reqwest::Method;
use serde::Deserialize;

use super::answer::Envelope;
use super::api::Api;
use super::entry::{self, Members, NewEntry};
use super::kv::Kv;
use super::transport::Request;
use crate::{Created, StoreError};

/// What is at the place of an entry.
pub(super) enum Found {
    Entry(SecretText),
    Nothing,
    /// An entry without its first version, and why.
    Lost(&'static str),
}

const SOFT_DELETED: &str = "its version 1 is soft-deleted; hint: `vault kv undelete -versions=1` brings it back";
const DESTROYED: &str =
    "its version 1 was destroyed and cannot be brought back; hint: `vault kv metadata delete` frees the name";
const ROTATED_OUT: &str = "its version 1 went when others wrote too many versions, and with it the key; hint: only a \
                           backup of vault has it, and `vault kv metadata delete` frees the name";

/// The content of an answer about a version.
#[derive(Deserialize)]
struct Versioned {
    data: Option<Members>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    destroyed: bool,
}

impl Kv {
    pub(super) async fn read_v2(&self, api: &Api, name: &KeyName) -> Result<Option<SecretText>, StoreError> {
        Ok(match self.find_v2(api, name).await? {
            Found::Entry(text) => Some(text),
            Found::Nothing => None,
            Found::Lost(why) => {
                tracing::error!("the key `{name}` is in vault and cannot be read: {why}");
                None
            }
        })
    }

    async fn find_v2(&self, api: &Api, name: &KeyName) -> Result<Found, StoreError> {
        let answer = api.call(self.read_request(api, name, "?version=1")).await?;
        if answer.is_absence() {
            // The first version is not there. Is another one?
            let newest = api.call(self.read_request(api, name, "")).await?;
            return match newest.status {
                404 if newest.is_absence() => Ok(Found::Nothing),
                404 => newest.parsed::<Envelope<Versioned>>().map(|_| Found::Lost(ROTATED_OUT)),
                _ => newest.content::<Envelope<Versioned>>().map(|_| Found::Lost(ROTATED_OUT)),
            };
        }
        if answer.status == 404 {
            // With metadata it is about a version that was deleted; otherwise about something else that is missing.
            let Ok(Envelope { data }) = answer.parsed::<Envelope<Versioned>>() else { return Err(answer.refusal()) };
            return Ok(Found::Lost(if data.metadata.destroyed { DESTROYED } else { SOFT_DELETED }));
        }
        let content: Envelope<Versioned> = answer.content()?;
        let members = content.data.data.ok_or_else(|| answer.refusal())?;
        entry::text(members, name).map(Found::Entry)
    }

    /// Writes version 1 if there is no version yet, which Vault decides.
    pub(super) async fn create_v2(&self, api: &Api, name: &KeyName, text: &str) -> Result<Created, StoreError> {
        let request = Request::new(Method::PUT, self.folder.entry(name), api.namespace.as_deref());
        let request = request.json(entry::json(&NewEntry::new(name, text))?, text);
        let Some(answer) = api.call_unless(request, self.is_taken_v2(api, name)).await? else {
            return Ok(Created::NameTaken);
        };
        if answer.status == 400 && answer.text().contains("check-and-set parameter did not match") {
            // What is there decides what to say; if it went meanwhile, it was there all the same.
            self.is_taken_v2(api, name).await?;
            return Ok(Created::NameTaken);
        }
        // Version 1 takes this, too, and keeps it as it is, of which it has nothing to say.
        if answer.status == 204 {
            let hint = "hint: `version: v1`, and delete what is there now below `data`";
            return Err(StoreError::Denied(format!("{}: the K/V engine has version 1; {hint}", answer.request)));
        }
        let _: Envelope<Written> = answer.content()?;
        Ok(Created::New)
    }

    /// Whether there is an entry of that name.
    ///
    /// # Errors
    /// [`StoreError::Denied`] for one that is there without its first version: neither can its name be used, nor is it
    /// brought back by a create.
    async fn is_taken_v2(&self, api: &Api, name: &KeyName) -> Result<bool, StoreError> {
        match self.find_v2(api, name).await {
            Ok(Found::Lost(why)) => Err(StoreError::Denied(format!("the key `{name}` is in vault already: {why}"))),
            Ok(Found::Entry(_)) | Err(StoreError::Corrupt(_)) => Ok(true),
            Ok(Found::Nothing) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// What version 2 says of what it has written.
#[derive(Deserialize)]
struct Written {
    #[serde(rename = "version")]
    _version: u64,
}
