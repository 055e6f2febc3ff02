//! Failures of the key store: its directory goes away and comes back, entries become garbage, nothing can be opened, or
//! opening hangs. All of them hold for the superuser too.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http::Method;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;
use crate::caller::Caller;
use crate::reloads;
use crate::world::World;

/// The key whose entry is damaged. No other client uses it.
const FRAIL: &str = "frail";

/// How often a damaged key is asked for.
const QUESTIONS: usize = 10;

/// How long opening the directory takes while it hangs, in microseconds: longer than `keystore.attempt_timeout`.
const HANG_MICROSECONDS: u32 = 3_000_000;

/// What can happen to the store.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Away,
    Flaps,
    NoDirectory,
    NoDescriptors,
    Hangs,
    Damage,
}

/// Fails the store again and again until the world ends. `caller` may do everything.
pub async fn run(mut caller: Caller, can_hang: bool) {
    caller.call(Method::PUT, "/v1/key/create/", FRAIL, "", &[200]).await;
    let mut faults = vec![Fault::Away, Fault::Flaps, Fault::NoDirectory, Fault::NoDescriptors, Fault::Damage];
    faults.extend(can_hang.then_some(Fault::Hangs));
    while caller.world.goes_on() {
        caller.world.pause(Duration::from_secs(caller.rng.u64(9..15))).await;
        if !caller.world.goes_on() {
            return;
        }
        let fault = faults[caller.rng.usize(..faults.len())];
        if let Err(error) = happen(fault, &mut caller).await {
            caller.surprise(format_args!("{fault:?}: {error}"));
        }
    }
}

async fn happen(fault: Fault, caller: &mut Caller) -> Result<(), Failure> {
    if matches!(fault, Fault::Damage) {
        return damage(caller).await;
    }
    // What is cached from here on must be usable all the time.
    reloads::keep_cache(&caller.world).await?;
    caller.call(Method::GET, "/v1/key/describe/", "hot", "", &[200]).await;
    let world = &caller.world;
    world.weather.breaks();
    let duration = Duration::from_millis(caller.rng.u64(1500..5000));
    let outcome = match fault {
        Fault::Away => away(world, duration).await,
        Fault::Flaps => flap(world, duration).await,
        Fault::NoDirectory => no_directory(world, duration).await,
        Fault::NoDescriptors => no_descriptors(world, duration).await,
        Fault::Hangs => hang(world, duration).await,
        Fault::Damage => Ok(()),
    };
    world.weather.clears();
    world.keeps_cache.store(false, std::sync::atomic::Ordering::SeqCst);
    world.tally.happened(match fault {
        Fault::Away => "failures: the directory was away",
        Fault::Flaps => "failures: the directory came and went",
        Fault::NoDirectory => "failures: a file was in its place",
        Fault::NoDescriptors => "failures: nothing could be opened",
        Fault::Hangs => "failures: the store hung",
        Fault::Damage => "failures: an entry was damaged",
    });
    outcome
}

async fn away(world: &World, duration: Duration) -> Result<(), Failure> {
    let (keys, elsewhere) = (world.site.path("keys"), world.site.path("keys.away"));
    fs::rename(&keys, &elsewhere)?;
    world.pause(duration).await;
    Ok(fs::rename(elsewhere, keys)?)
}

async fn flap(world: &World, duration: Duration) -> Result<(), Failure> {
    const TIMES: u32 = 10;
    for _ in 0..TIMES {
        away(world, duration / TIMES / 2).await?;
        world.pause(duration / TIMES / 2).await;
    }
    Ok(())
}

async fn no_directory(world: &World, duration: Duration) -> Result<(), Failure> {
    let (keys, elsewhere) = (world.site.path("keys"), world.site.path("keys.away"));
    fs::rename(&keys, &elsewhere)?;
    fs::write(&keys, "no directory")?;
    world.pause(duration).await;
    fs::remove_file(&keys)?;
    Ok(fs::rename(elsewhere, keys)?)
}

/// No connections either: they wait in the system's queue.
async fn no_descriptors(world: &World, duration: Duration) -> Result<(), Failure> {
    // Less than every server has open.
    const FEW: u64 = 8;
    let usual = world.server.limit_descriptors(Some(FEW))?;
    world.pause(duration).await;
    world.server.limit_descriptors(usual)?;
    Ok(())
}

/// A debugger holds whoever opens the directory, in the kernel, as a network file system would whose server is gone.
async fn hang(world: &World, duration: Duration) -> Result<(), Failure> {
    let delay = format!("inject=openat:delay_enter={HANG_MICROSECONDS}");
    let paths = ["keys", "keys-again"].map(|name| world.site.path(name).display().to_string());
    let tracer = trace(world, &["-e", "trace=openat", "-e", &delay, "-P", &paths[0], "-P", &paths[1]])?;
    world.pause(duration).await;
    let_go(tracer).await
}

/// Whether this machine has a debugger that may look into the server.
pub async fn can_hang(world: &World) -> bool {
    let Ok(mut tracer) = trace(world, &["-e", "trace=none"]) else { return false };
    world.pause(Duration::from_millis(500)).await;
    matches!(tracer.try_wait(), Ok(None)) && let_go(tracer).await.is_ok()
}

fn trace(world: &World, what: &[&str]) -> Result<Child, Failure> {
    let mut command = Command::new("strace");
    command.args(["-qq", "-f", "-o", "/dev/null", "-p", &world.server.id().to_string()]).args(what);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.process_group(0).spawn()?)
}

async fn let_go(mut tracer: Child) -> Result<(), Failure> {
    kill_process(Pid::from_raw(tracer.id().try_into()?).ok_or("no process")?, Signal::TERM)?;
    tokio::task::spawn_blocking(move || tracer.wait()).await??;
    Ok(())
}

/// The entry of a key becomes something else. Nobody but who asks for it may notice.
async fn damage(caller: &mut Caller) -> Result<(), Failure> {
    let (entry, other) = (caller.world.site.path("keys").join(FRAIL), caller.world.site.path("other"));
    let good = fs::read(&entry)?;
    match caller.rng.u32(..4) {
        0 => fs::write(&other, "garbage")?,
        1 => fs::write(&other, "")?,
        2 => symlink("nowhere", &other)?,
        _ => mknodat(CWD, &other, FileType::Fifo, Mode::RWXU, 0)?,
    }
    fs::rename(&other, &entry)?;
    for _ in 0..QUESTIONS {
        // 200 from the cache.
        caller.call(Method::GET, "/v1/key/describe/", FRAIL, "", &[200, 502]).await;
        let pause = Duration::from_millis(caller.rng.u64(..400));
        caller.world.pause(pause).await;
    }
    fs::write(&other, good)?;
    fs::rename(&other, &entry)?;
    caller.call(Method::GET, "/v1/key/describe/", FRAIL, "", &[200]).await;
    caller.world.tally.happened("failures: an entry was damaged");
    Ok(())
}
