//! How many data keys per second of processor time, beside a bare server with the same cryptography:
//! `cargo bench --bench generate [-- --seconds N --rounds N --rows h2-many,h1-one]`.
//!
//! Both servers run on the first core and are asked in turns from the second one, with mTLS 1.3 and one cached key. Ours
//! is the real program, with a configuration: a policy, the file store behind its guard, metrics, limits and deadlines.
//! Figures hold on their machine only; the share of the floor is what counts, its median over the rounds and how far it
//! strays.

mod support {
    pub mod client;
    pub mod floor;
    pub mod process;
    pub mod program;
    pub mod rows;
    pub mod usage;

    pub type Failure = Box<dyn std::error::Error + Send + Sync>;
}

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use kes_core::{ApiKey, Identity};
use support::process::Process;
use support::program::program;
use support::rows::{Figures, Row};
use support::usage::peak_resident;
use support::{Failure, floor};

/// Measures how fast data keys are made, beside a bare server.
#[derive(Debug, Parser)]
struct Options {
    /// How long each measurement takes
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How often each row is measured on both servers
    #[arg(long, default_value_t = 4)]
    rounds: usize,
    /// What is measured; all of it, unless something is named
    #[arg(long, value_enum, value_delimiter = ',')]
    rows: Vec<Row>,
    /// Be the bare server
    #[arg(long, hide = true)]
    floor: bool,
    /// Cargo adds it.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    if options.floor {
        return floor::serve();
    }
    let key = ApiKey::generate()?;
    let directory = tempfile::tempdir()?;
    let ours = Process::start(&mut ours(directory.path(), &key.identity())?)?;
    let floor = Process::start(Command::new(std::env::current_exe()?).arg("--floor"))?;
    let duration = Duration::from_secs(options.seconds);
    let rows = if options.rows.is_empty() { Row::value_variants() } else { &options.rows };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("requests per second of the server's processor time, {} rounds of {duration:?}\n", options.rounds);
    println!("{:<36} {:>9} {:>9}   ours of floor", "", "floor", "ours");
    for &row in rows {
        let mut rounds = Vec::new();
        for _ in 0..options.rounds {
            let floor = runtime.block_on(row.measure(&floor, &key, duration))?;
            let ours = runtime.block_on(row.measure(&ours, &key, duration))?;
            rounds.push((floor, ours));
        }
        print_row(row, &rounds);
    }
    println!("\n{:<36} {:>6.1} MB {:>6.1} MB", "resident at most", megabytes(&floor)?, megabytes(&ours)?);
    Ok(())
}

fn print_row(row: Row, rounds: &[(Figures, Figures)]) {
    let rate = median(rounds.iter().map(|(floor, _)| floor.per_second));
    let our_rate = median(rounds.iter().map(|(_, ours)| ours.per_second));
    let shares = || rounds.iter().map(|(floor, ours)| 100.0 * ours.per_second / floor.per_second);
    let (least, most) = (shares().fold(f64::INFINITY, f64::min), shares().fold(0.0, f64::max));
    let share = median(shares());
    print!("{:<36} {rate:>9.0} {our_rate:>9.0}   {share:.0} % ({least:.0}–{most:.0})", row.title());
    if row.is_single() {
        let p99 = |figures: fn(&(Figures, Figures)) -> Figures| {
            median(rounds.iter().map(|round| figures(round).p99.as_micros() as f64))
        };
        print!("   p99 {:.0} and {:.0} µs", p99(|round| round.0), p99(|round| round.1));
    }
    println!();
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values = values.collect::<Vec<_>>();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn megabytes(server: &Process) -> Result<f64, Failure> {
    Ok(peak_resident(server)? as f64 / 1e6)
}

/// The real program, for a client with this identity.
fn ours(directory: &Path, identity: &Identity) -> Result<Command, Failure> {
    let policy = format!(
        "admin: {{identity: disabled}}\n\
         policy: {{load: {{allow: [/v1/key/generate/*, /v1/key/decrypt/*], identities: [{identity}]}}}}\n\
         keys: [{{name: load}}]\nkeystore: {{fs: {{path: {}/keys}}}}\n",
        directory.display()
    );
    program(directory, &policy)
}
