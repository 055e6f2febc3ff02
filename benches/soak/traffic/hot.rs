//! Clients that use one key all the time. While the key store fails, they must not notice.

use std::time::Instant;

use super::{Sealed, breathe};
use crate::caller::Caller;

/// Requests for which a data key is used until there is another one.
const USES: u32 = 200;

/// Uses the key until the world ends.
pub async fn run(caller: Caller) {
    let mut caller = caller.steady();
    let mut sealed: Option<Sealed> = None;
    while caller.world.goes_on() {
        breathe(&mut caller).await;
        let Some(known) = &sealed else {
            sealed = Sealed::generate(&mut caller, "hot", &[200]).await;
            continue;
        };
        // Whoever fails the store has seen to it that this key is cached then and stays so.
        let was_failing = caller.world.weather.is_failing();
        let begin = Instant::now();
        let answered = known.open(&mut caller, "hot", &[200]).await.is_some();
        let time = begin.elapsed();
        let is_failing = caller.world.weather.is_failing();
        match (was_failing, is_failing) {
            (true, true) if answered => caller.world.tally.decrypted(true, time),
            (true, true) => caller.surprise("a cached key could not be used while the key store failed"),
            _ if answered && caller.world.weather.was_fair(begin) => caller.world.tally.decrypted(false, time),
            _ => {}
        }
        if caller.rng.u32(..USES) == 0 {
            sealed = None;
        }
    }
}
