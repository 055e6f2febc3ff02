//! What a client is told when something is not as it wanted: the only file that knows status codes.
//!
//! The texts are compared for equality by clients (specification: `server-api.md` §11). Detail for the operator goes
//! beside the answer, into the log.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use kes_core::caller::Refused;
use kes_keystores::StoreError;

use super::log::Level;
use crate::keys::KeyError;

/// What a request without an answer counts as, because its client did not wait: a number that others use for it too.
pub const CLIENT_LEFT: u16 = 499;

/// How much of a text that a client sent in a body an answer repeats, in characters.
const ECHOED_CHARACTERS: usize = 80;

/// An answer that is not success.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    detail: Option<(Level, Arc<str>)>,
    /// The method that would have been right, for `Allow`.
    allow: Option<&'static Method>,
    /// Seconds after which another attempt may work.
    retry_after: Option<u32>,
    /// The connection cannot go on after this answer.
    close: bool,
}

/// What a key operation was meant to do: it decides what a store failure is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named like what it does")]
pub enum Operation {
    Create,
    Import,
    Read,
    Delete,
    List,
    Encrypt,
    Generate,
    Decrypt,
}

impl Operation {
    fn store_failure(self) -> &'static str {
        match self {
            Self::Create | Self::Import => "failed to create key",
            Self::Delete => "failed to delete key",
            Self::List => "failed to list keys",
            Self::Read | Self::Encrypt | Self::Generate | Self::Decrypt => "failed to read key",
        }
    }

    fn crypto_failure(self) -> &'static str {
        match self {
            Self::Create | Self::Generate => "failed to generate encryption key",
            Self::Import => "failed to create key",
            Self::Decrypt => "failed to decrypt ciphertext",
            Self::Encrypt | Self::Read | Self::Delete | Self::List => "failed to encrypt plaintext",
        }
    }
}

impl ApiError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), detail: None, allow: None, retry_after: None, close: false }
    }

    fn logged(mut self, level: Level, detail: impl Into<Arc<str>>) -> Self {
        self.detail = Some((level, detail.into()));
        self
    }

    /// 405
    pub fn method(got: &Method, want: &'static Method) -> Self {
        let message = format!("received method '{got}' expected '{want}'");
        Self { allow: Some(want), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, message) }
    }

    /// 400: no certificate, more than one that is not a CA's, or none that can be read.
    pub fn certificate(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message).logged(Level::DEBUG, message)
    }

    /// 403 without a word, as ever: a TLS proxy has forwarded a certificate that does not verify. Why is for the log alone.
    pub fn untrusted(reason: &str) -> Self {
        let detail = format!("the certificate that the TLS proxy forwarded is not trusted: {reason}");
        Self::new(StatusCode::FORBIDDEN, "").logged(Level::DEBUG, detail)
    }

    /// 403. Why is for the log alone.
    pub fn refused(refused: &Refused) -> Self {
        Self::new(StatusCode::FORBIDDEN, "not authorized: insufficient permissions")
            .logged(Level::DEBUG, refused.to_string())
    }

    /// 400: no name of a key, policy (`what`).
    pub fn name(what: &str, text: &str) -> Self {
        let message = format!("{what} '{text}' is empty, too long or contains invalid characters");
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 400: no list pattern.
    pub fn pattern(text: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("listing pattern '{text}' is empty, too long or is invalid"))
    }

    /// 400: a body that cannot be read. `reason` says nothing of its content.
    pub fn body(operation: Operation, reason: impl Into<Arc<str>>) -> Self {
        let message = match operation {
            Operation::Import => "invalid import key request body",
            _ => "invalid request body",
        };
        Self::new(StatusCode::BAD_REQUEST, message).logged(Level::DEBUG, reason)
    }

    /// 400: a body beyond the limit. What is left of it is not waited for.
    pub fn large_body(operation: Operation, reason: impl Into<Arc<str>>) -> Self {
        Self { close: true, ..Self::body(operation, reason) }
    }

    /// 408: the client took its time.
    pub fn slow_body() -> Self {
        Self { close: true, ..Self::new(StatusCode::REQUEST_TIMEOUT, "request body was not received in time") }
    }

    /// 504: the route's own deadline.
    pub fn timed_out() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "request timed out").logged(Level::WARN, "request timed out")
    }

    /// 500: the request met a defect of ours. What it was is in the log already.
    pub fn defect() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal server error")
            .logged(Level::ERROR, "the request met a defect of the server; hint: please report it")
    }

    /// 503: a log has as many followers as it can have.
    pub fn too_many_subscribers() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too many clients follow this log")
    }

    /// 406: import with an algorithm that is none. A name longer than any is cut.
    pub fn algorithm(text: &str) -> Self {
        let text: String = text.chars().take(ECHOED_CHARACTERS).collect();
        Self::new(StatusCode::NOT_ACCEPTABLE, format!("algorithm '{text}' is not supported"))
    }

    /// 406: import of a key that is not 32 bytes.
    pub fn key_size(algorithm: &str) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, format!("invalid key size for '{algorithm}'"))
    }

    /// 404: `policy` or `identity`.
    pub fn absent(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} does not exist"))
    }

    /// What a failed key operation is to a client.
    pub fn key(operation: Operation, name: &str, error: &KeyError) -> Self {
        match error {
            KeyError::NameTaken => Self::new(StatusCode::BAD_REQUEST, "key already exists"),
            KeyError::Absent => Self::absent("key"),
            KeyError::Unaddressable => Self::name("key name", name),
            KeyError::NoHmac => Self::new(StatusCode::NOT_IMPLEMENTED, "key does not support HMAC"),
            KeyError::NotAuthentic(_) => {
                Self::new(StatusCode::BAD_REQUEST, "decryption failed: ciphertext is not authentic")
            }
            KeyError::Store(error) if matches!(**error, StoreError::Overloaded) => Self {
                retry_after: Some(1),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, operation.store_failure())
                    .logged(Level::ERROR, error.to_string())
            },
            KeyError::Store(error) => {
                Self::new(StatusCode::BAD_GATEWAY, operation.store_failure()).logged(Level::ERROR, error.to_string())
            }
            KeyError::Crypto(reason) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, operation.crypto_failure())
                .logged(Level::ERROR, reason.as_str()),
        }
    }

    /// 504 or 502 of the readiness check.
    pub fn not_ready(error: &StoreError) -> Self {
        let (status, message) = match error {
            StoreError::Unavailable(_) => (StatusCode::GATEWAY_TIMEOUT, "key store is not reachable"),
            _ => (StatusCode::BAD_GATEWAY, "key store is unavailable"),
        };
        Self::new(status, message).logged(Level::WARN, error.to_string())
    }

    /// 504 of a readiness check that could not wait for the key store.
    pub fn not_ready_in_time(limit: Duration) -> Self {
        Self::not_ready(&StoreError::Unavailable(format!("no status within {} ms", limit.as_millis())))
    }

    /// 503 of a readiness check while there is no server to be ready.
    pub fn not_serving(message: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What the client reads.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the log reads, and how loud it is.
    #[must_use]
    pub fn detail(&self) -> Option<(Level, &str)> {
        self.detail.as_ref().map(|(level, text)| (*level, text.as_ref()))
    }

    /// The method that would have been right.
    #[must_use]
    pub fn allow(&self) -> Option<&'static Method> {
        self.allow
    }

    /// Seconds after which another attempt may work.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }

    /// Whether the connection has to end.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.close
    }

    /// In the words of releases before 2022, which some MinIO releases insist on (decision 12).
    #[must_use]
    pub fn in_legacy_words(mut self) -> Self {
        match (self.status, self.message.as_str()) {
            (StatusCode::BAD_REQUEST, "key already exists") => self.message = "key does already exist".to_owned(),
            (StatusCode::FORBIDDEN, "not authorized: insufficient permissions") => {
                self.message = "prohibited by policy".to_owned();
            }
            _ => {}
        }
        self
    }
}
