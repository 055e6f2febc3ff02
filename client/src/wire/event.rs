//! The lines of the two log streams.

use std::borrow::Cow;

use kes_core::Timestamp;
use serde::{Deserialize, Serialize};

/// A line of `GET /v1/log/audit`: a request and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent<'a> {
    /// When the request arrived.
    pub time: Timestamp,
    /// What was asked.
    pub request: AuditRequest<'a>,
    /// What was answered.
    pub response: AuditResponse,
}

/// Who asked for what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditRequest<'a> {
    /// The client's address without its port. Optional.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub ip: Cow<'a, str>,
    /// The decoded path.
    pub path: Cow<'a, str>,
    /// The client's identity. Optional: absent if it has none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub identity: Cow<'a, str>,
}

/// The answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditResponse {
    /// The HTTP status.
    pub code: u16,
    /// Nanoseconds from the request's head to its answer.
    pub time: u64,
}

/// A line of `GET /v1/log/error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorEvent {
    /// The line as the console has it, without its newline.
    pub message: String,
}
