//! A look at a configuration that may be wrong: all its problems, and whatever of it can be had beside them.
//!
//! For who advises an operator. Who uses a configuration [loads](crate::load()) it.

use std::collections::BTreeMap;
use std::path::Path;

use kes_core::Access;
use kes_core::policy::Effect;

use crate::check::{Fragments, check};
use crate::environment::Environment;
use crate::historic::modernise;
use crate::keystore::KeyStore;
use crate::problem::{Problem, Severity};
use crate::report::{Place, Position, Report};
use crate::tree::{Entry, Node, Value};
use crate::{ApiSettings, Config, Overrides, Tls, load, yaml};

/// What was found in a file. Not to be used as a configuration, however little is wrong with it.
pub struct Inspection {
    /// All problems of the text, errors and warnings, in the file's order. The files that it names were not looked at.
    pub problems: Vec<Problem>,
    file: String,
    found: Result<Box<Config>, Box<Fragments>>,
    tree: Vec<Entry>,
}

/// Looks at a configuration file. One that cannot be read is a problem like any other.
#[must_use]
pub fn inspect(path: &Path, environment: &dyn Environment, overrides: &Overrides) -> Inspection {
    let file = path.display().to_string();
    let mut report = Report::new(&file, environment);
    let tree = match load::read(path) {
        Ok(text) => yaml::parse(&text, &mut report),
        Err((at, message)) => {
            report.error(&Place { path: String::new(), at }, message, load::WRONG_FILE);
            None
        }
    };
    let mut tree = tree.unwrap_or_default();
    let found = if tree.is_empty() && report.has_errors() {
        // Of what is no configuration nobody wants to hear what else it lacks.
        Err(Box::default())
    } else {
        modernise(&mut tree, &mut report);
        check(&tree, overrides, &mut report)
    };
    Inspection { problems: report.into_problems().0, file, found, tree }
}

impl Inspection {
    /// Whether the text is wrong, rather than worth a second look at the most.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// `admin` and `policy`; `None` if they do not fit together. Rules and members that are wrong are missing from it.
    #[must_use]
    pub fn access(&self) -> Option<&Access> {
        self.found.as_ref().map_or_else(|fragments| fragments.access.as_ref(), |config| Some(&config.access))
    }

    /// `tls`; `None` if it names no key or no certificate.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        self.found.as_ref().map_or_else(|fragments| fragments.tls.as_ref(), |config| Some(&config.tls))
    }

    /// `api`, by canonical path.
    #[must_use]
    pub fn api(&self) -> &BTreeMap<String, ApiSettings> {
        self.found.as_ref().map_or_else(|fragments| &fragments.api, |config| &config.api)
    }

    /// `keystore`; `None` if no single store is chosen and filled in.
    #[must_use]
    pub fn keystore(&self) -> Option<&KeyStore> {
        self.found.as_ref().map_or_else(|fragments| fragments.keystore.as_ref(), |config| Some(&config.keystore))
    }

    /// A problem with the setting at `path`, such as `tls.cert`. It stands where the value does, or what is nearest above.
    #[must_use]
    pub fn problem(&self, severity: Severity, path: &str, message: String, hint: Option<String>) -> Problem {
        let Position { line, column } = self.place(path.split('.'));
        Problem { severity, file: self.file.clone(), line, column, path: path.to_owned(), message, hint }
    }

    /// As [`Inspection::problem`], about a policy: one of its rules, or all of it.
    #[must_use]
    pub fn policy_problem(
        &self,
        severity: Severity,
        policy: &str,
        rule: Option<(Effect, &str)>,
        message: String,
        hint: Option<String>,
    ) -> Problem {
        let key = rule.map(|(effect, _)| effect.as_str());
        let at = self.place(["policy", policy].into_iter().chain(key));
        let place = Place { path: format!("policy.{policy}"), at };
        let place = rule.and_then(|(effect, text)| self.rule(policy, effect, text)).unwrap_or(place);
        let (file, Position { line, column }) = (self.file.clone(), place.at);
        Problem { severity, file, line, column, path: place.path, message, hint }
    }

    /// Where a rule stands; the first of several equal ones.
    fn rule(&self, policy: &str, effect: Effect, text: &str) -> Option<Place> {
        let key = effect.as_str();
        let root = self.tree.iter().find(|entry| entry.key == "policy")?;
        let Value::List(rules) = &root.node.get(policy)?.get(key)?.value else { return None };
        let is_it = |node: &Node| match &node.value {
            Value::Text(written) => written.as_str() == text,
            Value::Null => text.is_empty(),
            Value::List(_) | Value::Map(_) => false,
        };
        let index = rules.iter().position(is_it)?;
        Some(Place { path: format!("policy.{policy}.{key}[{index}]"), at: rules[index].at })
    }

    /// Where the value of the last of these keys stands that is there.
    fn place<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Position {
        let (mut entries, mut at) = (self.tree.as_slice(), Position::START);
        for key in keys {
            let Some(entry) = entries.iter().find(|entry| entry.key == key) else { break };
            (entries, at) = match &entry.node.value {
                // A collection may begin a line further down; its key is where one looks.
                Value::Map(entries) => (entries.as_slice(), entry.at),
                Value::List(_) | Value::Null => (&[][..], entry.at),
                Value::Text(_) => (&[][..], entry.node.at),
            };
        }
        at
    }
}
