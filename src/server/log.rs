//! The error log: one line per event on stderr, `time=… level=… msg=… key=value`.
//!
//! Everything goes through `tracing`; only events of this program are written, since a library's could hold what we
//! cannot vouch for (specification: `server-api.md` §12).

use std::fmt::{self, Write as _};
use std::io::Write as _;

use kes_core::{Clock, SystemClock};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

pub use kes_config::Level;

use super::peer::Peer;

/// Reports what became of a request beside its answer.
pub fn request_failed(level: Level, detail: &str, method: &http::Method, path: &str, peer: &Peer) {
    let identity = peer.known_identity().map_or("<unknown>", |identity| identity.as_str());
    let ip = peer.ip();
    macro_rules! emit {
        ($level:ident) => {
            tracing::event!(
                target: "kes::request",
                tracing::Level::$level,
                req.method = %method,
                req.path = path,
                req.ip = %ip,
                req.identity = identity,
                "{detail}"
            )
        };
    }
    if level >= Level::ERROR {
        emit!(ERROR);
    } else if level >= Level::WARN {
        emit!(WARN);
    } else if level >= Level::INFO {
        emit!(INFO);
    } else {
        emit!(DEBUG);
    }
}

/// Where finished lines go.
pub trait Sink: Send + Sync + 'static {
    /// Takes one line, which ends in a newline.
    fn write_line(&self, line: &str);
}

/// The standard error stream.
#[derive(Clone, Copy, Debug)]
pub struct Stderr;

impl Sink for Stderr {
    fn write_line(&self, line: &str) {
        // Nowhere is left to report a failure to.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// Writes events of this program at or above a level.
#[derive(Debug)]
pub struct ErrorLog<S> {
    threshold: Level,
    sink: S,
}

impl<S: Sink> ErrorLog<S> {
    /// A log to `sink`.
    pub fn new(threshold: Level, sink: S) -> Self {
        Self { threshold, sink }
    }
}

impl<S: Sink, T: Subscriber> Layer<T> for ErrorLog<S> {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, T>) -> bool {
        let ours = metadata.target().starts_with("kes::") || metadata.target().starts_with("kes_");
        ours && level_of(metadata.level()) >= self.threshold
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, T>) {
        let mut line = Line { message: String::new(), attributes: String::new() };
        event.record(&mut line);
        let time = milliseconds(&SystemClock.now().to_string());
        let level = event.metadata().level();
        let text = format!("time={time} level={level} msg={}{}\n", Quoted(&line.message), line.attributes);
        self.sink.write_line(&text);
    }
}

fn level_of(level: &tracing::Level) -> Level {
    match *level {
        tracing::Level::ERROR => Level::ERROR,
        tracing::Level::WARN => Level::WARN,
        tracing::Level::INFO => Level::INFO,
        tracing::Level::DEBUG => Level::DEBUG,
        tracing::Level::TRACE => Level(Level::DEBUG.0 - 4),
    }
}

/// A UTC time with exactly three fractional digits.
fn milliseconds(time: &str) -> String {
    let (seconds, fraction) = time.trim_end_matches('Z').split_once('.').unwrap_or((time.trim_end_matches('Z'), ""));
    format!("{seconds}.{:0<3.3}Z", fraction)
}

struct Line {
    message: String,
    attributes: String,
}

impl Line {
    fn add(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            // Writing to a string does not fail.
            let _ = write!(self.attributes, " {}={}", field.name(), Quoted(value));
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }
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
}
