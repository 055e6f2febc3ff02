//! What clients see while the key store does not work:
//! `cargo bench --bench outage [-- --seconds N --outage N --hang]`.
//!
//! A server over a store in memory that fails on demand, behind the real guard, in a process of its own on the first core.
//! From the second core come eight users of a key each that is always in use, and ten requests in a second for keys that
//! are not in memory. First it tells how long decrypts take with a store that works and with one that hangs; then what
//! became of all requests during an outage, with `cache.expiry.offline` and without. Figures hold on their machine only.

mod support {
    pub mod client;
    pub mod clients;
    pub mod faulty;
    pub mod process;
    pub mod report;

    pub type Failure = Box<dyn std::error::Error + Send + Sync>;
}

use std::io::Write;
use std::process::{ChildStdin, Command};
use std::time::{Duration, Instant};

use clap::Parser;
use kes_core::ApiKey;
use support::Failure;
use support::clients::{COLD_EVERY, Clients, HOT};
use support::faulty::{Plan, State, serve};
use support::process::Process;
use support::report::{began, tell_of_outage, told};
use tokio::time::sleep;

/// Before anything counts, and after the store has come back.
const CALM: Duration = Duration::from_secs(5);

/// Shows what clients see while the key store does not work.
#[derive(Debug, Parser)]
struct Options {
    /// How long decrypts are timed, with a store that works and with one that hangs
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How long the outage takes
    #[arg(long, default_value_t = 60)]
    outage: u64,
    /// In the outage the store does not answer, instead of refusing
    #[arg(long)]
    hang: bool,
    /// Be the server, for this administrator
    #[arg(long, hide = true)]
    admin: Option<String>,
    /// `cache.expiry.any` of the server
    #[arg(long, hide = true, default_value_t = 300)]
    any: u64,
    /// `cache.expiry.offline` of the server
    #[arg(long, hide = true, default_value_t = 0)]
    offline: u64,
    /// Keys in the server's store
    #[arg(long, hide = true, default_value_t = 0)]
    keys: usize,
    /// Cargo adds it.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    if let Some(admin) = options.admin {
        let (any, offline) = (Duration::from_secs(options.any), Duration::from_secs(options.offline));
        return serve(&Plan { admin, any, offline, keys: options.keys });
    }
    let (timed, outage) = (Duration::from_secs(options.seconds), Duration::from_secs(options.outage));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(compare_decrypts(timed))?;
    let state = if options.hang { State::Hang } else { State::Refuse };
    // Keys that are not used in half an outage are gone before its end, unless `offline` keeps them.
    let any = outage / 2;
    for offline in [Duration::ZERO, outage * 2] {
        runtime.block_on(live_through(state, outage, any, offline))?;
    }
    Ok(())
}

/// A server, its clients, and what tells its store what to do.
struct Site {
    _server: Process,
    store: ChildStdin,
    clients: Clients,
}

impl Site {
    /// With keys enough for a time.
    async fn start(any: Duration, offline: Duration, time: Duration) -> Result<Self, Failure> {
        let key = ApiKey::generate()?;
        let keys = HOT + (time + 4 * CALM).div_duration_f64(COLD_EVERY) as usize;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--admin", key.identity().as_str(), "--keys", &keys.to_string()]);
        command.args(["--any", &any.as_secs().max(1).to_string(), "--offline", &offline.as_secs().to_string()]);
        let mut server = Process::start(&mut command)?;
        let store = server.child.stdin.take().ok_or("the server cannot be told anything")?;
        let clients = Clients::start(&server.address, &key).await?;
        sleep(CALM).await;
        Ok(Self { _server: server, store, clients })
    }

    fn tell(&mut self, state: State) -> Result<Instant, Failure> {
        writeln!(self.store, "{state}")?;
        Ok(Instant::now())
    }
}

async fn compare_decrypts(time: Duration) -> Result<(), Failure> {
    let mut site = Site::start(Duration::from_mins(5), Duration::from_mins(5), 2 * time).await?;
    let healthy = Instant::now();
    sleep(time).await;
    let hanging = site.tell(State::Hang)?;
    sleep(time).await;
    let end = site.tell(State::Heal)?;
    let samples = site.clients.finish().await?;
    println!("decrypt with a cached key, {time:?} each");
    for (title, from, to) in [("store works", healthy, hanging), ("store hangs", hanging, end)] {
        println!("  {title:<12} {}", told(samples.iter().filter(|sample| sample.hot && began(sample, from, to))));
    }
    Ok(())
}

async fn live_through(state: State, outage: Duration, any: Duration, offline: Duration) -> Result<(), Failure> {
    let mut site = Site::start(any, offline, outage).await?;
    let begin = site.tell(state)?;
    sleep(outage).await;
    let end = site.tell(State::Heal)?;
    sleep(CALM).await;
    let samples = site.clients.finish().await?;
    println!("\nstore: {state} for {outage:?}; cache.expiry: any {any:?}, offline {} s", offline.as_secs());
    tell_of_outage(&samples, begin, end);
    Ok(())
}
