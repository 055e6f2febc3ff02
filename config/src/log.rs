//! `log`: what is logged, how, and where to.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::problem::{Wrong, shown};
use crate::report::Report;
use crate::scalar;
use crate::section::Section;

/// How severe an event is, or from where on events are logged. Higher is more severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(pub i32);

impl Level {
    /// For whoever looks for a cause.
    pub const DEBUG: Self = Self(-4);
    /// Ordinary events.
    pub const INFO: Self = Self(0);
    /// Something that may become a failure.
    pub const WARN: Self = Self(4);
    /// A failure.
    pub const ERROR: Self = Self(8);
    /// As a threshold: nothing is logged.
    pub const OFF: Self = Self(9);

    /// The named levels, highest first.
    const NAMED: [(&'static str, Self); 4] =
        [("ERROR", Self::ERROR), ("WARN", Self::WARN), ("INFO", Self::INFO), ("DEBUG", Self::DEBUG)];
}

/// The nearest name below and the distance from it: `INFO`, `DEBUG+2`, `ERROR+1`; below all names `DEBUG-4`.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, base) = Self::NAMED.into_iter().find(|(_, base)| base <= self).unwrap_or(("DEBUG", Self::DEBUG));
        match i64::from(self.0) - i64::from(base.0) {
            0 => f.write_str(name),
            distance => write!(f, "{name}{distance:+}"),
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// `key=value` pairs.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// `log.file.audit`: audit events in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFile {
    /// `path` of the file.
    pub path: PathBuf,
    /// When it is renamed and begun anew; `None`: never by size, only reopened on SIGHUP.
    pub rotation: Option<Rotation>,
}

/// How an audit file is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// `max_size`: the size in bytes that a file does not exceed by more than one event.
    pub max_size: u64,
    /// `keep`: how many older files stay.
    pub keep: u32,
}

/// What is logged, how, and where to. The streams of the API do not depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `error`: from which level on errors go to stderr. Default INFO.
    pub error: Level,
    /// `audit`: from which level on audit events go to stdout; they all have INFO. Default off.
    pub audit: Level,
    /// `format` of the console. Default text.
    pub format: LogFormat,
    /// `file.audit`: a file for audit events. Default none.
    pub audit_file: Option<AuditFile>,
    /// `queue`: how many events wait for a sink or subscriber that is slow. Default 4096.
    pub queue: usize,
    /// `repeat_interval`: the same cause is logged at most once in this time; zero: every time. Default 10 seconds.
    pub repeat_interval: Duration,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            error: Level::INFO,
            audit: Level::OFF,
            format: LogFormat::Text,
            audit_file: None,
            queue: 4096,
            repeat_interval: Duration::from_secs(10),
        }
    }
}

impl Default for Rotation {
    fn default() -> Self {
        Self { max_size: 100 << 20, keep: 10 }
    }
}

/// The log's settings.
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> Log {
    let default = Log::default();
    let mut log = root.section("log", report);
    let error = log.filled("error", report).and_then(|text| text.parse(report, level));
    let audit = log.filled("audit", report).and_then(|text| text.parse(report, level));
    let format = log.filled("format", report).and_then(|text| text.parse(report, format));
    let mut file = log.section("file", report);
    let audit_file = audit_file(file.section("audit", report), report);
    file.finish(report);
    let queue = log.number("queue", 1, report);
    let repeat_interval = log.duration("repeat_interval", report);
    log.finish(report);
    Log {
        error: error.unwrap_or(default.error),
        audit: audit.unwrap_or(default.audit),
        format: format.unwrap_or(default.format),
        audit_file,
        queue: queue.unwrap_or(default.queue),
        repeat_interval: repeat_interval.unwrap_or(default.repeat_interval),
    }
}

fn audit_file(mut audit: Section<'_>, report: &mut Report<'_>) -> Option<AuditFile> {
    let default = Rotation::default();
    let path = audit.path("path", report);
    let max_size = audit.parsed("max_size", report, scalar::size).unwrap_or(default.max_size);
    let keep = audit.number("keep", 0, report).unwrap_or(default.keep);
    audit.finish(report);
    let rotation = (max_size > 0 && keep > 0).then_some(Rotation { max_size, keep });
    path.map(|path| AuditFile { path, rotation })
}

fn format(text: &str) -> Result<LogFormat, Wrong> {
    match text.to_ascii_lowercase().as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(Wrong::new(format!("{} is not a log format", shown(text)), "write `text` or `json`")),
    }
}

/// A level in any case with blanks around it: `on`, `off`, a name, a name and a distance, or a number.
fn level(text: &str) -> Result<Level, Wrong> {
    let upper = text.trim().to_ascii_uppercase();
    let level = match upper.as_str() {
        "ON" => Some(Level::INFO),
        "OFF" => Some(Level::OFF),
        _ => named(&upper).or_else(|| upper.parse().ok().map(Level)),
    };
    level.ok_or_else(|| {
        Wrong::new(
            format!("{} is not a log level", shown(text)),
            "write `on`, `off`, `debug`, `info`, `warn`, `error`, one of these names and a distance such as `info+2`, \
             or a number",
        )
    })
}

fn named(upper: &str) -> Option<Level> {
    Level::NAMED.into_iter().find_map(|(name, base)| match upper.strip_prefix(name)? {
        "" => Some(base),
        rest => {
            let digits = rest.strip_prefix('+').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
            Some(Level(base.0.checked_add(digits.parse().ok()?)?))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn levels_of_the_specification() {
        for (text, expected) in [
            ("on", 0),
            ("OFF", 9),
            (" Info ", 0),
            ("debug", -4),
            ("DEBUG+2", -2),
            ("info+4", 4),
            ("warn", 4),
            ("error", 8),
            ("error+1", 9),
            ("4", 4),
            ("-4", -4),
            ("12", 12),
        ] {
            assert_eq!(level(text), Ok(Level(expected)), "{text}");
        }
        for text in [
            "warn-1",
            "INFO + 1",
            "INFO+x",
            "INFO+",
            "INFO++1",
            "warning",
            "none",
            "true",
            "false",
            "DEBUGX",
            "1.5",
            "99999999999",
            "info+2147483648",
            "error+2147483647",
        ] {
            assert!(level(text).is_err(), "{text}");
        }
    }

    #[test]
    fn levels_print_as_the_nearest_name_below() {
        for (level, text) in [(0, "INFO"), (-2, "DEBUG+2"), (9, "ERROR+1"), (4, "WARN"), (3, "INFO+3"), (-8, "DEBUG-4")]
        {
            assert_eq!(Level(level).to_string(), text);
        }
        assert_eq!(Level(i32::MIN).to_string(), "DEBUG-2147483644");
    }

    proptest! {
        #[test]
        fn levels_round_trip(number in -4..=i32::MAX) {
            prop_assert_eq!(level(&Level(number).to_string()), Ok(Level(number)));
            prop_assert_eq!(level(&number.to_string()), Ok(Level(number)));
        }
    }
}
