//! One attempt at one server.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, RETRY_AFTER};
use kes_core::SecretBytes;
use rustls::CertificateError;

use super::{Answer, Call};
use crate::cause::{certificate_alert, chain, innermost, tls_error};
use crate::endpoint::Endpoint;
use crate::error::Error;

/// Longest answer, in bytes. Official clients have the same limit, so servers page their lists below it.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Room for an answer before its length is known, in bytes.
const FIRST_CAPACITY: usize = 1024;

/// Sends the request and reads the whole answer.
pub(super) async fn once(http: &reqwest::Client, endpoint: &Endpoint, call: &Call) -> Result<Answer, Error> {
    let mut request = http.request(call.method.clone(), format!("{}{}", endpoint.url(), call.path));
    request = match &call.body {
        Some(body) => {
            let body = Bytes::from_owner(Body(Arc::clone(body)));
            request.header(CONTENT_TYPE, "application/json").body(body)
        }
        None if call.method == http::Method::GET => request,
        None => request.header(CONTENT_LENGTH, 0),
    };
    let mut response = request.send().await.map_err(|error| classify(&endpoint.to_string(), &error))?;
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let is_json = header(CONTENT_TYPE).is_some_and(|value| value.starts_with("application/json"));
    let retry_after = header(RETRY_AFTER).and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let date = header(DATE).map(str::to_owned);
    let status = response.status().as_u16();
    let endpoint = endpoint.to_string();
    if call.streamed && response.status().is_success() {
        let (body, stream) = (SecretBytes::default(), Some(response));
        return Ok(Answer { endpoint, status, is_json, body, stream, date, retry_after });
    }
    let mut body = SecretBytes::with_capacity(FIRST_CAPACITY);
    while let Some(chunk) = next_chunk(&endpoint, &mut response).await? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(Error::Protocol { endpoint, reason: format!("it is longer than {MAX_ANSWER_BYTES} bytes") });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { endpoint, status, is_json, body, stream: None, date, retry_after })
}

/// The next bytes of an answer, or `None` at its end.
pub(crate) async fn next_chunk(endpoint: &str, response: &mut reqwest::Response) -> Result<Option<Bytes>, Error> {
    response.chunk().await.map_err(|error| classify(endpoint, &error))
}

/// A body that every attempt shares, wiped when the last one is done with it.
struct Body(Arc<SecretBytes>);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

/// What a failure means. Without an answer the cause is somewhere in a chain of errors of several libraries.
fn classify(endpoint: &str, error: &reqwest::Error) -> Error {
    let endpoint = endpoint.to_owned();
    let reason = innermost(error);
    if let Some(alert) = certificate_alert(error) {
        return Error::ClientCertificateRejected { endpoint, reason: format!("alert {alert:?}") };
    }
    if let Some(tls) = tls_error(error) {
        let problem = match tls {
            rustls::Error::InvalidCertificate(problem) => problem,
            other => return Error::Tls { endpoint, reason: other.to_string() },
        };
        return match problem {
            CertificateError::UnknownIssuer => Error::Untrusted { endpoint, reason: "its issuer is not trusted" },
            // A CA, or a self-signed certificate, was made again under its old name.
            CertificateError::BadSignature => {
                Error::Untrusted { endpoint, reason: "its issuer is trusted by name, but has another key" }
            }
            other => Error::Tls { endpoint, reason: format!("failed to verify certificate: {other}") },
        };
    }
    if error.is_connect() {
        let reason = if error.is_timeout() { "it took too long".to_owned() } else { reason };
        return Error::Connect { endpoint, reason };
    }
    if error.is_builder() {
        return Error::Protocol { endpoint, reason };
    }
    let hint =
        if was_cut(error) { " (servers may do this to a client certificate that they do not accept)" } else { "" };
    Error::Interrupted { endpoint, reason: format!("{reason}{hint}") }
}

/// Whether the other side cut the connection. If that comes with unread data, its last words are lost.
fn was_cut(error: &reqwest::Error) -> bool {
    chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).any(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
        )
    })
}
