//! Shell-like patterns over paths, as releases before November 2023 read policy rules.
//!
//! `*` is any run without `/`, also none; `?` one character but `/`; `[a-z]` and `[^a-z]` one of a class; `\c` the
//! character itself. A pattern covers the whole path. Malformed patterns have no meaning (decision 6).

/// What one step of a glob pattern takes from the text.
enum Step<'a> {
    /// `*`: any run without `/`, also none.
    Run,
    /// `?`, `[…]` or a literal: one character, which `accepts` decides on.
    One(One<'a>),
}

enum One<'a> {
    Any,
    Literal(u8),
    Class { negated: bool, ranges: &'a [u8] },
}

/// Whether `text` matches the shell pattern over its whole length, or `None` if the pattern is malformed.
///
/// The meaning is that of the shell-like patterns of older releases: `*` any run without `/`; `?` one character but
/// `/`; `[a-z]`, `[^a-z]`; `\c`. Paths are ASCII in every rule that matters; a `?` or class takes one UTF-8 character.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> Option<bool> {
    if !is_glob(pattern) {
        return None;
    }
    // One remembered `*` is enough: a later `*` can take whatever an earlier one could have given it, as long as no
    // `/` lies between, and a literal `/` that failed to match cannot be crossed by going back further. A class that
    // takes a `/` can make this miss what another place would give, as the old reading did.
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if p == pattern.len() && t == text.len() {
            return Some(true);
        }
        let advanced = (p < pattern.len()).then(|| step(&pattern[p..])).flatten().and_then(|(step, used)| match step {
            Step::Run => {
                retry = Some((p + used, t));
                Some((p + used, t))
            }
            Step::One(one) => one.accepts(&text[t..]).map(|taken| (p + used, t + taken)),
        });
        match (advanced, retry) {
            (Some(next), _) => (p, t) = next,
            (None, Some((after, from))) if text.get(from).is_some_and(|&byte| byte != b'/') => {
                let from = from + character(&text[from..]);
                retry = Some((after, from));
                (p, t) = (after, from);
            }
            _ => return Some(false),
        }
    }
}

/// Whether every step of the pattern can be read.
pub(crate) fn is_glob(mut pattern: &[u8]) -> bool {
    while !pattern.is_empty() {
        match step(pattern) {
            Some((_, used)) => pattern = &pattern[used..],
            None => return false,
        }
    }
    true
}

/// What every text that matches begins with, and whether that is the only text that matches.
pub(crate) fn literal_prefix(mut pattern: &[u8]) -> (Vec<u8>, bool) {
    let mut prefix = Vec::new();
    while let Some((Step::One(One::Literal(byte)), used)) = step(pattern) {
        prefix.push(byte);
        pattern = &pattern[used..];
    }
    (prefix, pattern.is_empty())
}

/// The first step of a pattern and its length in bytes.
fn step(pattern: &[u8]) -> Option<(Step<'_>, usize)> {
    match *pattern.first()? {
        b'*' => Some((Step::Run, 1)),
        b'?' => Some((Step::One(One::Any), 1)),
        b'\\' => pattern.get(1).map(|&byte| (Step::One(One::Literal(byte)), 2)),
        b'[' => class(pattern),
        byte => Some((Step::One(One::Literal(byte)), 1)),
    }
}

/// A character class from its `[` on: at least one range, each end a character that may be escaped.
fn class(pattern: &[u8]) -> Option<(Step<'_>, usize)> {
    let negated = pattern.get(1) == Some(&b'^');
    let start = 1 + usize::from(negated);
    let mut end = start;
    while pattern.get(end) != Some(&b']') || end == start {
        end += range(&pattern[end..])?.2;
    }
    Some((Step::One(One::Class { negated, ranges: &pattern[start..end] }), end + 1))
}

/// One range of a class: low end, high end, length in bytes.
fn range(class: &[u8]) -> Option<(char, char, usize)> {
    let (low, mut used) = class_end(class)?;
    let mut high = low;
    if class.get(used) == Some(&b'-') {
        let (end, more) = class_end(&class[used + 1..])?;
        high = end;
        used += 1 + more;
    }
    Some((low, high, used))
}

/// One end of a range: a character but `-` and `]`, unless escaped.
fn class_end(class: &[u8]) -> Option<(char, usize)> {
    let escaped = usize::from(class.first() == Some(&b'\\'));
    let rest = class.get(escaped..)?;
    if escaped == 0 && matches!(rest.first(), Some(b'-' | b']')) {
        return None;
    }
    let length = character(rest);
    let character = std::str::from_utf8(rest.get(..length)?).ok()?.chars().next()?;
    Some((character, escaped + length))
}

/// The length of the first UTF-8 character, at least 1 where there is a byte.
fn character(text: &[u8]) -> usize {
    let length = match text.first() {
        None => 0,
        Some(0..=0xbf) => 1,
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(_) => 4,
    };
    length.min(text.len())
}

impl One<'_> {
    /// How many bytes of `text` this takes, if its first character is accepted.
    fn accepts(&self, text: &[u8]) -> Option<usize> {
        let first = *text.first()?;
        let length = character(text);
        match self {
            Self::Literal(byte) => (first == *byte).then_some(1),
            Self::Any => (first != b'/').then_some(length),
            Self::Class { negated, ranges } => {
                let found = std::str::from_utf8(&text[..length]).ok().and_then(|text| text.chars().next());
                let matched = found.is_some_and(|c| Ranges(ranges).any(|(low, high)| (low..=high).contains(&c)));
                (matched != *negated).then_some(length)
            }
        }
    }
}

/// The ranges of a class that was read before.
struct Ranges<'a>(&'a [u8]);

impl Iterator for Ranges<'_> {
    type Item = (char, char);

    fn next(&mut self) -> Option<(char, char)> {
        let (low, high, used) = range(self.0)?;
        self.0 = &self.0[used..];
        Some((low, high))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn globs_read_as_they_once_did() {
        for (pattern, text, matches) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*", "a/b", false),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[\\-x]", "-", true),
            ("*x", "xxx", true),
            ("[^a]b", "/b", true),
            ("*[/a]*b", "a/b", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), Some(matches), "{pattern} on {text}");
        }
        for malformed in ["[]a]", "[-]", "[x-]", "[-x]", "[", "[^", "[^bc", "a[", "[a-b-c]", "\\", "[\\"] {
            assert_eq!(glob(malformed.as_bytes(), b"x"), None, "{malformed}");
        }
    }

    /// The obvious, slow reading of a glob without classes.
    pub(crate) fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => {
                naive(rest, text) || text.first().is_some_and(|&b| b != b'/') && naive(pattern, &text[1..])
            }
            [b'?', rest @ ..] => text.first().is_some_and(|&b| b != b'/') && naive(rest, &text[1..]),
            [byte, rest @ ..] => text.first() == Some(byte) && naive(rest, &text[1..]),
        }
    }
}
