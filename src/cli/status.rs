//! `kes status`: what servers say about themselves, and that those that say nothing are down.

use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use clap::Args;
use kes_client::wire::{ApiEntry, Status};
use kes_client::{Client, Error};
use serde::Serialize;

use crate::cli::connect::Connection;
use crate::cli::failure::{self, Failure};
use crate::cli::output::{self, Colour, Format, Style};
use crate::cli::usage;

/// Print whether servers and their key stores work
#[derive(Args, Debug)]
#[command(
    override_usage = "kes status [OPTIONS]",
    after_help = concat!(
        "Each server is asked. With --json each of several servers is a line of its own, with its `endpoint`. ",
        "The exit code is 1 if a server does not answer; a key store that does not is told.\n\n",
        usage::examples!("kes status", "kes status --short", "kes status --server kes-1:7373,kes-2:7373 --json")
    ),
    // `-s` has always been something else here.
    mut_arg("server", |arg| arg.short(None)),
    args_override_self = true
)]
pub(crate) struct StatusCommand {
    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    format: Format,

    /// Print one line per server
    #[arg(short, long)]
    short: bool,

    /// Print the routes too, with their methods and time limits
    #[arg(long)]
    api: bool,

    #[arg(hide = true)]
    arguments: Vec<String>,
}

/// What became of asking one server.
struct Report {
    endpoint: String,
    latency: Duration,
    answer: Result<(Status, Vec<ApiEntry>), Error>,
}

impl StatusCommand {
    pub(crate) fn run(self) -> Result<(), Failure> {
        if !self.arguments.is_empty() {
            return Err(Failure::error("too many arguments. See 'kes status --help'"));
        }
        let reports = self.connection.run_each(async |client| Ok(ask(&client, self.api).await))?;
        if let ([Report { answer: Err(error), .. }], true) = (reports.as_slice(), self.format.json) {
            return Err(error.clone().into());
        }
        if self.format.json {
            self.print_json(&reports)?
        } else {
            self.print(&reports)?
        };
        let silent = reports.iter().filter(|report| report.answer.is_err()).count();
        match (silent, reports.as_slice()) {
            (0, _) => Ok(()),
            (_, [Report { answer: Err(error), .. }]) => Err(error.clone().into()),
            (_, reports) => Err(Failure::error(format!("{silent} of {} servers failed", reports.len()))),
        }
    }

    fn print(&self, reports: &[Report]) -> Result<(), Failure> {
        let style = self.format.style();
        let mut text = String::new();
        for report in reports {
            if !text.is_empty() && !self.short {
                text.push('\n');
            }
            describe(&mut text, report, self.short, reports.len() > 1, style);
            if let (Ok((_, routes)), true) = (&report.answer, self.api) {
                describe_routes(&mut text, routes, style);
            }
        }
        output::print(text.as_bytes())
    }

    fn print_json(&self, reports: &[Report]) -> Result<(), Failure> {
        // One server: its answer, which scripts have always got.
        if let [Report { answer: Ok((status, routes)), .. }] = reports {
            return match (self.api, self.short) {
                (true, _) => output::print_json_for_reader(&routes.iter().map(Route::from).collect::<Vec<_>>()),
                (false, true) => output::print_json(status),
                (false, false) => output::print_json_for_reader(status),
            };
        }
        for report in reports {
            output::print_json(&Line::new(report, self.api))?;
        }
        Ok(())
    }
}

/// What programs get of one among several servers.
#[derive(Serialize)]
struct Line<'a> {
    endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<Vec<Route<'a>>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    status: Option<&'a Status>,
}

/// What programs get of a route: limits that it does not have are left out.
#[derive(Serialize)]
struct Route<'a> {
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_body: Option<NonZeroU64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<NonZeroU64>,
}

impl<'a> From<&'a ApiEntry> for Route<'a> {
    fn from(entry: &'a ApiEntry) -> Self {
        let (max_body, timeout) = (NonZeroU64::new(entry.max_body), NonZeroU64::new(entry.timeout));
        Self { method: &entry.method, path: &entry.path, max_body, timeout }
    }
}

impl<'a> Line<'a> {
    fn new(report: &'a Report, api: bool) -> Self {
        let (endpoint, answer) = (report.endpoint.as_str(), report.answer.as_ref());
        Self {
            endpoint,
            error: answer.err().map(failure::explain),
            api: answer.ok().filter(|_| api).map(|(_, routes)| routes.iter().map(Route::from).collect()),
            status: answer.ok().filter(|_| !api).map(|(status, _)| status),
        }
    }
}

async fn ask(client: &Client, api: bool) -> Report {
    let endpoint = client.endpoints().next().map(ToString::to_string).unwrap_or_default();
    let begin = Instant::now();
    let status = client.status().await;
    let latency = begin.elapsed();
    let answer = match status {
        Err(error) => Err(error),
        Ok(status) if !api => Ok((status, Vec::new())),
        Ok(status) => client.api().await.map(|mut routes| {
            routes.sort_by(|a, b| a.path.cmp(&b.path));
            (status, routes)
        }),
    };
    Report { endpoint, latency, answer }
}

fn describe(text: &mut String, report: &Report, short: bool, several: bool, style: Style) {
    let (colour, failure) = match &report.answer {
        Ok((status, _)) if status.keystore_unreachable => (Colour::Warning, None),
        Ok(_) => (Colour::Up, None),
        Err(error) => (Colour::Deny, Some(error)),
    };
    let endpoint = style.paint(Colour::Metadata, &report.endpoint);
    // Writing to a string does not fail, here and below.
    let dot = style.paint(colour, "●");
    let _ = match failure {
        Some(error) if several && short => {
            writeln!(text, "{dot} {endpoint}  {}", output::one_line(&failure::explain(error)))
        }
        _ => writeln!(text, "{dot} {endpoint}"),
    };
    let mut row = |label: &str, value: &str| {
        let _ = writeln!(text, "  {:<8} {value}", label);
    };
    match (&report.answer, failure) {
        // Of a single server the error is said where errors are.
        (_, Some(error)) if several && !short => row("Error", &output::one_line(&failure::explain(error))),
        (Ok((status, _)), None) if !short => {
            row("Version", &output::harmless(&status.version));
            row("Uptime", &uptime(status.uptime));
            row("Latency", &format!("{:?}", Duration::from_millis(milliseconds(report.latency))));
            row("Keystore", &keystore(status));
            row("OS", &output::harmless(&status.os));
            row("CPUs", &format!("{} {}", status.num_cpu_used, output::harmless(&status.arch)));
            row("Memory", "");
            row("· Heap", &output::size(status.mem_heap_used));
            row("· Stack", &output::size(status.mem_stack_used));
        }
        _ => {}
    }
}

fn describe_routes(text: &mut String, routes: &[ApiEntry], style: Style) {
    let _ = writeln!(text, "\n  {}", style.paint(Colour::Heading, &format!("{:<7} {:<28} Timeout", "Method", "API")));
    for route in routes {
        let timeout = if route.timeout == 0 { "Inf".to_owned() } else { format!("{}s", route.timeout) };
        let (method, path) = (output::harmless(&route.method), output::harmless(&route.path));
        let _ = writeln!(text, "  {method:<7} {path:<28} {timeout}");
    }
}

fn keystore(status: &Status) -> String {
    match status.keystore_latency {
        _ if status.keystore_unreachable => "unreachable".to_owned(),
        0 => "reachable".to_owned(),
        milliseconds => format!("reachable, {milliseconds}ms"),
    }
}

/// To the nearest, and never nothing.
fn milliseconds(latency: Duration) -> u64 {
    u64::try_from((latency.as_micros() + 500) / 1000).unwrap_or(u64::MAX).max(1)
}

/// In the two largest units that say something, cut and not rounded.
fn uptime(seconds: u64) -> String {
    let count = |number: u64, unit: &str| format!("{number} {unit}{}", if number == 1 { "" } else { "s" });
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60) {
        (0, 0, 0) => count(seconds, "second"),
        (0, 0, minutes) => count(minutes, "minute"),
        (0, hours, _) => count(hours, "hour"),
        (days, hours, _) => format!("{} {}", count(days, "day"), count(hours, "hour")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(answer: Result<Status, Error>) -> Report {
        let answer = answer.map(|status| (status, Vec::new()));
        Report { endpoint: "127.0.0.1:7373".into(), latency: Duration::from_micros(6400), answer }
    }

    fn healthy() -> Status {
        Status {
            version: "2026-01-02T03-04-05Z".into(),
            os: "linux".into(),
            arch: "amd64".into(),
            uptime: 300,
            num_cpu: 16,
            num_cpu_used: 8,
            mem_heap_used: 1_200_000,
            mem_stack_used: 524_288,
            keystore_latency: 3,
            ..Status::default()
        }
    }

    fn text(report: &Report, short: bool, several: bool) -> String {
        let mut text = String::new();
        describe(&mut text, report, short, several, Style::Plain);
        text
    }

    #[test]
    fn a_server_that_works_tells_of_itself_and_its_store() {
        let expected = "\
● 127.0.0.1:7373
  Version  2026-01-02T03-04-05Z
  Uptime   5 minutes
  Latency  6ms
  Keystore reachable, 3ms
  OS       linux
  CPUs     8 amd64
  Memory   
  · Heap   1.2MB
  · Stack  524.3KB
";
        assert_eq!(text(&report(Ok(healthy())), false, false), expected);
        assert_eq!(text(&report(Ok(healthy())), true, true), "● 127.0.0.1:7373\n");
        let down = Status { keystore_latency: 0, keystore_unreachable: true, ..healthy() };
        assert!(text(&report(Ok(down)), false, false).contains("  Keystore unreachable\n"));
    }

    #[test]
    fn one_that_does_not_says_why_among_several() {
        let down = report(Err(Error::NotAllowed));
        let told = text(&down, false, true);
        assert!(
            told.starts_with("● 127.0.0.1:7373\n  Error    not authorized: insufficient permissions; hint: "),
            "{told}"
        );
        let told = text(&down, true, true);
        assert!(told.starts_with("● 127.0.0.1:7373  not authorized: insufficient permissions; hint: "), "{told}");
        assert_eq!(told.lines().count(), 1);
        let multiline = Error::Api { status: 502, message: "a\nb\u{1b}[2J".to_owned() };
        let told = text(&report(Err(multiline)), true, true);
        assert_eq!(told, "● 127.0.0.1:7373  a b\u{fffd}[2J\n");
        assert_eq!(text(&down, false, false), "● 127.0.0.1:7373\n");
    }

    #[test]
    fn routes_stand_in_columns() {
        let route = |method: &str, path: &str, timeout| ApiEntry {
            method: method.into(),
            path: path.into(),
            max_body: 0,
            timeout,
        };
        let mut text = String::new();
        describe_routes(
            &mut text,
            &[route("GET", "/v1/log/audit", 0), route("PUT", "/v1/key/create/", 15)],
            Style::Plain,
        );
        let expected = "
  Method  API                          Timeout
  GET     /v1/log/audit                Inf
  PUT     /v1/key/create/              15s
";
        assert_eq!(text, expected);
    }

    #[test]
    fn up_times_are_cut_and_have_singulars() {
        for (seconds, text) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "1 minute"),
            (3600, "1 hour"),
            (138_240, "1 day 14 hours"),
            (2 * 86_400 + 3600, "2 days 1 hour"),
        ] {
            assert_eq!(uptime(seconds), text);
        }
    }
}
