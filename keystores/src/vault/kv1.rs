//! The K/V engine, version 1 (specification: `keystores.md` §4.3). It has no atomic create.

use std::time::Duration;

use kes_core::{KeyName, SecretText};
use reqwest::Method;
use tokio::time::{Instant, sleep};

use super::answer::Envelope;
use super::api::Api;
use super::entry::{self, Entry, Members};
use super::kv::Kv;
use super::transport::Request;
use crate::{Created, StoreError};

/// The least time from writing an entry to reading it back, and how far it is strewn. A busy machine holds
/// a server up for 50 ms now and then.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
const JITTER: Duration = Duration::from_millis(50);

/// The longest: a create has to end.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Kv {
    pub(super) async fn read_v1(&self, api: &Api, name: &KeyName) -> Result<Option<SecretText>, StoreError> {
        let answer = api.call(self.read_request(api, name, "")).await?;
        if answer.is_absence() {
            return Ok(None);
        }
        let content: Envelope<Members> = answer.content()?;
        entry::text(content.data, name).map(Some)
    }

    /// Looks, writes, and looks again. Two who look before either has written both write, and the later one destroys
    /// what the earlier one wrote. So whoever has written waits until all who looked before that have written too, and
    /// then only the one whose value is there has created it. Nothing tells how long others take, but they are as far away
    /// from Vault as we are: hence twice the time that looking and writing took here. A token that may create and not
    /// update makes it closer to certain.
    pub(super) async fn create_v1(&self, api: &Api, name: &KeyName, text: &str) -> Result<Created, StoreError> {
        let begin = Instant::now();
        if self.is_taken_v1(api, name).await? {
            return Ok(Created::NameTaken);
        }
        let request = Request::new(Method::PUT, self.folder.entry(name), api.namespace.as_deref());
        let request = request.json(entry::json(&Entry { name, text })?, text);
        let Some(answer) = api.call_unless(request, self.is_taken_v1(api, name)).await? else {
            return Ok(Created::NameTaken);
        };
        answer.done()?;
        let pause = (begin.elapsed() * 2).clamp(PAUSE, LONGEST_PAUSE) + JITTER.mul_f64(fastrand::f64());
        sleep(pause).await;
        match self.read_v1(api, name).await {
            Ok(Some(there)) if there.expose() == text => Ok(Created::New),
            Ok(_) | Err(StoreError::Corrupt(_)) => {
                tracing::warn!(
                    "another server created `{name}` at the same time; K/V version 2 would have prevented it"
                );
                Ok(Created::NameTaken)
            }
            // It is written, and whether it stays is not known.
            Err(StoreError::Denied(reason)) => Err(StoreError::Unavailable(reason)),
            Err(error) => Err(error),
        }
    }

    /// Whether anything is there, be it an entry or not: a foreign object is not overwritten either.
    async fn is_taken_v1(&self, api: &Api, name: &KeyName) -> Result<bool, StoreError> {
        self.read_v1(api, name).await.map(|entry| entry.is_some())
    }
}
