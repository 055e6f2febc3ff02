//! Clients that make, use and delete keys of the same names at the same time: of all who make one, one succeeds.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Method;

use super::{Sealed, breathe};
use crate::caller::Caller;

/// How long a name is contended for.
const ROUND: Duration = Duration::from_millis(700);

/// The name that is contended for at present.
#[derive(Default)]
pub struct Race(Mutex<Option<(Arc<Contest>, Instant, u64)>>);

/// What became of one name.
struct Contest {
    name: String,
    created: AtomicU32,
    deleted: AtomicU32,
    /// A change was not answered, so that nobody knows whether it was made.
    doubt: AtomicBool,
    sealed: Mutex<Option<Sealed>>,
}

impl Race {
    /// The present name, and one that nobody may have to look after any more.
    fn join(&self) -> (Arc<Contest>, Option<Arc<Contest>>) {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let round = match &*present {
            Some((contest, begin, _)) if begin.elapsed() < ROUND => return (Arc::clone(contest), None),
            Some((.., round)) => round + 1,
            None => 0,
        };
        let contest = Arc::new(Contest {
            name: format!("race-{round}"),
            created: AtomicU32::new(0),
            deleted: AtomicU32::new(0),
            doubt: AtomicBool::new(false),
            sealed: Mutex::default(),
        });
        let before = present.replace((Arc::clone(&contest), Instant::now(), round));
        (contest, before.map(|(contest, ..)| contest))
    }
}

/// Contends until the world ends.
pub async fn run(mut caller: Caller, race: Arc<Race>) {
    while caller.world.goes_on() {
        let (contest, before) = race.join();
        contest.act(&mut caller).await;
        for left in [Some(contest), before].into_iter().flatten() {
            // Whoever is the last to let go of a name sees how it ended.
            if let Some(contest) = Arc::into_inner(left) {
                contest.end(&mut caller).await;
            }
        }
        breathe(&mut caller).await;
    }
}

impl Contest {
    async fn act(&self, caller: &mut Caller) {
        let name = &self.name;
        match caller.rng.u32(..10) {
            0..3 => {
                let answer = caller.call(Method::PUT, "/v1/key/create/", name, "", &[200, 400]).await;
                self.note(answer.map(|answer| answer.status), &self.created);
            }
            3 => {
                let begin = Instant::now();
                let answer = caller.call(Method::DELETE, "/v1/key/delete/", name, "", &[200, 404]).await;
                // The server tries again while the store fails. If it then finds that the key is gone, that counts as its
                // own doing, whoever else it was.
                let answer = answer.filter(|_| caller.world.weather.was_fair(begin));
                self.note(answer.map(|answer| answer.status), &self.deleted);
            }
            4..7 => {
                if let Some(sealed) = Sealed::generate(caller, name, &[200, 404]).await {
                    *self.sealed.lock().unwrap_or_else(PoisonError::into_inner) = Some(sealed);
                }
            }
            7..9 => {
                let sealed = self.sealed.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(sealed) = sealed {
                    // It may have been deleted, or be another key by now.
                    sealed.open(caller, name, &[200, 404, 400]).await;
                }
            }
            _ => drop(caller.call(Method::GET, "/v1/key/describe/", name, "", &[200, 404]).await),
        }
    }

    fn note(&self, status: Option<u16>, changes: &AtomicU32) {
        match status {
            Some(200) => drop(changes.fetch_add(1, Ordering::SeqCst)),
            Some(_) => {}
            None => self.doubt.store(true, Ordering::SeqCst),
        }
    }

    /// Nobody else uses the name any more: what is said of it must agree with all that was acknowledged.
    async fn end(self, caller: &mut Caller) {
        let (created, deleted) = (self.created.into_inner(), self.deleted.into_inner());
        let name = &self.name;
        let mut exists = true;
        if !self.doubt.into_inner() {
            match created.checked_sub(deleted) {
                Some(0) => exists = false,
                Some(1) => {}
                _ => caller.surprise(format_args!("`{name}` was created {created} times and deleted {deleted} times")),
            }
            let expected = if exists { 200 } else { 404 };
            caller.call(Method::GET, "/v1/key/describe/", name, "", &[expected]).await;
        }
        if exists {
            caller.call(Method::DELETE, "/v1/key/delete/", name, "", &[200, 404]).await;
        }
    }
}
