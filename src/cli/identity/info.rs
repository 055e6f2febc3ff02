//! `kes identity info`.

use clap::Args;
use kes_client::wire::{IdentityInfo, RuleSet, SelfInfo};
use kes_core::Timestamp;

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Colour, Format, Style, harmless};
use crate::cli::usage;

/// Print what the server knows of an identity
#[derive(Args, Debug)]
#[command(
    override_usage = "kes identity info [OPTIONS] [IDENTITY]",
    after_help = concat!(
        "Without an argument, of the one that asks.\n\n",
        usage::examples!(
            "kes identity info",
            "kes identity info 3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22"
        )
    ),
    args_override_self = true
)]
pub(crate) struct Info {
    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    format: Format,

    #[arg(hide = true)]
    identities: Vec<String>,
}

impl Info {
    pub(super) fn run(self) -> Result<(), Failure> {
        let style = self.format.style();
        let text = match self.identities.as_slice() {
            [] => {
                let info = self.connection.run(async |client| Ok(client.describe_self().await?))?;
                if self.format.json {
                    return output::print_json(&info);
                }
                describe_self(&info, style)
            }
            [identity] => {
                let info = self.connection.run(async |client| Ok(client.describe_identity(identity).await?))?;
                if self.format.json {
                    return output::print_json(&info);
                }
                describe(identity, &info, style)
            }
            _ => return Err(Failure::error("too many arguments. See 'kes identity info --help'")),
        };
        output::print(text.as_bytes())
    }
}

fn describe_self(info: &SelfInfo, style: Style) -> String {
    let mut rows = vec![("Identity", style.paint(Colour::Identity, &harmless(&info.identity)))];
    rows.extend(origin(info.created_at, info.admin, &info.created_by, style));
    let mut text = output::labelled(&rows);
    if !info.policy.is_empty() {
        let policy = style.paint(Colour::Identity, &harmless(&info.policy));
        text.push('\n');
        text.push_str(&output::labelled(&[("Policy", policy), ("Created At", output::time(info.created_at))]));
        text.push_str(&rules("Allow", Colour::Allow, &info.allow, style));
        text.push_str(&rules("Deny", Colour::Deny, &info.deny, style));
    }
    text
}

fn describe(identity: &str, info: &IdentityInfo, style: Style) -> String {
    let mut rows = vec![("Identity", style.paint(Colour::Identity, identity))];
    if !info.policy.is_empty() {
        rows.push(("Policy", style.paint(Colour::Identity, &harmless(&info.policy))));
    }
    rows.extend(origin(info.created_at, info.admin, &info.created_by, style));
    output::labelled(&rows)
}

fn origin(created_at: Timestamp, admin: bool, created_by: &str, style: Style) -> Vec<(&'static str, String)> {
    let role = if admin { "Admin" } else { "User" };
    let mut rows = vec![("Created At", output::time(created_at)), ("Role", role.to_owned())];
    if !created_by.is_empty() {
        rows.push(("Created By", style.paint(Colour::Identity, &harmless(created_by))));
    }
    rows
}

fn rules(header: &str, colour: Colour, rules: &RuleSet, style: Style) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let lines: String = rules.iter().map(|rule| format!("            · {}\n", harmless(rule))).collect();
    format!("{}\n{lines}", style.paint(colour, header))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time() -> Timestamp {
        Timestamp::parse("2026-01-02T03:04:05.678Z").expect("a time")
    }

    #[test]
    fn the_caller_sees_role_policy_and_sorted_rules() {
        let info = SelfInfo {
            identity: "3ecf".into(),
            admin: false,
            created_at: time(),
            created_by: "ad00".into(),
            policy: "my-app".into(),
            allow: ["/v1/key/generate/b", "/v1/key/create/a*"].into_iter().collect(),
            deny: ["/v1/key/create/a-x*"].into_iter().collect(),
        };
        let expected = "\
Identity    3ecf
Created At  2026-01-02 03:04:05Z
Role        User
Created By  ad00

Policy      my-app
Created At  2026-01-02 03:04:05Z
Allow
            · /v1/key/create/a*
            · /v1/key/generate/b
Deny
            · /v1/key/create/a-x*
";
        assert_eq!(describe_self(&info, Style::Plain), expected);
    }

    #[test]
    fn an_administrator_has_no_policy() {
        let info = IdentityInfo { admin: true, policy: String::new(), created_at: time(), created_by: String::new() };
        let expected = "Identity    3ecf\nCreated At  2026-01-02 03:04:05Z\nRole        Admin\n";
        assert_eq!(describe("3ecf", &info, Style::Plain), expected);
    }
}
