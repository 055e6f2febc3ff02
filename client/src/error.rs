//! Why a request failed, as variants that one can react to.

use std::time::Duration;

use crate::wire::ErrorMessage;

/// A request failed.
///
/// The first group says what a server answered. In the second group nothing was answered: after [`Error::Connect`],
/// [`Error::Untrusted`], [`Error::Tls`] and [`Error::ClientCertificateRejected`] the server has done nothing; after
/// [`Error::Interrupted`], [`Error::Timeout`] and [`Error::Protocol`] it may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is a key of that name.
    #[error("key already exists")]
    KeyExists,
    /// There is no key of that name.
    #[error("key does not exist")]
    KeyNotFound,
    /// There is no policy of that name.
    #[error("policy does not exist")]
    PolicyNotFound,
    /// The server does not know the identity.
    #[error("identity does not exist")]
    IdentityNotFound,
    /// No policy allows it.
    #[error("not authorized: insufficient permissions")]
    NotAllowed,
    /// The ciphertext was changed, or belongs to another key or context.
    #[error("decryption failed: ciphertext is not authentic")]
    NotAuthentic,
    /// Any other status of 400 and above (or a redirect), with the server's text.
    #[error("{message}")]
    Api {
        /// The HTTP status.
        status: u16,
        /// What the server says, never empty.
        message: String,
    },

    /// The name cannot be sent: it is empty, `.` or `..`. Nothing was sent.
    #[error("{kind} '{name}' is empty, too long or contains invalid characters")]
    InvalidName {
        /// What it should name: `key name`, `policy name`, `identity`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// No connection: refused, unreachable, unknown host, too slow.
    #[error("cannot connect to `{endpoint}`: {reason}")]
    Connect {
        /// The server.
        endpoint: String,
        /// What the system says.
        reason: String,
    },
    /// Nobody who is trusted vouches for the server's certificate. Cure: trust its CA, with [`crate::Builder::ca`] or by
    /// naming its file in `SSL_CERT_FILE`.
    #[error("cannot make a secure connection to `{endpoint}`: failed to verify certificate: {reason}")]
    Untrusted {
        /// The server.
        endpoint: String,
        /// What is wrong with the issuer.
        reason: &'static str,
    },
    /// No secure connection for another reason, for example a certificate that has expired or is that of another name.
    #[error("cannot make a secure connection to `{endpoint}`: {reason}")]
    Tls {
        /// The server.
        endpoint: String,
        /// What the TLS library says.
        reason: String,
    },
    /// The server wants another client certificate.
    #[error("the server `{endpoint}` did not accept the client certificate: {reason}")]
    ClientCertificateRejected {
        /// The server.
        endpoint: String,
        /// The server's alert.
        reason: String,
    },
    /// The connection broke before the answer was complete.
    #[error(
        "connection to `{endpoint}` was lost before the answer, the request may or may not have been carried out: {reason}"
    )]
    Interrupted {
        /// The server.
        endpoint: String,
        /// What the system says.
        reason: String,
    },
    /// The time that the client was given is over.
    #[error("no answer within {limit:?}")]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// An answer that makes no sense or is too long.
    #[error("unexpected answer from `{endpoint}`: {reason}")]
    Protocol {
        /// The server.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Longest text of an answer that is shown, in bytes.
const MAX_MESSAGE_BYTES: usize = 4096;

impl Error {
    /// The error that an answer stands for. Official clients compare status and text, and so do we; the second texts
    /// are those of servers before v0.18 (specification: `clients.md` §1.6).
    pub(crate) fn of_answer(status: u16, is_json: bool, body: &[u8]) -> Self {
        let json = is_json.then(|| serde_json::from_slice::<ErrorMessage>(body).ok()).flatten();
        let text = match json {
            Some(error) => error.message,
            None => String::from_utf8_lossy(&body[..body.len().min(MAX_MESSAGE_BYTES)]).into_owned(),
        };
        let message: String = text.trim().chars().filter(|c| !c.is_control() || *c == '\n').collect();
        match (status, message.as_str()) {
            (400, "key already exists" | "key does already exist") => Self::KeyExists,
            (404, "key does not exist") => Self::KeyNotFound,
            (404, "policy does not exist") => Self::PolicyNotFound,
            (404, "identity does not exist") => Self::IdentityNotFound,
            (403, "not authorized: insufficient permissions" | "prohibited by policy") => Self::NotAllowed,
            (400, "decryption failed: ciphertext is not authentic") => Self::NotAuthentic,
            (_, "") => Self::Api { status, message: format!("the server answered with status {status}") },
            _ => Self::Api { status, message },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, message: &str) -> Error {
        Error::of_answer(status, true, format!("{{\"message\":{message:?}\n}}").as_bytes())
    }

    #[test]
    fn typed_errors_need_status_and_text() {
        assert_eq!(of(400, "key already exists"), Error::KeyExists);
        assert_eq!(of(400, "key does already exist"), Error::KeyExists);
        assert_eq!(of(404, "key does not exist"), Error::KeyNotFound);
        assert_eq!(of(404, "policy does not exist"), Error::PolicyNotFound);
        assert_eq!(of(404, "identity does not exist"), Error::IdentityNotFound);
        assert_eq!(of(403, "prohibited by policy"), Error::NotAllowed);
        assert_eq!(of(400, "decryption failed: ciphertext is not authentic"), Error::NotAuthentic);
        let other = of(409, "key already exists");
        assert_eq!(other, Error::Api { status: 409, message: "key already exists".into() });
        for error in [Error::KeyExists, Error::NotAllowed, Error::NotAuthentic, Error::KeyNotFound] {
            let status = if error == Error::NotAllowed {
                403
            } else if error == Error::KeyNotFound {
                404
            } else {
                400
            };
            assert_eq!(of(status, &error.to_string()), error, "the text of an error is the server's");
        }
    }

    #[test]
    fn texts_are_trimmed_and_harmless_on_a_terminal() {
        let text = |status, body: &str| Error::of_answer(status, false, body.as_bytes()).to_string();
        assert_eq!(text(404, "404 page not found\n"), "404 page not found");
        assert_eq!(text(500, "a\u{1b}[31mb"), "a[31mb");
        assert_eq!(text(502, " "), "the server answered with status 502");
        assert_eq!(Error::of_answer(500, true, b"no json").to_string(), "no json");
        assert!(text(500, &"é".repeat(5000)).len() <= MAX_MESSAGE_BYTES + 4);
    }
}
