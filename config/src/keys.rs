//! `keys`: keys that exist before the first client is served.

use std::collections::HashSet;

use kes_core::KeyName;

use crate::policy::NAME_HINT;
use crate::problem::{Wrong, shown};
use crate::report::{Place, Report};
use crate::section::Section;
use crate::tree::Value;

/// The names in the file's order, each once.
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> Vec<KeyName> {
    let Some((place, node)) = root.node("keys") else { return Vec::new() };
    let Value::List(items) = &node.value else {
        let place = Place { at: node.at, ..place };
        report.error(&place, format!("must be a list, and is {}", node.kind()), "write `- name: my-key` lines");
        return Vec::new();
    };
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let place = Place { path: format!("{}[{index}]", place.path), at: item.at };
        let mut key = Section::of_node(place, item, report);
        key.reserved("rotate", report);
        if let Some(text) = key.required("name", "the name of the key", report) {
            match text.parse(report, name) {
                Some(name) if !seen.insert(name.clone()) => {
                    let message = format!("the key {} stands here twice", shown(name.as_str()));
                    report.error(&text.place, message, "remove one of the two");
                }
                name => names.extend(name),
            }
        }
        key.finish(report);
    }
    names
}

fn name(text: &str) -> Result<KeyName, Wrong> {
    text.parse().map_err(|_| {
        Wrong::new(format!("the key name {} is empty, too long or contains invalid characters", shown(text)), NAME_HINT)
    })
}
