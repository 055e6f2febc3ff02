//! The requests.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;
use kes_core::{Algorithm, SecretBytes};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::builder::Builder;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::events::Events;
use crate::transport::{Answer, Call, Transport};
use crate::wire::{self, Base64};

/// How HTTP writes times (RFC 9110 §5.6.7); all are in UTC.
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// What stands for itself in a path segment (RFC 3986 §2.3). `~` is among it, so that tokens of lists keep their form.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A client of one or several servers.
///
/// Keep one and share it: clones are cheap and use the same connections, and all methods may be called from many tasks
/// at once. It needs a Tokio runtime with I/O and time. A call that is dropped before it ends may or may not have been
/// carried out. Every method fails with the variants of [`Error`]; those listed are the ones that callers usually want to
/// tell apart.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Arc<Transport>,
    limit: Option<Duration>,
}

/// A fresh data key.
#[derive(Debug)]
#[non_exhaustive]
pub struct DataKey {
    /// 32 random bytes to encrypt with. Not to be stored.
    pub plaintext: SecretBytes,
    /// The same, encrypted: what to store beside what it encrypts. 76 bytes from servers of today.
    pub ciphertext: Vec<u8>,
}

impl Client {
    /// Describes a client.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(transport: Transport, limit: Option<Duration>) -> Self {
        Self { transport: Arc::new(transport), limit }
    }

    /// The same client, connections included, with another limit for each call than that of [`Builder::timeout`].
    #[must_use]
    pub fn with_timeout(&self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self.clone() }
    }

    /// The servers in the order in which they were given.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.transport.endpoints()
    }

    /// The server's release. Needs no permission.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn version(&self) -> Result<wire::Version, Error> {
        self.get("/version".to_owned()).await
    }

    /// What the server's clock says, to the second, whatever else it answers; `None` if it does not tell. Needs no
    /// permission.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn clock(&self) -> Result<Option<SystemTime>, Error> {
        let call =
            Call { method: Method::GET, path: "/version".to_owned(), body: None, repeatable: true, streamed: false };
        let answer = self.transport.send(&call, self.limit).await?;
        let moment = |text: String| PrimitiveDateTime::parse(&text, HTTP_DATE).ok();
        Ok(answer.date.and_then(moment).map(|time| time.assume_utc().into()))
    }

    /// What the server says about itself and its key store.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn status(&self) -> Result<wire::Status, Error> {
        self.get("/v1/status".to_owned()).await
    }

    /// The routes of the server with their limits.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn api(&self) -> Result<Vec<wire::ApiEntry>, Error> {
        self.get("/v1/api".to_owned()).await
    }

    /// Whether the server can serve: its key store answers.
    ///
    /// # Errors
    /// [`Error::Api`] with 502 or 504 if it does not.
    pub async fn ready(&self) -> Result<(), Error> {
        self.send(Method::GET, "/v1/ready".to_owned(), Payload::none(), true).await.map(drop)
    }

    /// Creates a key with random material.
    ///
    /// # Errors
    /// [`Error::KeyExists`]; [`Error::Interrupted`] if nobody knows whether it was created.
    pub async fn create_key(&self, name: &str) -> Result<(), Error> {
        let path = key_path("create", name)?;
        self.send(Method::POST, path, Payload::none(), false).await.map(drop)
    }

    /// Creates a key with this material, 32 bytes.
    ///
    /// # Errors
    /// As [`Client::create_key`], and [`Error::Api`] with 406 if the length is wrong.
    pub async fn import_key(&self, name: &str, key: SecretBytes, algorithm: Algorithm) -> Result<(), Error> {
        let path = key_path("import", name)?;
        let body = wire::ImportRequest { key: key.into(), cipher: algorithm.as_str().to_owned() };
        self.send(Method::POST, path, Payload::json(&body), false).await.map(drop)
    }

    /// When and by whom a key was made.
    ///
    /// # Errors
    /// [`Error::KeyNotFound`].
    pub async fn describe_key(&self, name: &str) -> Result<wire::DescribedKey, Error> {
        self.get(key_path("describe", name)?).await
    }

    /// Deletes a key. What was encrypted with it is lost.
    ///
    /// # Errors
    /// [`Error::KeyNotFound`]; [`Error::Interrupted`] if nobody knows whether it was deleted.
    pub async fn delete_key(&self, name: &str) -> Result<(), Error> {
        let path = key_path("delete", name)?;
        self.send(Method::DELETE, path, Payload::none(), false).await.map(drop)
    }

    /// The names of all keys that match a pattern: a prefix, with or without a final `*`. All pages.
    ///
    /// # Errors
    /// [`Error::Protocol`] if the server pages in a way that loses names.
    pub async fn list_keys(&self, pattern: &str) -> Result<Vec<String>, Error> {
        self.list("/v1/key/list/", pattern, |page: wire::KeyNames| (page.names, page.continue_at)).await
    }

    /// Encrypts. Decrypting needs the same context, which is authenticated and not kept. Servers take at most some
    /// 700 KiB; for more, encrypt with a data key.
    ///
    /// # Errors
    /// [`Error::KeyNotFound`]; [`Error::Api`] with 400 if it is too long.
    pub async fn encrypt(&self, name: &str, plaintext: &[u8], context: &[u8]) -> Result<Vec<u8>, Error> {
        let body = wire::EncryptRequest { plaintext: plaintext.into(), context: context.into() };
        let answer: wire::EncryptResponse = self.post(key_path("encrypt", name)?, &body).await?;
        Ok(answer.ciphertext.expose().to_vec())
    }

    /// Decrypts what [`Client::encrypt`] or [`Client::generate_key`] made.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`], [`Error::KeyNotFound`].
    pub async fn decrypt(&self, name: &str, ciphertext: &[u8], context: &[u8]) -> Result<SecretBytes, Error> {
        let body = wire::DecryptRequest { ciphertext: ciphertext.into(), context: context.into() };
        let answer: wire::DecryptResponse = self.post(key_path("decrypt", name)?, &body).await?;
        Ok(answer.plaintext.0)
    }

    /// A fresh data key, plain and encrypted. [`Client::decrypt`] opens it again, with the same context.
    ///
    /// # Errors
    /// [`Error::KeyNotFound`].
    pub async fn generate_key(&self, name: &str, context: &[u8]) -> Result<DataKey, Error> {
        let body = wire::GenerateRequest { context: context.into() };
        let answer: wire::GenerateResponse = self.post(key_path("generate", name)?, &body).await?;
        Ok(DataKey { plaintext: answer.plaintext.0, ciphertext: answer.ciphertext.expose().to_vec() })
    }

    /// HMAC-SHA-256 of a message under the key's HMAC key, 32 bytes.
    ///
    /// # Errors
    /// [`Error::KeyNotFound`]; [`Error::Api`] with 501 or 409 if the key is too old to have an HMAC key.
    pub async fn hmac(&self, name: &str, message: &[u8]) -> Result<SecretBytes, Error> {
        let body = wire::HmacRequest { message: Base64::from(message) };
        let answer = self.send(Method::PUT, key_path("hmac", name)?, Payload::json(&body), true).await?;
        Ok(read::<wire::HmacResponse>(&answer)?.hmac.0)
    }

    /// When and by whom a policy was made.
    ///
    /// # Errors
    /// [`Error::PolicyNotFound`].
    pub async fn describe_policy(&self, name: &str) -> Result<wire::PolicyInfo, Error> {
        self.get(format!("/v1/policy/describe/{}", segment("policy name", name)?)).await
    }

    /// The rules of a policy.
    ///
    /// # Errors
    /// [`Error::PolicyNotFound`].
    pub async fn read_policy(&self, name: &str) -> Result<wire::PolicyRules, Error> {
        self.get(format!("/v1/policy/read/{}", segment("policy name", name)?)).await
    }

    /// The names of all policies that match a pattern, as [`Client::list_keys`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_policies(&self, pattern: &str) -> Result<Vec<String>, Error> {
        self.list("/v1/policy/list/", pattern, |page: wire::PolicyNames| (page.names, page.continue_at)).await
    }

    /// What the server knows of an identity.
    ///
    /// # Errors
    /// [`Error::IdentityNotFound`].
    pub async fn describe_identity(&self, identity: &str) -> Result<wire::IdentityInfo, Error> {
        self.get(format!("/v1/identity/describe/{}", segment("identity", identity)?)).await
    }

    /// What the server knows of this client. Needs no permission.
    ///
    /// # Errors
    /// [`Error::IdentityNotFound`] if it knows nothing.
    pub async fn describe_self(&self) -> Result<wire::SelfInfo, Error> {
        self.get("/v1/identity/self/describe".to_owned()).await
    }

    /// All identities that match a pattern, as [`Client::list_keys`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_identities(&self, pattern: &str) -> Result<Vec<String>, Error> {
        self.list("/v1/identity/list/", pattern, |page: wire::IdentityNames| (page.identities, page.continue_at)).await
    }

    /// The counters and gauges of the server in Prometheus' text format.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn metrics(&self) -> Result<String, Error> {
        let answer = self.send(Method::GET, "/v1/metrics".to_owned(), Payload::none(), true).await?;
        String::from_utf8(answer.body.expose().to_vec())
            .map_err(|_| Error::Protocol { endpoint: answer.endpoint, reason: "metrics are not text".to_owned() })
    }

    /// Follows the audit log: one event for each request that the server answers from now on.
    ///
    /// The limit of [`Builder::timeout`] counts until the server has accepted, not for the events.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn follow_audit_log(&self) -> Result<Events<wire::AuditEvent<'static>>, Error> {
        self.follow("/v1/log/audit").await
    }

    /// Follows the error log, as [`Client::follow_audit_log`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn follow_error_log(&self) -> Result<Events<wire::ErrorEvent>, Error> {
        self.follow("/v1/log/error").await
    }

    /// All pages of a list. A token is `<prefix>~<next name>`. Other servers send the bare next name, and take it for a
    /// prefix when it comes back: going on would lose names without a word.
    async fn list<Page: DeserializeOwned>(
        &self,
        route: &str,
        pattern: &str,
        take: impl Fn(Page) -> (Vec<String>, String),
    ) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        let mut argument = pattern.to_owned();
        loop {
            if matches!(argument.as_str(), "." | "..") {
                return Err(Error::InvalidName { kind: "listing pattern", name: argument });
            }
            let path = format!("{route}{}", utf8_percent_encode(&argument, SEGMENT));
            let answer = self.send(Method::GET, path, Payload::none(), true).await?;
            let (mut page, next) = take(read(&answer)?);
            let count = page.len();
            names.append(&mut page);
            if next.is_empty() {
                return Ok(names);
            }
            let reason = if !next.contains('~') {
                format!("it lists {} names and cannot list the rest, ask with a longer prefix", names.len())
            } else if count == 0 || next == argument {
                "its list does not advance".to_owned()
            } else {
                argument = next;
                continue;
            };
            return Err(Error::Protocol { endpoint: answer.endpoint, reason });
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: String) -> Result<T, Error> {
        read(&self.send(Method::GET, path, Payload::none(), true).await?)
    }

    async fn post<T: DeserializeOwned>(&self, path: String, body: &impl Serialize) -> Result<T, Error> {
        read(&self.send(Method::POST, path, Payload::json(body), true).await?)
    }

    /// The answer, if it is a success.
    async fn send(&self, method: Method, path: String, payload: Payload, repeatable: bool) -> Result<Answer, Error> {
        self.answer(Call { method, path, body: payload.0, repeatable, streamed: false }).await
    }

    async fn follow<Event: DeserializeOwned>(&self, path: &str) -> Result<Events<Event>, Error> {
        let call = Call { method: Method::GET, path: path.to_owned(), body: None, repeatable: true, streamed: true };
        Ok(Events::new(self.answer(call).await?))
    }

    async fn answer(&self, call: Call) -> Result<Answer, Error> {
        let answer = self.transport.send(&call, self.limit).await?;
        if (200..300).contains(&answer.status) {
            Ok(answer)
        } else {
            Err(Error::of_answer(answer.status, answer.is_json, answer.body.expose()))
        }
    }
}

/// What a request carries: nothing, or JSON.
struct Payload(Option<Arc<SecretBytes>>);

impl Payload {
    fn none() -> Self {
        Self(None)
    }

    fn json(value: &impl Serialize) -> Self {
        let json = wire::to_json(value).expect("requests are strings and byte strings, which have a JSON form");
        Self(Some(Arc::new(json)))
    }
}

fn key_path(operation: &str, name: &str) -> Result<String, Error> {
    Ok(format!("/v1/key/{operation}/{}", segment("key name", name)?))
}

/// A name as one segment of a path. `.` and `..` would be taken for steps between directories on the way.
fn segment(kind: &'static str, name: &str) -> Result<String, Error> {
    if matches!(name, "" | "." | "..") {
        return Err(Error::InvalidName { kind, name: name.to_owned() });
    }
    Ok(utf8_percent_encode(name, SEGMENT).to_string())
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Error> {
    serde_json::from_slice(answer.body.expose())
        .map_err(|error| Error::Protocol { endpoint: answer.endpoint.clone(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_one_segment() {
        assert_eq!(key_path("create", "my-key").expect("a path"), "/v1/key/create/my-key");
        assert_eq!(key_path("create", "a/b *☰%").expect("a path"), "/v1/key/create/a%2Fb%20%2A%E2%98%B0%25");
        for name in ["", ".", ".."] {
            let error = key_path("create", name).unwrap_err().to_string();
            assert_eq!(error, format!("key name '{name}' is empty, too long or contains invalid characters"));
        }
    }
}
