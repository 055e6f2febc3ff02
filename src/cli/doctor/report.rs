//! All findings, for people and for programs.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::finding::{Finding, State, Subject};
use crate::cli::failure::Failure;
use crate::cli::output::{self, Colour, Format, Style};

/// Width of the names of checks.
const CHECK_WIDTH: usize = 14;

/// What stands before the text of a finding in a terminal: two blanks, the mark, a blank, the check, a blank.
const INDENT: usize = CHECK_WIDTH + 5;

/// Everything that was found, in order.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Subject>);

/// What programs get of a finding.
#[derive(Serialize)]
struct Line<'a> {
    subject: &'a str,
    #[serde(flatten)]
    finding: &'a Finding,
}

impl Report {
    pub(super) fn add(&mut self, subject: Subject) {
        self.0.push(subject);
    }

    /// Decision 39.
    pub(super) fn exit_code(&self) -> ExitCode {
        if self.count(State::Problem) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    pub(super) fn print(&self, format: Format) -> Result<(), Failure> {
        if format.json {
            return self.lines().try_for_each(|line| output::print_json(&line));
        }
        let text = if output::is_terminal() { self.marked(format.style()) } else { self.plain(format.style()) };
        output::print(text.as_bytes())
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.0
            .iter()
            .flat_map(|subject| subject.findings.iter().map(|finding| Line { subject: &subject.name, finding }))
    }

    fn count(&self, state: State) -> usize {
        self.lines().filter(|line| line.finding.state == state).count()
    }

    /// One line each, and further lines of a hint below it, indented.
    fn plain(&self, style: Style) -> String {
        let mut text = String::new();
        for Line { subject, finding } in self.lines() {
            let state = style.paint(colour(finding.state), &format!("{:<7}", word(finding.state)));
            let message = output::harmless(&finding.message);
            // Writing to a string does not fail.
            let _ = write!(text, "{state}  {}  {}: {message}", output::harmless(subject), finding.check);
            let mut hint = finding.hint.iter().flat_map(|hint| hint.lines());
            if let Some(first) = hint.next() {
                let _ = write!(text, "; hint: {}", output::harmless(first));
            }
            text.push('\n');
            for line in hint {
                let _ = writeln!(text, "    {}", output::harmless(line));
            }
        }
        text + &self.summary(style)
    }

    /// Grouped, with marks.
    fn marked(&self, style: Style) -> String {
        let mut text = String::new();
        for Subject { name, findings } in &self.0 {
            let _ = writeln!(text, "{}", style.paint(Colour::Bold, &output::harmless(name)));
            for finding in findings {
                let mark = style.paint(colour(finding.state), mark(finding.state));
                let message = output::harmless(&finding.message);
                let _ = writeln!(text, "  {mark} {:<CHECK_WIDTH$} {message}", finding.check);
                for line in finding.hint.iter().flat_map(|hint| hint.lines()) {
                    let line = style.paint(Colour::Metadata, &output::harmless(line));
                    let _ = writeln!(text, "{:INDENT$}{line}", "");
                }
            }
            text.push('\n');
        }
        text + &self.summary(style)
    }

    fn summary(&self, style: Style) -> String {
        let counted = |state, one: &str| match self.count(state) {
            0 => format!("no {one}s"),
            1 => format!("1 {one}"),
            count => format!("{count} {one}s"),
        };
        let worst = self.lines().map(|line| line.finding.state).max().unwrap_or(State::Ok);
        let text = format!("{}, {}", counted(State::Problem, "problem"), counted(State::Warning, "warning"));
        format!("{}\n", style.paint(colour(worst), &text))
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Skipped => "skipped",
        State::Warning => "warning",
        State::Problem => "problem",
    }
}

fn mark(state: State) -> &'static str {
    match state {
        State::Ok => "✓",
        State::Skipped => "-",
        State::Warning => "!",
        State::Problem => "✗",
    }
}

fn colour(state: State) -> Colour {
    match state {
        State::Ok => Colour::Allow,
        State::Skipped => Colour::Faint,
        State::Warning => Colour::Warning,
        State::Problem => Colour::Deny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let findings = vec![
            Finding::ok("tcp", "connected"),
            Finding::problem("name", "it is for a\u{1b}[2J", "one\n  two"),
            Finding::warning("clock", "late", "set it"),
        ];
        Report(vec![Subject::new("kes:1", findings), Subject::new("kes:2", vec![Finding::skipped("tcp", "no")])])
    }

    #[test]
    fn a_terminal_gets_marks_and_a_summary() {
        let expected = "\
kes:1
  ✓ tcp            connected
  ✗ name           it is for a\u{fffd}[2J
                   one
                     two
  ! clock          late
                   set it

kes:2
  - tcp            no

1 problem, 1 warning
";
        assert_eq!(report().marked(Style::Plain), expected);
        let coloured = report().marked(Style::Basic);
        assert!(coloured.contains("\x1b[31m✗\x1b[0m") && coloured.contains("\x1b[33m!\x1b[0m"), "{coloured}");
    }

    #[test]
    fn a_pipe_gets_a_line_for_each_finding() {
        let expected = "\
ok       kes:1  tcp: connected
problem  kes:1  name: it is for a\u{fffd}[2J; hint: one
      two
warning  kes:1  clock: late; hint: set it
skipped  kes:2  tcp: no
1 problem, 1 warning
";
        assert_eq!(report().plain(Style::Plain), expected);
        assert_eq!(Report::default().plain(Style::Plain), "no problems, no warnings\n");
    }
}
