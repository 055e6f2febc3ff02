//! The error log as a layer of `tracing`: events of this program become lines.
//!
//! Those of libraries are not written, since they could hold what we cannot vouch for.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::Level;
use super::line::{Line, Value, clipped};

/// Where finished lines go.
pub trait Sink: Send + Sync + 'static {
    /// Takes one line, which ends in a newline.
    fn write_line(&self, line: &str);
}

/// What becomes of events.
pub trait Target: Send + Sync + 'static {
    /// Whether events of this level are of interest.
    fn wants(&self, level: Level) -> bool;

    /// Takes an event.
    fn take(&self, level: Level, line: &Line);
}

/// Writes events at or above a level to a sink.
#[derive(Debug)]
pub struct Above<S> {
    threshold: Level,
    sink: S,
}

impl<S: Sink> Target for Above<S> {
    fn wants(&self, level: Level) -> bool {
        level >= self.threshold
    }

    fn take(&self, _: Level, line: &Line) {
        self.sink.write_line(&(line.to_text() + "\n"));
    }
}

/// Hands events of this program to a target.
#[derive(Debug)]
pub struct ErrorLog<T>(T);

impl<S: Sink> ErrorLog<Above<S>> {
    /// A log of all events from `threshold` on.
    pub fn new(threshold: Level, sink: S) -> Self {
        Self(Above { threshold, sink })
    }
}

impl<T: Target> ErrorLog<T> {
    /// A log to `target`.
    pub fn to(target: T) -> Self {
        Self(target)
    }
}

impl<T: Target, S: Subscriber> Layer<S> for ErrorLog<T> {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // What is wanted changes while the program runs.
        if is_ours(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_ours(metadata) && self.0.wants(level_of(metadata.level()))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut found = Found::default();
        event.record(&mut found);
        let level = level_of(event.metadata().level());
        self.0.take(level, &Line::new(level, &found.message, found.attributes));
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("kes::") || metadata.target().starts_with("kes_")
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

/// What an event says.
#[derive(Default)]
struct Found {
    message: String,
    attributes: Vec<(&'static str, Value)>,
}

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.attributes.push((field.name(), Value::Text(clipped(value).into_owned())));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.attributes.push((field.name(), Value::Number(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
