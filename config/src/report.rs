//! What one check of a file finds: every problem, each with its place.

use crate::environment::Environment;
use crate::problem::{Problem, Problems, Severity, Wrong, clean};

/// A line and a column in characters, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Position {
    /// Where a file begins.
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// Where something stands, and the keys that lead there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) at: Position,
}

impl Place {
    /// The document as a whole.
    pub(crate) fn root() -> Self {
        Self { path: String::new(), at: Position::START }
    }

    /// The path of a key below this place.
    pub(crate) fn below(&self, name: &str) -> String {
        let name = clean(name);
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }
}

/// The problems found so far, and the environment that the check reads.
pub(crate) struct Report<'e> {
    pub(crate) environment: &'e dyn Environment,
    file: String,
    problems: Vec<Problem>,
}

impl<'e> Report<'e> {
    pub(crate) fn new(file: &str, environment: &'e dyn Environment) -> Self {
        Self { environment, file: file.to_owned(), problems: Vec::new() }
    }

    pub(crate) fn error(&mut self, place: &Place, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Error, place, Wrong::new(message, hint));
    }

    pub(crate) fn warning(&mut self, place: &Place, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Warning, place, Wrong::new(message, hint));
    }

    /// Records what is wrong with the value at `place`.
    pub(crate) fn wrong(&mut self, place: &Place, wrong: Wrong) {
        self.add(Severity::Error, place, wrong);
    }

    /// Whether the configuration cannot be used.
    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// All problems, in the file's order.
    pub(crate) fn into_problems(mut self) -> Problems {
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        Problems(self.problems)
    }

    fn add(&mut self, severity: Severity, place: &Place, wrong: Wrong) {
        self.problems.push(Problem {
            severity,
            file: self.file.clone(),
            line: place.at.line,
            column: place.at.column,
            path: place.path.clone(),
            message: wrong.message,
            hint: wrong.hint,
        });
    }
}
