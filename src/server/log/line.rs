//! A line of a log: `time=… level=… msg=… key=value`, or the same as one JSON object.

use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

use kes_core::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::Level;

/// Most bytes of a text in a line. A path can have a million, and events wait in queues.
const MAX_TEXT_BYTES: usize = 2048;

/// One event.
#[derive(Debug)]
pub struct Line {
    time: String,
    level: Level,
    message: String,
    attributes: Vec<(&'static str, Value)>,
}

/// The value of an attribute.
#[derive(Debug)]
pub enum Value {
    /// Text.
    Text(String),
    /// A number.
    Number(u64),
    /// A time that something took: `274.59µs`, in JSON nanoseconds.
    Time(Duration),
}

impl Line {
    /// An event that happens now. What is too long is cut.
    #[must_use]
    pub fn new(level: Level, message: &str, attributes: Vec<(&'static str, Value)>) -> Self {
        let time = milliseconds(&Timestamp::from(SystemTime::now()).to_string());
        Self { time, level, message: clipped(message).into_owned(), attributes }
    }

    /// As `key=value` pairs, without a newline.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("time={} level={} msg={}", self.time, self.level, Quoted(&self.message));
        for (name, value) in &self.attributes {
            // Writing to a string does not fail.
            let _ = match value {
                Value::Text(value) => write!(text, " {name}={}", Quoted(value)),
                Value::Number(value) => write!(text, " {name}={value}"),
                Value::Time(value) => write!(text, " {name}={value:?}"),
            };
        }
        text
    }

    /// As a JSON object of the same names, without a newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("names are text, and memory does not fail to be written")
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3 + self.attributes.len()))?;
        map.serialize_entry("time", &self.time)?;
        map.serialize_entry("level", &self.level.to_string())?;
        map.serialize_entry("msg", &self.message)?;
        for (name, value) in &self.attributes {
            match value {
                Value::Text(value) => map.serialize_entry(name, value)?,
                Value::Number(value) => map.serialize_entry(name, value)?,
                Value::Time(value) => map.serialize_entry(name, &nanoseconds(*value))?,
            }
        }
        map.end()
    }
}

/// A duration as a number of nanoseconds; the longest that there is for what is longer.
#[must_use]
pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The beginning of a text that is too long, with a mark that it goes on.
#[must_use]
pub fn clipped(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= MAX_TEXT_BYTES {
        text.into()
    } else {
        format!("{}…", &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]).into()
    }
}

/// A UTC time with exactly three fractional digits.
fn milliseconds(time: &str) -> String {
    let (seconds, fraction) = time.trim_end_matches('Z').split_once('.').unwrap_or((time.trim_end_matches('Z'), ""));
    format!("{seconds}.{:0<3.3}Z", fraction)
}

/// Text as it stands, or in quotes where it would not be one word.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c != ' ' && c != '=' && c != '"' && !c.is_control() && c != '\u{fffd}';
        if !self.0.is_empty() && self.0.chars().all(plain) {
            return f.write_str(self.0);
        }
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_where_they_are_not_one_word() {
        for (text, written) in [
            ("word", "word"),
            ("<unknown>", "<unknown>"),
            ("274.59µs", "274.59µs"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a=b", "\"a=b\""),
            ("a\"b\\\n\u{1}", "\"a\\\"b\\\\\\n\\x01\""),
        ] {
            assert_eq!(Quoted(text).to_string(), written);
        }
    }

    #[test]
    fn times_have_three_fractional_digits() {
        assert_eq!(milliseconds("2026-11-21T02:55:48.946123Z"), "2026-11-21T02:55:48.946Z");
        assert_eq!(milliseconds("2026-11-21T02:55:48.9Z"), "2026-11-21T02:55:48.900Z");
        assert_eq!(milliseconds("2026-11-21T02:55:48Z"), "2026-11-21T02:55:48.000Z");
    }

    #[test]
    fn both_forms_tell_the_same() {
        let attributes = vec![
            ("req.path", Value::Text("/v1/a b".to_owned())),
            ("res.code", Value::Number(200)),
            ("res.time", Value::Time(Duration::from_nanos(274_590))),
        ];
        let line = Line::new(Level::INFO, "say \"hi\"", attributes);
        let text = line.to_text();
        let (time, rest) = text.strip_prefix("time=").and_then(|text| text.split_once(' ')).expect("a time");
        assert_eq!(rest, r#"level=INFO msg="say \"hi\"" req.path="/v1/a b" res.code=200 res.time=274.59µs"#);
        let json = r#","level":"INFO","msg":"say \"hi\"","req.path":"/v1/a b","res.code":200,"res.time":274590}"#;
        assert_eq!(line.to_json(), format!(r#"{{"time":"{time}"{json}"#));
    }

    #[test]
    fn texts_that_are_too_long_are_cut_between_characters() {
        let long = format!("a{}", "é".repeat(MAX_TEXT_BYTES));
        let cut = clipped(&long);
        assert!(cut.len() <= MAX_TEXT_BYTES + '…'.len_utf8() && cut.ends_with("é…"), "{} bytes", cut.len());
        assert_eq!(clipped("short"), "short");
    }
}
