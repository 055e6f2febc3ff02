//! `kes policy show`.

use std::fmt::Write as _;

use clap::Args;
use kes_client::wire::{PolicyRules, RuleSet};
use kes_core::Timestamp;
use serde::Serialize;

use super::only_name;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Colour, Format, Style, harmless};
use crate::cli::usage;

/// Print the rules of a policy
#[derive(Args, Debug)]
#[command(
    override_usage = "kes policy show [OPTIONS] NAME",
    after_help = usage::examples!("kes policy show my-policy", "kes policy show --json my-policy"),
    args_override_self = true
)]
pub(crate) struct Show {
    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    format: Format,

    #[arg(hide = true)]
    names: Vec<String>,
}

/// What programs get: the answer without the name that they asked for.
#[derive(Serialize)]
struct Rules<'a> {
    #[serde(skip_serializing_if = "RuleSet::is_empty")]
    allow: &'a RuleSet,
    #[serde(skip_serializing_if = "RuleSet::is_empty")]
    deny: &'a RuleSet,
    created_at: Timestamp,
    created_by: &'a str,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        let name = only_name(&self.names, "show")?;
        let policy = self.connection.run(async |client| {
            let failed = Failure::while_doing(format!("failed to show policy '{name}'"));
            client.read_policy(name).await.map_err(failed)
        })?;
        if self.format.json || !output::is_terminal() {
            let PolicyRules { allow, deny, created_at, created_by, name: _ } = &policy;
            return output::print_json_for_reader(&Rules { allow, deny, created_at: *created_at, created_by });
        }
        output::print(describe(&policy, self.format.style()).as_bytes())
    }
}

fn describe(policy: &PolicyRules, style: Style) -> String {
    let mut text = String::new();
    for (label, colour, rules) in [("Allow:", Colour::Allow, &policy.allow), ("Deny:", Colour::Deny, &policy.deny)] {
        if rules.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&style.paint(colour, label));
        text.push('\n');
        for rule in rules.iter() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "  · {}", harmless(rule));
        }
    }
    let created_by = if policy.created_by.is_empty() { "<unknown>".to_owned() } else { harmless(&policy.created_by) };
    let label = |label| style.paint(Colour::Metadata, label);
    let time = output::time(policy.created_at);
    let _ = write!(text, "\n\n{} {time}\n{} {created_by}\n", label("Created at:"), label("Created by:"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_sorted_rules_and_where_they_come_from() {
        let mut policy = PolicyRules {
            name: "my-app".into(),
            allow: ["/v1/key/generate/b", "/v1/key/create/a*"].into_iter().collect(),
            deny: ["/v1/key/create/a-x*"].into_iter().collect(),
            created_at: Timestamp::parse("2026-01-02T03:04:05.678Z").expect("a time"),
            created_by: "3ecf".into(),
        };
        let expected = "\
Allow:
  · /v1/key/create/a*
  · /v1/key/generate/b

Deny:
  · /v1/key/create/a-x*


Created at: 2026-01-02 03:04:05Z
Created by: 3ecf
";
        assert_eq!(describe(&policy, Style::Plain), expected);
        (policy.allow, policy.created_by) = (RuleSet::default(), String::new());
        let text = describe(&policy, Style::Plain);
        assert!(text.starts_with("Deny:\n") && text.ends_with("Created by: <unknown>\n"), "{text}");
    }
}
