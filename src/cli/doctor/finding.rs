//! What was found: one sentence each, and its cure.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// Not looked at, because something else stands before it.
    Skipped,
    /// Works, and somebody should look at it.
    Warning,
    /// Does not work.
    Problem,
}

/// One thing that was looked at. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at: a word that programs may compare.
    pub(super) check: &'static str,
    pub(super) state: State,
    /// What was seen.
    pub(super) message: String,
    /// What to do about it; may have several lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, state: State::Ok, message: message.into(), hint: None }
    }

    pub(super) fn skipped(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, state: State::Skipped, message: message.into(), hint: None }
    }

    pub(super) fn warning(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, state: State::Warning, message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn problem(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, state: State::Problem, message: message.into(), hint: Some(hint.into()) }
    }

    /// From a text of the form `what is wrong; hint: what to do`, as errors and log lines of ours have it.
    pub(super) fn of_text(check: &'static str, state: State, text: &str, otherwise: &str) -> Self {
        let (message, hint) = text.split_once("; hint: ").unwrap_or((text, otherwise));
        Self { check, state, message: message.to_owned(), hint: Some(hint.to_owned()) }
    }

    /// The same, but no worse than this.
    pub(super) fn at_most(self, state: State) -> Self {
        Self { state: self.state.min(state), ..self }
    }
}

/// What was looked at as a whole: a server, a configuration, the client itself.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) findings: Vec<Finding>,
}

impl Subject {
    pub(super) fn new(name: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self { name: name.into(), findings }
    }
}
