//! One request to Vault and its answer: connections, headers, limits, redirects (specification: `keystores.md` §4.10).

use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use kes_client::BackendTls;
use kes_config::keystore::{StoreTls, Vault};
use kes_core::SecretBytes;
use percent_encoding::percent_decode_str;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, Response, Url};
use tokio::time::timeout;

use super::answer::Answer;
use super::cause::cause;
use super::seal::{Seal, sealed};
use super::tls::{self, Stamp};
use super::token::Token;
use crate::{ConnectError, StoreError};

/// How long to wait for a connection, TLS included. As long as an attempt to read may take by default.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept (specification: `keystores.md` §1.9).
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// How often the other side of an HTTP/2 connection in use has to give a sign of life, and in which time: one connection
/// carries all calls, so one that is dead without a word must be found out early.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);

/// Longest answer but for listings: a value of the largest size, escaped and wrapped, and what Vault says around it.
pub(super) const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Longest listing. Vault sends a whole folder at once (specification: `keystores.md` §4.5).
pub(super) const MAX_LISTING_BYTES: usize = 32 * 1024 * 1024;

/// A request. It has no `Debug` output, which would show the body.
pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// From `/v1/` on, encoded.
    pub(super) path: String,
    /// `None`: the root namespace.
    pub(super) namespace: Option<&'a str>,
    /// JSON.
    pub(super) body: Option<Bytes>,
    /// What of the body is secret. Vault may quote it, and is not quoted then.
    secret: &'a str,
    /// Whether a standby is to hand it to the active node.
    pub(super) forwarded: bool,
    /// Longest answer, in bytes.
    pub(super) limit: usize,
}

impl<'a> Request<'a> {
    /// A request without a body.
    pub(super) fn new(method: Method, path: String, namespace: Option<&'a str>) -> Self {
        Self { method, path, namespace, body: None, secret: "", forwarded: false, limit: MAX_ANSWER_BYTES }
    }

    /// With JSON, whose memory is wiped after the last use, and what in it is secret.
    pub(super) fn json(self, body: SecretBytes, secret: &'a str) -> Self {
        Self { body: Some(Bytes::from_owner(Body(body))), secret, ..self }
    }
}

struct Body(SecretBytes);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

/// Connections to Vault.
#[derive(Debug)]
pub(super) struct Transport {
    endpoint: String,
    tls: StoreTls,
    /// The client, and what its certificate files looked like.
    http: RwLock<(reqwest::Client, Stamp)>,
    limit: Duration,
    pub(super) seal: Seal,
}

impl Transport {
    /// Connects nothing yet. A call takes `limit` at most, redirect included.
    ///
    /// # Errors
    /// [`ConnectError::Refused`] if the TLS files or the endpoint cannot be used.
    pub(super) fn new(settings: &Vault, limit: Duration) -> Result<Self, ConnectError> {
        let stamp = tls::stamp(&settings.tls);
        let http = http_client(&settings.endpoint, &settings.tls).map_err(ConnectError::Refused)?;
        let (endpoint, tls) = (settings.endpoint.clone(), settings.tls.clone());
        Ok(Self { endpoint, tls, http: RwLock::new((http, stamp)), limit, seal: Seal::default() })
    }

    /// Reads the TLS files again if they have changed. What is in use stays if they cannot be used.
    pub(super) fn refresh(&self) {
        let stamp = tls::stamp(&self.tls);
        if self.http.read().unwrap_or_else(PoisonError::into_inner).1 == stamp {
            return;
        }
        let client = http_client(&self.endpoint, &self.tls);
        let mut http = self.http.write().unwrap_or_else(PoisonError::into_inner);
        match client {
            Ok(client) => {
                *http = (client, stamp);
                tracing::info!("the TLS files for vault have changed and are in use for new connections");
            }
            Err(reason) => {
                http.1 = stamp;
                tracing::error!("the TLS files for vault have changed and cannot be used; the old ones stay: {reason}");
            }
        }
    }

    /// The answer to a request, if it is a success or a refusal.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Busy`] if there is no answer, or one that says that Vault is in
    /// trouble.
    pub(super) async fn send(&self, request: &Request<'_>, token: Option<&Token>) -> Result<Answer, StoreError> {
        timeout(self.limit, self.send_patiently(request, token)).await.unwrap_or_else(|_| {
            let url = format!("{}{}", self.endpoint, request.path);
            Err(failed(request, &url, &format!("no answer within {} ms", self.limit.as_millis())))
        })
    }

    /// As [`send`](Self::send), for as long as the caller waits.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub(super) async fn send_patiently(
        &self,
        request: &Request<'_>,
        token: Option<&Token>,
    ) -> Result<Answer, StoreError> {
        let answer = self.ask(request, token).await?;
        if answer.says_sealed() {
            self.seal.note(true);
            // Which call met it does not matter: all fail for one cause, which is to have one text.
            return Err(sealed());
        }
        match answer.trouble() {
            Some(error) => Err(error),
            None => Ok(answer),
        }
    }

    /// Asks, and asks the node that a standby names instead, once.
    async fn ask(&self, request: &Request<'_>, token: Option<&Token>) -> Result<Answer, StoreError> {
        let url = Url::parse(&format!("{}{}", self.endpoint, request.path))
            .map_err(|_| StoreError::Denied("`keystore.vault.endpoint` is not a URL".to_owned()))?;
        let mut response = self.once(&url, request, token).await?;
        if is_redirect(&response) {
            let target = target(request, &url, &response).map_err(|reason| failed(request, url.as_str(), reason))?;
            response = self.once(&target, request, token).await?;
            if is_redirect(&response) {
                let reason = "the node that a standby named is no active one either";
                return Err(failed(request, target.as_str(), reason));
            }
        }
        read(request, token, response).await
    }

    async fn once(&self, url: &Url, request: &Request<'_>, token: Option<&Token>) -> Result<Response, StoreError> {
        let http = self.http.read().unwrap_or_else(PoisonError::into_inner).0.clone();
        let mut sent = http
            .request(request.method.clone(), url.clone())
            .header("X-Vault-Request", "true")
            .header(CONTENT_TYPE, "application/json");
        if let Some(namespace) = request.namespace {
            sent = sent.header("X-Vault-Namespace", header(namespace)?);
        }
        if let Some(token) = token {
            sent = sent.header("X-Vault-Token", token.header());
        }
        if request.forwarded {
            sent = sent.header("X-Vault-Inconsistent", "forward-active-node");
        }
        sent = match &request.body {
            Some(body) => sent.body(body.clone()),
            None if request.method == Method::GET => sent,
            None => sent.header(CONTENT_LENGTH, 0),
        };
        // Whatever the request was: so it is one cause for the log, and one line.
        let on_the_way =
            |error| StoreError::Unavailable(format!("{}: {}", url.origin().ascii_serialization(), why(&error)));
        sent.send().await.map_err(on_the_way)
    }
}

async fn read(request: &Request<'_>, token: Option<&Token>, mut response: Response) -> Result<Answer, StoreError> {
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let status = response.status().as_u16();
    let url = response.url().clone();
    let mut body = SecretBytes::default();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(request, url.as_str(), &why(&error)))? {
        if body.len() + chunk.len() > request.limit {
            let reason = format!("the answer ({status}) is longer than {} bytes", request.limit);
            // What was read is too large. What was to be written may be there, and an error page says nothing of an entry.
            return Err(match request.method {
                Method::GET if (200..300).contains(&status) => {
                    StoreError::Corrupt(format!("{}: {reason}", described(request, url.as_str())))
                }
                _ => failed(request, url.as_str(), &reason),
            });
        }
        body.extend_from_slice(&chunk);
    }
    let secrets = [request.secret.as_bytes(), token.map(Token::expose).unwrap_or_default()];
    Ok(Answer::new(described(request, url.as_str()), status, retry_after, body, &secrets))
}

fn http_client(endpoint: &str, settings: &StoreTls) -> Result<reqwest::Client, String> {
    // Systems without any CA have no need for one here.
    let tls = match endpoint.starts_with("http://") && settings.ca.is_none() && settings.client.is_none() {
        true => BackendTls::nobody().map_err(|error| error.to_string())?,
        false => tls::client_config(settings)?,
    };
    let mut client = reqwest::Client::builder();
    // As in Go's programs: `HTTP_PROXY` is not meant for what stays on this machine, where nothing need be encrypted.
    if is_local(endpoint) {
        client = client.no_proxy();
    }
    client
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_LIMIT)
        .pool_idle_timeout(IDLE_LIMIT)
        .http2_keep_alive_interval(SIGN_OF_LIFE)
        .http2_keep_alive_timeout(SIGN_OF_LIFE)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("kes/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| why(&error))
}

fn is_local(endpoint: &str) -> bool {
    let Ok(url) = Url::parse(endpoint) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn header(text: &str) -> Result<HeaderValue, StoreError> {
    HeaderValue::from_str(text)
        .map_err(|_| StoreError::Denied("the namespace has characters that no header can have".to_owned()))
}

fn is_redirect(response: &Response) -> bool {
    matches!(response.status().as_u16(), 301 | 302 | 307 | 308)
}

/// Where a redirect leads to. The token and keys go there too, so never from TLS to none, and only to the same request:
/// that is where standbys send to, and pages for people to log in at are not.
fn target(request: &Request<'_>, url: &Url, response: &Response) -> Result<Url, &'static str> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let target = location.and_then(|location| url.join(location).ok()).ok_or("a redirect that leads nowhere")?;
    // A standby writes some characters as they are that we encode.
    let decoded = |path: &str| percent_decode_str(path).collect::<Vec<u8>>();
    let path = request.path.split('?').next().unwrap_or_default();
    if !decoded(target.path()).ends_with(&decoded(path)) {
        return Err(
            "a redirect to something else, which is not followed; hint: what is between here and vault sent it",
        );
    }
    match (url.scheme(), target.scheme()) {
        ("http", "http") | (_, "https") => Ok(target),
        _ => Err("a redirect away from TLS, which is not followed"),
    }
}

fn described(request: &Request<'_>, url: &str) -> String {
    format!("{} {}", request.method, url.split('?').next().unwrap_or_default())
}

fn failed(request: &Request<'_>, url: &str, reason: &str) -> StoreError {
    StoreError::Unavailable(format!("{}: {reason}", described(request, url)))
}

fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no connection within {} s", CONNECT_LIMIT.as_secs());
    }
    let over_tls = error.url().is_some_and(|url| url.scheme() == "https");
    cause(error, over_tls && error.is_request() && !error.is_connect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leaves_this_machine_may_go_through_a_proxy() {
        for local in ["http://127.0.0.1:8200", "https://localhost", "http://[::1]:8200/vault", "http://127.9.9.9"] {
            assert!(is_local(local), "{local}");
        }
        for remote in
            ["https://vault.example:8200", "http://192.0.2.7", "https://localhost.example", "https://[2001:db8::1]"]
        {
            assert!(!is_local(remote), "{remote}");
        }
    }
}
