//! `kes key info`.

use clap::Args;

use super::miscounted;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Colour, Format, harmless};
use crate::cli::usage;

/// Print when and by whom a key was made
#[derive(Args, Debug)]
#[command(
    override_usage = "kes key info [OPTIONS] NAME",
    after_help = usage::examples!("kes key info my-key"),
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
        let [name] = self.names.as_slice() else {
            let what = if self.names.is_empty() { "no key name specified" } else { "too many arguments" };
            return Err(miscounted(what, "info"));
        };
        let key = self.connection.run(async |client| {
            let failed = Failure::while_doing("failed to describe keys");
            client.describe_key(name).await.map_err(failed)
        })?;
        if self.format.json {
            return output::print_json(&key);
        }
        let style = self.format.style();
        let mut rows = vec![
            ("Name", harmless(&key.name)),
            ("Algorithm", harmless(&key.algorithm)),
            ("Date", output::time(key.created_at)),
        ];
        if !key.created_by.is_empty() {
            rows.push(("Owner", style.paint(Colour::Identity, &harmless(&key.created_by))));
        }
        output::print(output::labelled(&rows).as_bytes())
    }
}
