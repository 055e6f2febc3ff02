//! Request paths: decoded, cleaned and looked up in the route table, each against another way to do it.
#![no_main]

use kes::server::path::RawPath;
use kes::server::{Found, ROUTES, find};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &str| {
    let segments: Vec<&str> = raw.strip_prefix('/').unwrap_or_default().split('/').collect();
    let is_dirty = segments
        .iter()
        .enumerate()
        .any(|(index, segment)| matches!(*segment, "." | "..") || segment.is_empty() && index + 1 < segments.len());
    let decoded: Option<Vec<Vec<u8>>> = segments.iter().map(|segment| decode(segment)).collect();
    match RawPath::read(raw) {
        RawPath::Malformed => assert!(!raw.starts_with('/') || !is_dirty && decoded.is_none()),
        RawPath::Redirect(cleaned) => {
            assert!(is_dirty);
            // A backslash is escaped, for browsers take it for a slash.
            assert_eq!(cleaned, rewritten(raw).replace('\\', "%5C"));
            assert!(!matches!(RawPath::read(&cleaned), RawPath::Redirect(_)), "{cleaned} is redirected again");
        }
        RawPath::Clean(path) => {
            let decoded = decoded.expect("escapes are right in a path that is read");
            let texts: Vec<String> = decoded.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
            assert_eq!(path.as_str(), format!("/{}", texts.join("/")));
            assert_eq!(path.is_text(), decoded.iter().all(|bytes| std::str::from_utf8(bytes).is_ok()));
            // The same path with everything escaped is the same path.
            let escape = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
            let escaped = decoded.iter().map(escape).collect::<Vec<_>>().join("/");
            let again = RawPath::read(&format!("/{escaped}"));
            let RawPath::Clean(again) = again else { panic!("/{escaped} is {again:?}") };
            assert_eq!(again, path);
            assert_eq!(describe(&find(&path)), look_up(&texts), "{raw}");
        }
    }
});

/// The bytes of a segment, or `None` if an escape is none.
fn decode(segment: &str) -> Option<Vec<u8>> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || (bytes.next()? as char).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            decoded.push((high * 16 + low) as u8);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}

/// The cleaned path, by rewriting the text until nothing is left to rewrite.
fn rewritten(raw: &str) -> String {
    let mut text = format!("{raw}/");
    loop {
        if text.contains("//") {
            text = text.replace("//", "/");
        } else if text.contains("/./") {
            text = text.replace("/./", "/");
        } else if let Some(at) = text.find("/../") {
            let parent = text[..at].rfind('/').unwrap_or_default();
            text = format!("{}{}", &text[..parent], &text[at + 3..]);
        } else {
            break;
        }
    }
    if !raw.ends_with('/') && text.len() > 1 {
        text.pop();
    }
    text
}

fn describe(found: &Found<'_>) -> Option<(&'static str, String)> {
    match found {
        Found::Route(index, argument) => Some((ROUTES[*index].path, (*argument).to_owned())),
        Found::MissingSlash => Some(("a slash is missing", String::new())),
        Found::Nothing => None,
    }
}

/// Where the segments of a path lead, if a slash inside one never counts.
fn look_up(segments: &[String]) -> Option<(&'static str, String)> {
    for (route, path) in
        ROUTES.iter().flat_map(|route| [route.path].into_iter().chain(route.historic).map(move |path| (route, path)))
    {
        let names: Vec<&str> = path.trim_matches('/').split('/').collect();
        let begins =
            segments.len() >= names.len() && segments.iter().zip(&names).all(|(segment, name)| segment == name);
        if !begins {
            continue;
        }
        let rest = &segments[names.len()..];
        match (route.takes_argument(), rest.is_empty()) {
            (true, false) => return Some((route.path, rest.join("/"))),
            (true, true) if route.is_list() => return Some((route.path, String::new())),
            (true, true) => return Some(("a slash is missing", String::new())),
            (false, true) => return Some((route.path, String::new())),
            (false, false) => {}
        }
    }
    None
}
