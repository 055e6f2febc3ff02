//! Answers as bytes: bodies that are wiped when they were sent, and JSON as clients have always got it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Method, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::Full;
use kes_core::SecretBytes;
use kes_core::key::encoding::encode_base64;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use super::connection::InFlight;
use super::error::ApiError;
use super::log::Subscription;

/// An answer's body.
#[derive(Debug)]
pub enum Body {
    /// Known as a whole.
    Whole(Full<Bytes>),
    /// Made as it is sent.
    Stream(Subscription),
}

impl Body {
    fn new(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }

    /// The body of the answer to `request`. One that is made as it is sent keeps its request in flight; the request of one
    /// that is known as a whole has ended, and what remains is for the client to take it.
    #[must_use]
    pub fn answering(self, request: InFlight) -> Self {
        if let Self::Stream(stream) = &self {
            stream.hold(request);
        }
        self
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::new(Bytes::new())
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self::new(bytes.into())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Stream(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Success without data.
#[must_use]
pub fn empty() -> Response<Body> {
    let mut response = Response::new(Body::default());
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// Success with data that is not secret: one JSON value and a newline.
pub fn json(value: &impl Serialize) -> Response<Body> {
    let mut bytes = to_json(value);
    bytes.push(b'\n');
    with_json(StatusCode::OK, Bytes::from(bytes))
}

/// Success with data that is: an object of base64 members, in memory that is wiped after it was sent. The names need
/// no escape.
#[must_use]
pub fn secret_json(members: &[(&str, &[u8])]) -> Response<Body> {
    let length: usize = members.iter().map(|(name, value)| name.len() + 6 + value.len().div_ceil(3) * 4).sum();
    let mut bytes = SecretBytes::with_capacity(length + 3);
    for (index, (name, value)) in members.iter().enumerate() {
        bytes.extend_from_slice(if index == 0 { b"{\"" } else { b",\"" });
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b"\":\"");
        encode_base64(value, &mut bytes);
        bytes.extend_from_slice(b"\"");
    }
    bytes.extend_from_slice(b"}\n");
    with_json(StatusCode::OK, Bytes::from_owner(Wiped(bytes)))
}

/// An answer that is not success. The newline before the brace is what clients have always got.
#[must_use]
pub fn error(error: &ApiError) -> Response<Body> {
    let mut bytes = b"{\"message\":".to_vec();
    bytes.extend_from_slice(&to_json(&error.message()));
    bytes.extend_from_slice(b"\n}");
    let mut response = with_json(error.status(), Bytes::from(bytes));
    let headers = response.headers_mut();
    if let Some(method) = error.allow() {
        // `Accept` is what the archived server sent here.
        headers.insert(http::header::ACCEPT, method_value(method, false));
        headers.insert(ALLOW, method_value(method, true));
    }
    if let Some(seconds) = error.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.closes() {
        close(&mut response);
    }
    response
}

/// 404 for paths that lead nowhere: text, not JSON.
#[must_use]
pub fn not_found() -> Response<Body> {
    let mut response = text(StatusCode::NOT_FOUND, "404 page not found\n");
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}

/// 400 for a request target that cannot be read.
#[must_use]
pub fn bad_request() -> Response<Body> {
    let mut response = text(StatusCode::BAD_REQUEST, "400 Bad Request");
    close(&mut response);
    response
}

/// 417: the client expects something that is not done here.
#[must_use]
pub fn expectation_failed() -> Response<Body> {
    let mut response = text(StatusCode::EXPECTATION_FAILED, "");
    close(&mut response);
    response
}

/// 501: a transfer coding other than `chunked`, so that it is not known where the body ends.
#[must_use]
pub fn unknown_coding() -> Response<Body> {
    let mut response = text(StatusCode::NOT_IMPLEMENTED, "unsupported transfer encoding");
    close(&mut response);
    response
}

/// 301, with the small page that clients have always got for it.
#[must_use]
pub fn redirect(method: &Method, path: &str, query: Option<&str>) -> Response<Body> {
    let location = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let Ok(value) = HeaderValue::from_str(&location) else { return bad_request() };
    let mut response = if method == Method::GET {
        let page = format!("<a href=\"{}\">Moved Permanently</a>.\n\n", escape_html(&location));
        let mut response = Response::new(Body::from(page));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        response
    } else if method == Method::HEAD {
        let mut response = Response::new(Body::default());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        response
    } else {
        empty()
    };
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(LOCATION, value);
    response
}

/// The answer to `HEAD`: its head alone, with the length of the body that it would have. The HTTP library sees to that
/// over HTTP/1.1 only.
#[must_use]
pub fn head_only(response: Response<Body>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    // An empty one may stand for a body that is not told of.
    if let Some(length) = body.size_hint().exact().filter(|&length| length > 0) {
        head.headers.entry(CONTENT_LENGTH).or_insert(length.into());
    }
    Response::from_parts(head, Body::default())
}

/// A log that is followed: one JSON object per line, as they come.
#[must_use]
pub fn stream(events: Subscription) -> Response<Body> {
    let mut response = Response::new(Body::Stream(events));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

/// The metrics, in Prometheus' text format.
#[must_use]
pub fn metrics(exposition: String) -> Response<Body> {
    let mut response = Response::new(Body::from(exposition));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Ends the connection after this answer. HTTP/2 has other means, and the header is not for it.
pub fn close(response: &mut Response<Body>) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn with_json(status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::new(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

fn method_value(method: &Method, all: bool) -> HeaderValue {
    match (method, all) {
        (&Method::PUT, true) => HeaderValue::from_static("PUT, POST"),
        (&Method::PUT, false) => HeaderValue::from_static("PUT"),
        (&Method::DELETE, _) => HeaderValue::from_static("DELETE"),
        _ => HeaderValue::from_static("GET"),
    }
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&#34;").replace('\'', "&#39;")
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, HtmlSafe))
        .expect("wire types have text keys only, and memory does not fail to be written");
    bytes
}

/// JSON with `<`, `>`, `&`, U+2028 and U+2029 escaped, as clients have always got it.
struct HtmlSafe;

impl Formatter for HtmlSafe {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, special) = rest.split_at(at);
            let character = special.chars().next().unwrap_or_default();
            CompactFormatter.write_string_fragment(writer, plain)?;
            write!(writer, "\\u{:04x}", u32::from(character))?;
            rest = &special[character.len_utf8()..];
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}

/// Lets the HTTP library hold secret bytes without copying them; they are wiped when it is done.
struct Wiped(SecretBytes);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_escaped_as_it_always_was() {
        assert_eq!(
            to_json(&"a<b>& \"\\\n\u{1}\u{2028}é/"),
            br#""a\u003cb\u003e\u0026 \"\\\n\u0001\u2028\u00e9/""#.replace_e()
        );
    }

    /// Byte strings cannot hold `é`; this puts it where the escape stands in the expectation.
    trait ReplaceE {
        fn replace_e(&self) -> Vec<u8>;
    }

    impl ReplaceE for [u8] {
        fn replace_e(&self) -> Vec<u8> {
            String::from_utf8_lossy(self).replace("\\u00e9", "é").into_bytes()
        }
    }
}
