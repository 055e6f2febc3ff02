//! `kes policy info`.

use clap::Args;

use super::only_name;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Colour, Format, harmless};
use crate::cli::usage;

/// Print when and by whom a policy was made
#[derive(Args, Debug)]
#[command(
    override_usage = "kes policy info [OPTIONS] NAME",
    after_help = usage::examples!("kes policy info my-policy"),
    args_override_self = true
)]
pub(crate) struct Info {
    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    format: Format,

    #[arg(hide = true)]
    names: Vec<String>,
}

impl Info {
    pub(super) fn run(self) -> Result<(), Failure> {
        let name = only_name(&self.names, "info")?;
        let policy = self.connection.run(async |client| Ok(client.describe_policy(name).await?))?;
        if self.format.json {
            return output::print_json_for_reader(&policy);
        }
        let mut rows = vec![("Name", harmless(&policy.name))];
        if policy.created_at != kes_core::Timestamp::ZERO {
            rows.push(("Date", output::time(policy.created_at)));
        }
        if !policy.created_by.is_empty() {
            rows.push(("Created by", self.format.style().paint(Colour::Identity, &harmless(&policy.created_by))));
        }
        output::print(output::labelled(&rows).as_bytes())
    }
}
