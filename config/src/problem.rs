//! What is wrong with a configuration, where, and what to do about it.

use std::fmt;

/// Longest piece of the file, in characters, that a message repeats.
const MAX_SHOWN_CHARS: usize = 80;

/// Whether a problem stops the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration is used; somebody should look at it.
    Warning,
}

/// One thing that is wrong. No part of it holds the value of a secret.
///
/// Printed as `kes.yaml:12:5: tls.auth: `maybe` is neither on nor off; hint: write `on` or `off``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops the server.
    pub severity: Severity,
    /// The file, as it was named to the loader.
    pub file: String,
    /// The line, from 1; 0 if the problem is the file itself.
    pub line: u32,
    /// The column in characters, from 1; 0 if the problem is the file itself.
    pub column: u32,
    /// The keys that lead to the value, such as `policy.app.allow[0]`; empty if the problem is no key's.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        f.write_str(": ")?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; hint: {hint}"))
    }
}

/// Everything that is wrong with a configuration that cannot be used: its errors and its warnings, in the file's
/// order. Printed one to a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    /// The problems in the file's order; at least one is an error.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What is wrong with one value, before it is known where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Wrong {
    /// Something wrong, and what to do about it.
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

/// A piece of the file on one line, without control characters, and not too long.
pub(crate) fn clean(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().collect() } else { String::from(c) };
    let start: String = text.chars().take(MAX_SHOWN_CHARS).map(escape).collect();
    let rest = if text.chars().nth(MAX_SHOWN_CHARS).is_some() { "…" } else { "" };
    format!("{start}{rest}")
}

/// A [clean] piece of the file in backticks.
pub(crate) fn shown(text: &str) -> String {
    format!("`{}`", clean(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> Problem {
        Problem {
            severity: Severity::Error,
            file: "kes.yaml".into(),
            line: 12,
            column: 5,
            path: "tls.auth".into(),
            message: format!("{} is neither on nor off", shown("maybe")),
            hint: Some("write `on` or `off`".into()),
        }
    }

    #[test]
    fn a_problem_is_one_line_with_place_value_and_cure() {
        let problem = problem();
        assert_eq!(
            problem.to_string(),
            "kes.yaml:12:5: tls.auth: `maybe` is neither on nor off; hint: write `on` or `off`"
        );
        let warning = Problem { severity: Severity::Warning, hint: None, ..problem.clone() };
        assert_eq!(warning.to_string(), "kes.yaml:12:5: warning: tls.auth: `maybe` is neither on nor off");
        let file = Problem { line: 0, column: 0, path: String::new(), hint: None, ..problem };
        assert_eq!(file.to_string(), "kes.yaml: `maybe` is neither on nor off");
    }

    #[test]
    fn what_is_shown_of_the_file_cannot_forge_lines_or_fill_the_log() {
        assert_eq!(shown("a\nb\u{1b}[31m"), "`a\\nb\\u{1b}[31m`");
        assert_eq!(shown(&"x".repeat(80)), format!("`{}`", "x".repeat(80)));
        assert_eq!(shown(&"x".repeat(81)), format!("`{}…`", "x".repeat(80)));
    }
}
