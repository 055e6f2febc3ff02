//! Entries of the K/V engine, whichever version it has.

use std::sync::atomic::AtomicBool;

use kes_config::keystore::KvVersion;
use kes_core::{KeyName, SecretText};
use reqwest::Method;
use serde::Deserialize;

use super::address::Folder;
use super::answer::Envelope;
use super::api::Api;
use super::transport::{MAX_LISTING_BYTES, Request};
use crate::{Created, Deleted, StoreError, listing};

/// The folder of a K/V engine that keys are in.
#[derive(Debug)]
pub(super) struct Kv {
    pub(super) folder: Folder,
    /// Whether a delete finds out first whether there is an entry, which Vault does not tell (defect V8).
    pub(super) exact_delete: bool,
    /// Whether the server was found to send whole folders and no pages.
    pub(super) sends_all: AtomicBool,
}

#[derive(Deserialize)]
struct Listing {
    keys: Vec<String>,
}

impl Kv {
    /// The text of an entry.
    pub(super) async fn read(&self, api: &Api, name: &KeyName) -> Result<Option<SecretText>, StoreError> {
        match self.folder.version {
            KvVersion::V1 => self.read_v1(api, name).await,
            KvVersion::V2 => self.read_v2(api, name).await,
        }
    }

    /// Makes an entry unless there is one.
    pub(super) async fn create(&self, api: &Api, name: &KeyName, text: &str) -> Result<Created, StoreError> {
        match self.folder.version {
            KvVersion::V1 => self.create_v1(api, name, text).await,
            KvVersion::V2 => self.create_v2(api, name, text).await,
        }
    }

    /// Removes an entry, with version 2 all its versions.
    pub(super) async fn delete(&self, api: &Api, name: &KeyName) -> Result<Deleted, StoreError> {
        if self.exact_delete && self.read(api, name).await?.is_none() {
            return Ok(Deleted::Absent);
        }
        let request = Request::new(Method::DELETE, self.folder.whole_entry(name), api.namespace.as_deref());
        api.call(request).await?.done()?;
        Ok(Deleted::Gone)
    }

    /// What is in the folder and in no listing.
    pub(super) async fn unlisted(&self, api: &Api) -> Result<Vec<String>, StoreError> {
        let mut all = self.all(api).await?;
        all.retain(|text| listing::listed(text).is_none());
        all.sort_unstable();
        Ok(all)
    }

    /// The whole folder.
    pub(super) async fn all(&self, api: &Api) -> Result<Vec<String>, StoreError> {
        self.keys(api, "").await
    }

    /// What the folder has, or what of it `query` asks for.
    pub(super) async fn keys(&self, api: &Api, query: &str) -> Result<Vec<String>, StoreError> {
        let mut request = Request::new(Method::GET, self.folder.listing() + query, api.namespace.as_deref());
        request.limit = MAX_LISTING_BYTES;
        let answer = api.call(request).await?;
        // That is what Vault says of an empty folder (defect V2).
        if answer.is_absence() {
            return Ok(Vec::new());
        }
        Ok(answer.content::<Envelope<Listing>>()?.data.keys)
    }

    pub(super) fn read_request<'a>(&self, api: &'a Api, name: &KeyName, query: &str) -> Request<'a> {
        let mut request = Request::new(Method::GET, self.folder.entry(name) + query, api.namespace.as_deref());
        request.forwarded = api.forward;
        request
    }
}
