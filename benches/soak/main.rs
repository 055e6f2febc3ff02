//! The real server under everything at once, for as long as wanted: `scripts/soak [MINUTES] [--seed N]`.
//!
//! Clients of several identities make, use and delete keys over HTTP/1.1 and HTTP/2, contend for names, make mistakes, break
//! their connections off, and follow the logs without reading them; meanwhile the configuration changes about every second
//! and the key store fails again and again. Each answer is held against what is known: a key that was acknowledged can be
//! used until it is deleted, a ciphertext gives the plaintext that went in, and nothing fails but what needs the store while
//! it fails. At its end nothing of the process may have grown ([`samples::Rule`]). Exits with 1 if anything was not so.
//!
//! The seed decides what each client does. When it does it, and so what meets what, is up to the machine.

mod caller;
mod client;
mod faults;
mod reloads;
mod report;
mod samples;
mod server;
mod site;
mod tally;
mod traffic;
mod weather;
mod world;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use fastrand::Rng;
use http::Method;
use tokio::task::JoinSet;

use caller::Caller;
use report::Progress;
use samples::{Exposition, Samples};
use server::Server;
use site::Site;
use tally::Tally;
use world::World;

type Failure = Box<dyn Error + Send + Sync>;

/// How long all tasks together may take to come to their end, when they are told to.
const LAST_WORDS: Duration = Duration::from_secs(60);

/// How long the server has to be as it was when nobody asks anything any more: broken connections
/// and a store that was replaced take a moment.
const RETURN: Duration = Duration::from_secs(30);

/// Numbers of the callers that are no client of the traffic.
const FIRST: u64 = 4000;
const SABOTEUR: u64 = 4001;

/// Runs the server under everything at once, and looks whether it stays right and small.
#[derive(Parser)]
#[command(name = "scripts/soak")]
struct Options {
    /// How long, fractions included
    #[arg(default_value_t = 10.0)]
    minutes: f64,
    /// What decides the deeds of each client; printed if it is not given
    #[arg(long)]
    seed: Option<u64>,
    /// Given by cargo, without effect
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<ExitCode, Failure> {
    let options = Options::parse();
    let duration = Duration::try_from_secs_f64(options.minutes * 60.0)?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}, {} s", duration.as_secs());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let good = runtime.block_on(soak(duration, seed));
    // Connections that are stuck must not keep the program.
    runtime.shutdown_background();
    Ok(if good? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn soak(duration: Duration, seed: u64) -> Result<bool, Failure> {
    let site = Arc::new(Site::new(&mut Rng::with_seed(seed))?);
    let tally = Arc::new(Tally::default());
    let server = Server::start(&site, &tally).await?;
    println!("kes serves on {} with process id {}", server.address, server.id());
    let world = Arc::new(World::new(site, server, Arc::clone(&tally), seed));
    let mut samples = Samples::default();
    let before = idle(&world).await?;
    samples.idle[0] = Some(before);

    let can_hang = faults::can_hang(&world).await;
    if !can_hang {
        println!("the store never hangs: that takes strace, and the right to trace the server");
    }
    let begin = Instant::now();
    let mut tasks = traffic::start(&world)?;
    tasks.spawn(reloads::run(Arc::clone(&world)));
    tasks.spawn(faults::run(Caller::new(&world, SABOTEUR, &world.site.identities.admin)?, can_hang));
    tokio::select! {
        () = watch(&world, &mut samples, begin, duration) => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    let elapsed = begin.elapsed();
    world.end();
    if tokio::time::timeout(LAST_WORDS, finish(&mut tasks, &tally)).await.is_err() {
        tally.surprise("some tasks did not come to their end");
        tasks.abort_all();
    }
    match samples::until_returned(&world, &before, RETURN).await {
        Ok(after) => samples.idle[1] = Some(after),
        Err(error) => tally.surprise(format_args!("the server cannot be looked at any more: {error}")),
    }
    let metrics = Exposition::read(&world).await.ok();
    report::print(&tally.now(), &samples, metrics.as_ref(), elapsed);
    let world = Arc::into_inner(world).ok_or("a task has outlived the run")?;
    if let Err(error) = world.server.stop().await {
        tally.surprise(error);
    }
    Ok(judge(&tally, &samples))
}

/// The state to come back to: everything that is made with the first request is there.
async fn idle(world: &Arc<World>) -> Result<samples::Sample, Failure> {
    let mut first = Caller::new(world, FIRST, &world.site.identities.admin)?;
    first.call(Method::GET, "/v1/key/describe/", "hot", "", &[200]).await.ok_or("no answer to the first request")?;
    drop(first);
    samples::until_returned(world, &samples::Sample::default(), Duration::from_secs(2)).await
}

/// Looks at the process until the time is over.
async fn watch(world: &World, samples: &mut Samples, begin: Instant, duration: Duration) {
    let mut progress = Progress::new();
    while begin.elapsed() < duration {
        let asked = Instant::now();
        match samples::look(world).await {
            Ok(sample) => {
                progress.show(begin.elapsed(), &sample, &world.tally.now());
                if begin.elapsed() >= samples::warm_up(duration) {
                    samples.add(sample);
                }
            }
            // A server that may open nothing does not answer.
            Err(error) if world.weather.was_fair(asked) => {
                world.tally.surprise(format_args!("the server cannot be looked at: {error}"));
            }
            Err(_) => {}
        }
        world.pause(samples::interval(duration)).await;
    }
    progress.end();
}

async fn finish(tasks: &mut JoinSet<()>, tally: &Tally) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tally.surprise(format_args!("a task failed: {error}"));
        }
    }
}

/// Says what was wrong, and whether nothing was.
fn judge(tally: &Tally, samples: &Samples) -> bool {
    let counts = tally.now();
    println!("\nunexpected: {}", counts.surprises);
    for surprise in &counts.first_surprises {
        println!("  {surprise}");
    }
    let grown = samples.grown();
    println!("grown: {}", grown.len());
    for measure in &grown {
        println!("  {measure}");
    }
    let good = counts.surprises == 0 && grown.is_empty();
    println!("\n{}", if good { "passed" } else { "FAILED" });
    good
}
