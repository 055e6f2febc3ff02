//! What a command found that looks for trouble: problems, warnings and notes, for people and for programs.

use kes_config::{Problem, Severity};
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output::{self, Colour, Format, Style};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// It does not work as it is.
    Problem,
    /// It works; somebody should look at it.
    Warning,
    /// Good to know.
    Note,
}

/// One thing that was found, with its place and its cure.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    #[serde(skip)]
    pub(crate) level: Level,
    /// The file that it is in. Not told to programs, which have named it.
    #[serde(skip)]
    pub(crate) file: Option<String>,
    /// The line, from 1; 0: of nothing in a file.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) line: u32,
    /// The column in characters, as the line.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) column: u32,
    /// The setting in question; empty: all of them.
    pub(crate) path: String,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl From<Problem> for Finding {
    fn from(problem: Problem) -> Self {
        let Problem { severity, file, line, column, path, message, hint } = problem;
        let level = match severity {
            Severity::Error => Level::Problem,
            Severity::Warning => Level::Warning,
        };
        Self { level, file: Some(file), line, column, path, message, hint }
    }
}

/// All that was found, in the order in which it is told.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl FromIterator<Finding> for Findings {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        Self(findings.into_iter().collect())
    }
}

/// What programs get.
#[derive(Serialize)]
struct ByLevel<'a> {
    problems: Vec<&'a Finding>,
    warnings: Vec<&'a Finding>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'a Finding>,
}

impl Findings {
    /// Tells everything on stdout, or `nothing` in one line.
    ///
    /// # Errors
    /// There is a problem, and it was told.
    pub(crate) fn print(&self, nothing: &str, format: Format) -> Result<(), Failure> {
        if format.json {
            let of = |level| self.0.iter().filter(|finding| finding.level == level).collect();
            let (problems, warnings, notes) = (of(Level::Problem), of(Level::Warning), of(Level::Note));
            output::print_json_for_reader(&ByLevel { problems, warnings, notes })?;
        } else {
            output::print(self.describe(nothing, format.style()).as_bytes())?;
        }
        if self.count(Level::Problem) > 0 { Err(Failure::Told) } else { Ok(()) }
    }

    fn describe(&self, nothing: &str, style: Style) -> String {
        let mut text: String = self.0.iter().map(|finding| finding.describe(style)).collect();
        let counts: Vec<String> = [(Level::Problem, "problem"), (Level::Warning, "warning"), (Level::Note, "note")]
            .into_iter()
            .filter_map(|(level, name)| match self.count(level) {
                0 => None,
                1 => Some(format!("1 {name}")),
                count => Some(format!("{count} {name}s")),
            })
            .collect();
        match (self.count(Level::Problem), counts.is_empty()) {
            (0, true) => text.push_str(nothing),
            (0, false) => text.push_str(&format!("{nothing}, with {}", counts.join(" and "))),
            _ => text.push_str(&counts.join(", ")),
        }
        text.push('\n');
        text
    }

    fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }
}

impl Finding {
    /// `kes.yaml:12:5: problem: tls.auth: …` with its cure in a line of its own.
    fn describe(&self, style: Style) -> String {
        let level = match self.level {
            Level::Problem => style.paint(Colour::Error, "problem"),
            Level::Warning => style.paint(Colour::Warning, "warning"),
            Level::Note => style.paint(Colour::Metadata, "note"),
        };
        let place = match (&self.file, self.line) {
            (None, _) => String::new(),
            (Some(file), 0) => format!("{file}: "),
            (Some(file), line) => format!("{file}:{line}:{}: ", self.column),
        };
        let path = if self.path.is_empty() { String::new() } else { format!("{}: ", self.path) };
        let hint = self
            .hint
            .as_ref()
            .map(|hint| format!("    {}\n", style.paint(Colour::Faint, &output::harmless(&format!("hint: {hint}")))));
        let line = output::harmless(&format!("{path}{}", self.message));
        format!("{}{level}: {line}\n{}", output::harmless(&place), hint.unwrap_or_default())
    }
}
