//! SIGHUP about every second, with something else to go on with each time.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::Failure;
use crate::site::{ROOMY, Settings};
use crate::world::World;

/// Decides what is changed, in place of a caller's number.
const NUMBER: u64 = 3000;

/// How long a reload may take: it waits for a store that fails, and everything waits for a debugger that makes it hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// Caches of which one is small, one forgets soon, and one keeps nothing.
const CACHES: [(&str, &str, usize); 4] = [ROOMY, ("1m", "30s", 20), ("3s", "2s", 100_000), ("5m", "1m", 0)];

/// Reloads until the world ends.
pub async fn run(world: Arc<World>) {
    let mut rng = world.rng(NUMBER);
    while world.goes_on() {
        world.pause(Duration::from_millis(rng.u64(500..1500))).await;
        let outcome = if rng.u32(..20) == 0 { in_vain(&world).await } else { change(&world, &mut rng).await };
        if let Err(error) = outcome {
            world.tally.surprise(format_args!("reload: {error}"));
        }
    }
}

/// Goes on with a cache that keeps everything, and stays with it.
pub async fn keep_cache(world: &World) -> Result<(), Failure> {
    world.keeps_cache.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut settings = world.settings.lock().await;
    let roomy = Settings { cache: ROOMY, ..settings.clone() };
    reload(world, &mut settings, roomy).await
}

async fn change(world: &World, rng: &mut Rng) -> Result<(), Failure> {
    let mut settings = world.settings.lock().await;
    if rng.bool() {
        world.site.renew_certificate()?;
    }
    if rng.u32(..4) == 0 {
        // What logrotate does. The file may have been moved by the server just now.
        let _ = fs::rename(world.site.path(settings.audit_file), world.site.path("audit.old"));
    }
    let mut next = Settings {
        fickle: rng.bool(),
        audit_file: if rng.u32(..4) == 0 { "audit-other.log" } else { "audit.log" },
        repeat_interval: if rng.bool() { "10s" } else { "1s" },
        ..settings.clone()
    };
    if !world.keeps_cache() {
        next.alias = rng.u32(..3) == 0;
        next.cache = CACHES[rng.usize(..CACHES.len())];
    }
    reload(world, &mut settings, next).await
}

/// Has the server go on with `next`. While the store fails it may refuse to.
async fn reload(world: &World, settings: &mut Settings, next: Settings) -> Result<(), Failure> {
    let begin = Instant::now();
    world.rules.change(None);
    world.site.configure(&next)?;
    let reloaded = attempt(world).await?;
    if reloaded {
        *settings = next;
        world.tally.happened("reloads");
    } else {
        world.tally.happened("reloads refused while the store failed");
        if world.weather.was_fair(begin) {
            let said = world.server.last_lines().join("\n    ");
            world.tally.surprise(format_args!("a reload was refused in fair weather: {said}"));
        }
    }
    world.rules.change(Some(settings.fickle));
    Ok(())
}

/// Has the server read what it cannot understand.
async fn in_vain(world: &World) -> Result<(), Failure> {
    // Nobody else may reload meanwhile. What the server goes on with stays.
    let _settings = world.settings.lock().await;
    world.site.misconfigure()?;
    if attempt(world).await? {
        return Err("a configuration was loaded that is none".into());
    }
    world.tally.happened("reloads refused for a broken configuration");
    Ok(())
}

/// Sends the signal, and tells whether the server goes on with what it has read.
async fn attempt(world: &World) -> Result<bool, Failure> {
    let mut said = world.server.said.clone();
    let before = said.borrow_and_update().clone();
    world.server.hang_up()?;
    let ended = said
        .wait_for(|said| said.ended || said.reloads > before.reloads || said.failed_reloads > before.failed_reloads);
    let now = tokio::time::timeout(PATIENCE, ended).await.map_err(|_| "no end in time")??;
    if now.ended { Err("the server ended".into()) } else { Ok(now.reloads > before.reloads) }
}
