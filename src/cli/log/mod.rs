//! `kes log`: what the server does, while it happens.

mod table;

use std::convert::Infallible;
use std::time::Duration;

use clap::Args;
use kes_client::wire::{AuditEvent, ErrorEvent};
use kes_client::{Client, Error, Events};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::connect::Connection;
use crate::cli::failure::{self, Failure};
use crate::cli::metric::Metric;
use crate::cli::output::{self, Format, Style};
use crate::cli::usage;

/// How long `--follow` waits before it tries again, at first and at most; it doubles in between.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Print the requests that the server answers, or its error log
#[derive(Args, Debug)]
#[command(
    override_usage = "kes log [OPTIONS]",
    after_help = concat!(
        "Events are printed from now on, until the server stops or Ctrl-C.\n\n",
        usage::examples!("kes log", "kes log --error", "kes log --json --follow")
    ),
    args_override_self = true
)]
pub(crate) struct Log {
    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    format: Format,

    /// Print requests and their answers (default)
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "true|false", hide_possible_values = true)]
    audit: Option<bool>,

    /// Print the error log
    #[arg(long)]
    error: bool,

    /// Go on when the connection is lost
    #[arg(short, long)]
    follow: bool,

    /// What `kes log trace` of old releases printed
    #[arg(long = "type", value_name = "audit|error|metric", hide = true)]
    kind: Option<String>,

    #[arg(hide = true)]
    arguments: Vec<String>,
}

/// What can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Audit,
    Error,
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit log",
            Self::Error => "error log",
        }
    }
}

impl Log {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let traces = match self.arguments.as_slice() {
            [] => false,
            [word] if word == "trace" => true,
            _ => return Err(Failure::error("too many arguments. See 'kes log --help'")),
        };
        let which = match (self.audit, self.error, self.kind.as_deref().filter(|_| traces)) {
            (Some(_), true, _) => return Err(Failure::error("--audit and --error cannot be used together")),
            (Some(false), false, _) => return Err(Failure::Usage(usage::help_of::<Self>("kes log"))),
            (_, false, Some("metric")) => return Metric::every(self.connection).run(),
            (_, _, Some(kind)) if !["audit", "error"].contains(&kind) => {
                return Err(Failure::error(format!("'{kind}' is no log: use audit or error. See 'kes log --help'")));
            }
            (_, true, _) | (None, false, Some("error")) => Which::Error,
            _ => Which::Audit,
        };
        let printer = Printer { which, json: self.format.json, style: self.format.style() };
        let ended = self.connection.run(async |client| printer.print(&client, self.follow).await);
        match ended {
            // Ctrl-C is how one leaves a log.
            Err(Failure::Interrupted) => Ok(()),
            other => other,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Printer {
    which: Which,
    json: bool,
    style: Style,
}

impl Printer {
    /// Prints until the server stops, or with `follow` for good.
    async fn print(self, client: &Client, follow: bool) -> Result<(), Failure> {
        // Told once, and by nobody who is not let in.
        let mut header = (!self.json && self.which == Which::Audit).then(|| table::header(self.style));
        if !follow {
            return match self.print_stream(client, &mut header).await {
                Ok(()) => Ok(()),
                Err(Trouble::Output(failure)) => Err(failure),
                Err(Trouble::NotOpened(error) | Trouble::Lost(error)) => Err(self.failure(error)),
            };
        }
        match self.print_again_and_again(client, header).await? {}
    }

    async fn print_again_and_again(self, client: &Client, mut header: Option<String>) -> Result<Infallible, Failure> {
        let mut pause = FIRST_PAUSE;
        loop {
            let reason = match self.print_stream(client, &mut header).await {
                Ok(()) => "the server ended it".to_owned(),
                Err(Trouble::Output(failure)) => return Err(failure),
                // Nothing of this gets better by waiting.
                Err(Trouble::NotOpened(error)) if !is_passing(&error) => return Err(self.failure(error)),
                Err(Trouble::NotOpened(error)) => {
                    self.tell(&failure::explain(&error), pause);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
                Err(Trouble::Lost(error)) => failure::explain(&error),
            };
            pause = FIRST_PAUSE;
            self.tell(&reason, pause);
            tokio::time::sleep(pause).await;
        }
    }

    /// One line for whoever wonders about the gap.
    fn tell(self, reason: &str, pause: Duration) {
        eprintln!("{} interrupted: {reason}; trying again in {pause:?}", self.which.name());
    }

    fn failure(self, error: Error) -> Failure {
        Failure::while_doing(format!("failed to follow the {}", self.which.name()))(error)
    }

    async fn print_stream(self, client: &Client, header: &mut Option<String>) -> Result<(), Trouble> {
        match self.which {
            Which::Audit => {
                let events = client.follow_audit_log().await.map_err(Trouble::NotOpened)?;
                if let Some(header) = header.take() {
                    output::print(header.as_bytes()).map_err(Trouble::Output)?;
                }
                self.print_events(events, |event: &AuditEvent<'_>| table::row(event, self.style)).await
            }
            Which::Error => {
                let events = client.follow_error_log().await.map_err(Trouble::NotOpened)?;
                self.print_events(events, |event: &ErrorEvent| format!("{}\n", output::harmless(&event.message))).await
            }
        }
    }

    async fn print_events<Event: DeserializeOwned + Serialize>(
        self,
        mut events: Events<Event>,
        form: impl Fn(&Event) -> String,
    ) -> Result<(), Trouble> {
        while let Some(event) = events.next().await.map_err(Trouble::Lost)? {
            let printed = if self.json { output::print_json(&event) } else { output::print(form(&event).as_bytes()) };
            printed.map_err(Trouble::Output)?;
        }
        Ok(())
    }
}

/// Why no more events come.
#[derive(Debug)]
enum Trouble {
    NotOpened(Error),
    Lost(Error),
    Output(Failure),
}

/// Whether the same request may succeed later: the server or the way to it is in trouble, not the request.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Connect { .. } | Error::Interrupted { .. } | Error::Timeout { .. } => true,
        Error::Api { status, .. } => *status >= 500 && *status != 501,
        _ => false,
    }
}
