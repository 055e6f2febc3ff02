//! Request paths: decoded once, split at the slashes that were sent as slashes.
//!
//! An encoded slash never separates, an encoded dot is never cleaned, and what was decoded here is what is routed,
//! authorised and logged (specification: `server-api.md` §8).

use percent_encoding::percent_decode_str;

/// A path as it was meant.
#[derive(Debug, PartialEq, Eq)]
pub struct DecodedPath {
    /// The whole path, decoded.
    text: String,
    /// Where the first slash stands in `text` that was sent encoded, in bytes. It separates nothing.
    encoded_slash: Option<usize>,
    /// What was sent is UTF-8, and `text` is the same.
    is_text: bool,
}

/// What a raw path is.
#[derive(Debug, PartialEq, Eq)]
pub enum RawPath {
    /// A path to route.
    Clean(DecodedPath),
    /// It has `//`, `/./` or `/../`: the client is sent to the cleaned path, escapes as it sent them.
    Redirect(String),
    /// It does not begin with a slash, or has an escape that is none.
    Malformed,
}

impl RawPath {
    /// Reads the path of a request target, without its query.
    #[must_use]
    pub fn read(raw: &str) -> Self {
        let Some(rest) = raw.strip_prefix('/') else { return Self::Malformed };
        // Without one of these pairs there is nothing to clean, and hardly any clean path has one.
        let is_doubtful = raw.as_bytes().windows(2).any(|pair| matches!(pair, b"//" | b"/."));
        if let Some(cleaned) = is_doubtful.then(|| clean(rest)).flatten() {
            return Self::Redirect(cleaned);
        }
        // Most paths are what they mean.
        if !raw.contains('%') {
            return Self::Clean(DecodedPath { text: raw.to_owned(), encoded_slash: None, is_text: true });
        }
        let mut path = DecodedPath { text: String::with_capacity(raw.len()), encoded_slash: None, is_text: true };
        for segment in rest.split('/') {
            if !has_valid_escapes(segment.as_bytes()) {
                return Self::Malformed;
            }
            path.push(segment);
        }
        Self::Clean(path)
    }
}

impl DecodedPath {
    /// The whole decoded path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the path is what was sent. If not, what was no UTF-8 in it was replaced, so that two paths may look alike.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.is_text
    }

    /// What follows `prefix`, if the path begins with the segments of `prefix`. The prefix ends in a slash, which must
    /// have been sent as one.
    #[must_use]
    pub fn argument_of(&self, prefix: &str) -> Option<&str> {
        self.text.strip_prefix(prefix).filter(|_| self.encoded_slash.is_none_or(|at| at >= prefix.len()))
    }

    /// Whether the path is exactly this one, slash for slash.
    #[must_use]
    pub fn is(&self, path: &str) -> bool {
        self.text == path && self.encoded_slash.is_none()
    }

    /// Appends a slash and a segment, decoded. Its escapes are valid.
    fn push(&mut self, segment: &str) {
        self.text.push('/');
        let start = self.text.len();
        // Bytes that are no text can be in no name, but have to be shown as something.
        let segment = percent_decode_str(segment);
        self.is_text &= segment.clone().decode_utf8().is_ok();
        self.text.push_str(&segment.decode_utf8_lossy());
        self.encoded_slash = self.encoded_slash.or_else(|| Some(start + self.text[start..].find('/')?));
    }
}

/// The cleaned path, if the raw one (without its first slash) is not clean.
fn clean(rest: &str) -> Option<String> {
    let last = rest.split('/').count() - 1;
    let dirty =
        |(index, segment): (usize, &str)| segment == "." || segment == ".." || segment.is_empty() && index < last;
    if !rest.split('/').enumerate().any(dirty) {
        return None;
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in rest.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    let mut cleaned = String::with_capacity(rest.len() + 1);
    for segment in &kept {
        cleaned.push('/');
        cleaned.push_str(segment);
    }
    if cleaned.is_empty() || rest.ends_with('/') {
        cleaned.push('/');
    }
    // Browsers read `/\host` as another host's address.
    Some(cleaned.replace('\\', "%5C"))
}

/// Whether each `%` begins an escape.
pub(super) fn has_valid_escapes(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => rest = &rest[at + 3..],
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(raw: &str) -> DecodedPath {
        match RawPath::read(raw) {
            RawPath::Clean(path) => path,
            other => panic!("{raw} is {other:?}"),
        }
    }

    #[test]
    fn arguments_are_decoded_once() {
        for (raw, argument) in [
            ("/v1/key/create/my-key", Some("my-key")),
            ("/v1/key/cre%61te/enc%2Dkey", Some("enc-key")),
            ("/v1/key/create/", Some("")),
            ("/v1/key/create/a/b", Some("a/b")),
            ("/v1/key/create/a%2Fb", Some("a/b")),
            ("/v1/key/create/a%252Fb", Some("a%2Fb")),
            ("/v1/key/create/%2e%2e", Some("..")),
            ("/v1/key/create/.a", Some(".a")),
            ("/v1/key/create/a%2Fb%2Fc/d", Some("a/b/c/d")),
            ("/v1/key%2Fcreate/x", None),
            ("/v1%2Fkey/create/x", None),
            ("/v1/key/create%2Fx", None),
            ("/v1/key/create", None),
            ("/v1/key/createx/y", None),
            ("/", None),
        ] {
            assert_eq!(decoded(raw).argument_of("/v1/key/create/"), argument, "{raw}");
        }
    }

    #[test]
    fn exact_paths_need_their_slashes_sent_as_slashes() {
        assert!(decoded("/v1/status").is("/v1/status"));
        assert!(decoded("/v1/stat%75s").is("/v1/status"));
        assert!(!decoded("/v1%2Fstatus").is("/v1/status"));
        assert!(!decoded("/v1/status/").is("/v1/status"));
    }

    #[test]
    fn unclean_paths_are_redirected_with_their_escapes() {
        for (raw, cleaned) in [
            ("/v1//key/list", "/v1/key/list"),
            ("//v1/key/describe/a%2Fb", "/v1/key/describe/a%2Fb"),
            ("/v1/./status", "/v1/status"),
            ("/v1/key/../status", "/v1/status"),
            ("/v1/key/create//", "/v1/key/create/"),
            ("/../..", "/"),
            ("//", "/"),
            ("/./\\host", "/%5Chost"),
        ] {
            assert_eq!(RawPath::read(raw), RawPath::Redirect(cleaned.to_owned()), "{raw}");
        }
    }

    #[test]
    fn bad_escapes_are_malformed() {
        for raw in ["/v1/%", "/v1/%4", "/v1/%zz", "", "*", "v1/status"] {
            assert_eq!(RawPath::read(raw), RawPath::Malformed, "{raw}");
        }
    }

    #[test]
    fn what_is_no_text_is_told_from_what_looks_like_it() {
        for (raw, is_text) in [("/v1/%ff", false), ("/v1/%EF%BF%BD", true)] {
            let path = decoded(raw);
            assert_eq!((path.as_str(), path.is_text()), ("/v1/\u{fffd}", is_text), "{raw}");
        }
    }
}
