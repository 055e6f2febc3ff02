//! Both logs: what goes wrong, and who did what. Lines for the console, records for files and for clients that follow.
//!
//! ```text
//! tracing ──> error log ──┬── stderr, from `log.error` on        ┐
//!                         └── /v1/log/error, from INFO on        │ each behind a bounded queue;
//! every answer ──> audit ─┬── stdout, if `log.audit` says so     │ what does not fit is dropped and
//!                         ├── the file `log.file.audit.path`     │ counted, and nobody waits
//!                         └── /v1/log/audit                      ┘
//! ```
//!
//! An event that nobody wants is not built (specification: `server-api.md` §12, decision 13).

mod audit;
mod errors;
mod file;
mod line;
mod repeats;
mod stream;
mod writer;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use kes_client::wire;
pub use kes_config::Level;
use kes_config::{Log, LogFormat};
use serde::Serialize;

pub use audit::{AuditEvent, What};
pub use errors::{ErrorLog, Sink, Target};
pub use line::Line;
pub use stream::Subscription;

use super::metrics::{LogCounters, Metrics};
use super::peer::Peer;
use file::RotatingFile;
use line::clipped;
use repeats::Repeats;
use stream::Hub;
use writer::{Console, Writer};

/// How long a queue gets to be written when the process ends, or for a place in it.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// What lines about handshakes begin with, as those of the archived server do.
const HANDSHAKE_ERROR: &str = "http: TLS handshake error";

/// A log that cannot be written to.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The audit file cannot be opened.
    #[error(
        "cannot open `log.file.audit.path` {path}: {error}; hint: the directory must exist, and the server's user may write there"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// The system gives no thread to write with.
    #[error("cannot start a thread for a log: {0}")]
    Thread(io::Error),
}

/// Both logs. Clones are the same; they outlive every state of the server.
#[derive(Clone, Debug)]
pub struct Logs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sinks: ArcSwap<Sinks>,
    errors: LogCounters,
    error_hub: Arc<Hub>,
    audit: LogCounters,
    audit_hub: Arc<Hub>,
    requests: Repeats,
    /// By themselves: strangers cause them, and must not crowd out the others.
    connections: Repeats,
}

/// What the configuration can change.
#[derive(Debug)]
struct Sinks {
    settings: Log,
    stderr: Option<Arc<Writer>>,
    stdout: Option<Arc<Writer>>,
    file: Option<Arc<Writer>>,
}

/// Which log a client follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// What goes wrong.
    Error,
    /// Who did what.
    Audit,
}

impl Logs {
    /// Logs to nobody but those who follow, until that is [changed](Self::change).
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let settings = Log { error: Level::OFF, audit: Level::OFF, ..Log::default() };
        let (errors, audit) = (metrics.error_log(), metrics.audit_log());
        let hub = |counters: &LogCounters| {
            Hub::new(settings.queue, counters.subscribers.clone(), counters.subscriber_drops.clone())
        };
        let (error_hub, audit_hub) = (hub(&errors), hub(&audit));
        let sinks = ArcSwap::from_pointee(Sinks { settings, stderr: None, stdout: None, file: None });
        Self(Arc::new(Inner {
            sinks,
            errors,
            error_hub,
            audit,
            audit_hub,
            requests: Repeats::default(),
            connections: Repeats::default(),
        }))
    }

    /// Logs as `settings` say from now on. Who follows stays; an audit file that is the same is opened anew.
    ///
    /// # Errors
    /// The audit file cannot be opened. Then nothing has changed.
    pub fn change(&self, settings: Log) -> Result<(), LogError> {
        let queue = settings.queue;
        let sinks = Sinks::open(settings, &self.0.sinks.load(), &self.0.errors, &self.0.audit)?;
        self.0.sinks.store(Arc::new(sinks));
        self.0.error_hub.set_queue(queue);
        self.0.audit_hub.set_queue(queue);
        Ok(())
    }

    /// Opens the audit file anew, for whoever has moved it away. What was logged before is written to the old one.
    pub fn reopen(&self) {
        if let Some(file) = &self.0.sinks.load().file {
            file.reopen(FLUSH_TIME);
        }
    }

    /// Follows a log from now on; `None` if too many do already.
    #[must_use]
    pub fn follow(&self, which: Which) -> Option<Subscription> {
        match which {
            Which::Error => self.0.error_hub.subscribe(),
            Which::Audit => self.0.audit_hub.subscribe(),
        }
    }

    /// Ends all streams.
    pub fn close_streams(&self) {
        self.0.error_hub.close();
        self.0.audit_hub.close();
    }

    /// Waits until what was logged is written, for a moment at the most. Blocks the thread.
    pub fn flush(&self) {
        let sinks = self.0.sinks.load();
        for writer in [&sinks.stderr, &sinks.stdout, &sinks.file].into_iter().flatten() {
            writer.flush(FLUSH_TIME);
        }
    }

    /// A request was answered.
    pub fn audit(&self, event: &AuditEvent<'_>) {
        self.0.audit.events.inc();
        let sinks = self.0.sinks.load();
        if let Some(stdout) = &sinks.stdout {
            stdout.write(sinks.console_form(&event.to_line()));
        }
        if sinks.file.is_some() || self.0.audit_hub.is_followed() {
            let record = ndjson(&event.record());
            self.0.audit_hub.publish(&record);
            if let Some(file) = &sinks.file {
                file.write(record);
            }
        }
    }

    /// Reports what became of a request beside its answer. From WARN on, a cause is told once in `log.repeat_interval`.
    pub fn request_failed(&self, level: Level, detail: &str, method: &http::Method, path: &str, peer: &Peer) {
        let interval = self.0.sinks.load().settings.repeat_interval;
        let quiet = if level >= Level::WARN { self.0.requests.tell(detail, interval) } else { Some(0) };
        if let Some(quiet) = quiet {
            tell(level, detail, method, path, peer, quiet);
        }
    }

    /// Reports why the connection from `address` ended before it spoke HTTP. From INFO on, a cause is told once in
    /// `log.repeat_interval`.
    pub fn handshake_failed(&self, level: Level, address: SocketAddr, cause: &str) {
        if level < Level::INFO {
            tracing::debug!("{HANDSHAKE_ERROR} from {address}: {cause}");
            return;
        }
        let interval = self.0.sinks.load().settings.repeat_interval;
        let Some(quiet) = self.0.connections.tell(&format!("{HANDSHAKE_ERROR}: {cause}"), interval) else { return };
        // How often it was kept quiet is told where it was.
        let suppressed = Some(quiet).filter(|&quiet| quiet > 0);
        if level >= Level::WARN {
            tracing::warn!(suppressed, "{HANDSHAKE_ERROR} from {address}: {cause}");
        } else {
            tracing::info!(suppressed, "{HANDSHAKE_ERROR} from {address}: {cause}");
        }
    }

    /// Reports that an idle connection was ended because all of `count` places are taken, once in `log.repeat_interval`.
    pub fn made_room(&self, count: usize) {
        let text = format!("http: all {count} places of `limits.connections` are taken: idle connections make room");
        if let Some(quiet) = self.0.connections.tell(&text, self.0.sinks.load().settings.repeat_interval) {
            tracing::warn!(suppressed = Some(quiet).filter(|&quiet| quiet > 0), "{text}");
        }
    }

    /// Reports causes that were kept quiet and did not come again, every now and then. Never ends.
    pub async fn report_repeats(self) {
        loop {
            let interval = self.0.sinks.load().settings.repeat_interval;
            tokio::time::sleep(interval.max(Duration::from_secs(1))).await;
            for (cause, quiet) in self.0.requests.overdue(interval) {
                tracing::warn!(target: "kes::request", suppressed = quiet, "{cause}");
            }
            for (cause, quiet) in self.0.connections.overdue(interval) {
                tracing::info!(suppressed = quiet, "{cause}");
            }
        }
    }
}

impl Target for Logs {
    fn wants(&self, level: Level) -> bool {
        // Streams have everything from INFO on, whatever the console has; and what they would have is counted.
        level >= self.0.sinks.load().settings.error.min(Level::INFO)
    }

    fn take(&self, level: Level, line: &Line) {
        self.0.errors.events.inc();
        let sinks = self.0.sinks.load();
        if let Some(stderr) = sinks.stderr.as_ref().filter(|_| level >= sinks.settings.error) {
            stderr.write(sinks.console_form(line));
        }
        if level >= Level::INFO && self.0.error_hub.is_followed() {
            self.0.error_hub.publish(&ndjson(&wire::ErrorEvent { message: line.to_text() }));
        }
    }
}

/// A line of a stream or file.
fn ndjson(event: &impl Serialize) -> Bytes {
    let mut line = serde_json::to_vec(event).expect("names are text, and memory does not fail to be written");
    line.push(b'\n');
    line.into()
}

impl Sinks {
    /// Opens what `settings` want. What of `before` is wanted on is taken over.
    fn open(settings: Log, before: &Self, errors: &LogCounters, audit: &LogCounters) -> Result<Self, LogError> {
        let before = Some(before).filter(|before| before.settings.queue == settings.queue);
        let console = |wanted: bool, old: Option<&Arc<Writer>>, name, stream: Console, drops: &LogCounters| {
            if !wanted {
                return Ok(None);
            }
            let start = || Writer::start(name, settings.queue, stream, drops.console_drops.clone()).map(Arc::new);
            old.map_or_else(start, |old| Ok(Arc::clone(old))).map(Some).map_err(LogError::Thread)
        };
        let old = before.and_then(|before| before.stderr.as_ref());
        let stderr = console(settings.error <= Level::ERROR, old, "log-stderr", Console::Error, errors)?;
        let old = before.and_then(|before| before.stdout.as_ref());
        let stdout = console(settings.audit <= Level::INFO, old, "log-stdout", Console::Out, audit)?;
        let file = match (&settings.audit_file, before) {
            (None, _) => None,
            (Some(wanted), Some(Self { settings: old, file: Some(file), .. }))
                if old.audit_file.as_ref() == Some(wanted) =>
            {
                file.reopen(FLUSH_TIME);
                Some(Arc::clone(file))
            }
            (Some(wanted), _) => {
                let opened = RotatingFile::open(wanted);
                let output = opened.map_err(|error| LogError::File { path: wanted.path.clone(), error })?;
                let started = Writer::start("log-file", settings.queue, output, audit.file_drops.clone());
                Some(Arc::new(started.map_err(LogError::Thread)?))
            }
        };
        Ok(Self { settings, stderr, stdout, file })
    }

    /// A line for the console, with its newline.
    fn console_form(&self, line: &Line) -> Bytes {
        let text = match self.settings.format {
            LogFormat::Text => line.to_text(),
            LogFormat::Json => line.to_json(),
        };
        Bytes::from(text + "\n")
    }
}

fn tell(level: Level, detail: &str, method: &http::Method, path: &str, peer: &Peer, suppressed: u64) {
    let identity = peer.presented_identity().map_or("<unknown>", |identity| identity.as_str());
    let ip = peer.ip();
    let path = clipped(path);
    // How often it was kept quiet is told where it was.
    let suppressed = Some(suppressed).filter(|&suppressed| suppressed > 0);
    macro_rules! emit {
        ($level:ident) => {
            tracing::event!(
                target: "kes::request",
                tracing::Level::$level,
                req.method = %method,
                req.path = %path,
                req.ip = %ip,
                req.identity = identity,
                suppressed,
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
