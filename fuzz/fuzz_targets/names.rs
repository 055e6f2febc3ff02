//! Names, list patterns and the tokens of later pages, against the grammars as they are written down.
#![no_main]

use kes_core::{Identity, KeyName, ListPattern, PolicyName};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    check_names(text);
    // A pattern, and a name that it covers or does not.
    let (pattern, name) = text.split_once('\n').unwrap_or((text, "my-key"));
    check_pattern(pattern, name);
});

fn check_names(text: &str) {
    assert_eq!(text.parse::<KeyName>().is_ok(), is_strict(text), "{text:?}");
    assert_eq!(text.parse::<PolicyName>().is_ok(), is_strict(text), "{text:?}");
    assert_eq!(text.parse::<Identity>().is_ok(), is_strict(text), "{text:?}");
    assert_eq!(KeyName::existing(text).is_ok(), is_existing(text), "{text:?}");
    assert_eq!(KeyName::stored(text).is_ok(), is_existing(text) || is_reserved(text), "{text:?}");
    if let Ok(name) = KeyName::stored(text) {
        assert_eq!(name.as_str(), text);
        assert_eq!((name.is_strict(), name.is_reserved()), (is_strict(text), is_reserved(text)), "{text:?}");
    }
}

fn check_pattern(text: &str, name: &str) {
    let parsed = text.parse::<ListPattern>();
    let Some((prefix, start_at)) = pattern(text) else {
        assert!(parsed.is_err(), "{text:?}");
        return;
    };
    let parsed = parsed.unwrap_or_else(|_| panic!("{text:?} is refused"));
    assert_eq!((parsed.prefix(), parsed.start_at()), (prefix, start_at), "{text:?}");
    let covered = name.as_bytes().starts_with(prefix.as_bytes())
        && start_at.is_none_or(|start| name.as_bytes() >= start.as_bytes());
    assert_eq!(parsed.covers(name), covered, "{name:?} by {text:?}");
    if is_strict(name) {
        let token: ListPattern = parsed.token(name).parse().unwrap_or_else(|_| panic!("no token for {name}"));
        assert_eq!((token.prefix(), token.start_at()), (prefix, Some(name)));
    }
}

/// 1 to 80 of `0-9A-Za-z_-`, `-` not at an end, not `_`.
fn is_strict(text: &str) -> bool {
    let letters = text.chars().all(|c| matches!(c, '0'..='9' | 'A'..='Z' | 'a'..='z' | '_' | '-'));
    letters && (1..=80).contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-') && text != "_"
}

/// One segment of a path of 1 to 80 bytes, without control characters, not reserved.
fn is_existing(text: &str) -> bool {
    let is_segment = !matches!(text, "" | "." | "..") && !text.chars().any(|c| c == '/' || c.is_control());
    is_segment && text.len() <= 80 && !is_reserved(text)
}

/// `^[0-9A-Za-z_-]{1,80}--[a-z][0-9]{1,19}-$`: some place divides it so.
fn is_reserved(text: &str) -> bool {
    (1..=80).any(|base| {
        let (Some(name), Some(rest)) = (text.get(..base), text.get(base..)) else { return false };
        let letters = name.chars().all(|c| matches!(c, '0'..='9' | 'A'..='Z' | 'a'..='z' | '_' | '-'));
        letters
            && rest.strip_prefix("--").and_then(|rest| rest.strip_suffix('-')).is_some_and(|record| {
                let mut characters = record.chars();
                let digits = record.len().saturating_sub(1);
                characters.next().is_some_and(|c| c.is_ascii_lowercase())
                    && (1..=19).contains(&digits)
                    && characters.all(|c| c.is_ascii_digit())
            })
    })
}

/// The prefix of a pattern and the name where it goes on.
fn pattern(text: &str) -> Option<(&str, Option<&str>)> {
    let may_begin_a_name = |prefix: &str| {
        let letters = prefix.chars().all(|c| matches!(c, '0'..='9' | 'A'..='Z' | 'a'..='z' | '_' | '-'));
        letters && prefix.len() <= 80 && !prefix.starts_with('-')
    };
    match text.find('~') {
        Some(at) => {
            let (prefix, next) = (&text[..at], &text[at + 1..]);
            (may_begin_a_name(prefix) && is_strict(next)).then_some((prefix, Some(next)))
        }
        None => {
            let prefix = text.strip_suffix('*').unwrap_or(text);
            (may_begin_a_name(prefix) && text.len() <= 80 && text != "_").then_some((prefix, None))
        }
    }
}
