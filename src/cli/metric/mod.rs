//! `kes metric`: the server's counters as they move.

mod sample;
mod view;

use std::io::Write as _;
use std::time::Duration;

use clap::Args;
use kes_client::Client;
use tokio::time::{MissedTickBehavior, interval};

use crate::cli::connect::Connection;
use crate::cli::duration;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Style, When};
use crate::cli::usage;
use sample::Sample;
use view::View;

/// Time between two looks at the server unless `--rate` says otherwise.
const DEFAULT_RATE: Duration = Duration::from_secs(5);

const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// Print the server's metrics
#[derive(Args, Debug)]
#[command(
    override_usage = "kes metric [OPTIONS]",
    after_help = concat!(
        "A view that is kept up to date in a terminal, and a line of JSON each time elsewhere, until Ctrl-C.\n\n",
        usage::examples!("kes metric", "kes metric --rate 1s", "kes metric --once | jq .")
    ),
    args_override_self = true
)]
pub(crate) struct Metric {
    #[command(flatten)]
    connection: Connection,

    /// Time between two looks at the server
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = positive)]
    rate: Duration,

    /// Print a line of JSON and end
    #[arg(long)]
    once: bool,

    #[arg(hide = true)]
    arguments: Vec<String>,
}

fn positive(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(rate) if rate.is_zero() => Err("must be longer than nothing".to_owned()),
        result => result.map_err(|error| error.to_string()),
    }
}

impl Metric {
    /// At the usual rate.
    pub(crate) fn every(connection: Connection) -> Self {
        Self { connection, rate: DEFAULT_RATE, once: false, arguments: Vec::new() }
    }

    pub(crate) fn run(self) -> Result<(), Failure> {
        if !self.arguments.is_empty() {
            return Err(Failure::error("too many arguments. See 'kes metric --help'"));
        }
        let Self { connection, rate, once, .. } = self;
        let ended = connection.run(async |client| match (once, output::is_terminal()) {
            (true, _) => output::print_json(&fetch(&client).await?),
            (false, true) => watch(&client, rate).await,
            (false, false) => stream(&client, rate).await,
        });
        match ended {
            // Ctrl-C is how one leaves.
            Err(Failure::Interrupted) if !once => Ok(()),
            other => other,
        }
    }
}

async fn fetch(client: &Client) -> Result<Sample, Failure> {
    let text = client.metrics().await.map_err(Failure::while_doing("failed to fetch metrics"))?;
    Sample::parse(&text).map_err(|error| Failure::error(format!("failed to fetch metrics: {error}")))
}

/// A line of JSON now and then.
async fn stream(client: &Client, rate: Duration) -> Result<(), Failure> {
    let mut ticks = interval(rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        output::print_json(&fetch(client).await?)?;
    }
}

/// Draws over what was drawn before, for as long as somebody looks. A server that fails is no reason to stop looking.
async fn watch(client: &Client, rate: Duration) -> Result<(), Failure> {
    let _hidden = Cursor::hide()?;
    let style = Style::of_stdout(When::Auto);
    let mut view = View::default();
    let mut ticks = interval(rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let drawn = match fetch(client).await {
            Ok(sample) => view.show(sample, style),
            Err(Failure::Error(text)) => view.complain(&text, style),
            Err(other) => return Err(other),
        };
        output::print(drawn.as_bytes())?;
    }
}

/// Out of sight until it is dropped.
struct Cursor;

impl Cursor {
    fn hide() -> Result<Self, Failure> {
        output::print(HIDE_CURSOR.as_bytes())?;
        Ok(Self)
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        let mut stdout = std::io::stdout();
        // A terminal that is gone has no cursor.
        let _ = stdout.write_all(SHOW_CURSOR.as_bytes()).and_then(|()| stdout.flush());
    }
}
