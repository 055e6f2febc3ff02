//! Time that passes only as a test says, although sockets are real.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// How long, in real time, something may take that needs none of the frozen one. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

/// So fine is the time that passes: what a timer sets off has happened before the next one.
const STEP: Duration = Duration::from_millis(50);

/// How often everybody gets a turn, and sockets are looked at, in each step.
const TURNS: usize = 8;

/// Stops the time of this test's runtime, which must have one thread, for as long as this lives.
pub struct Frozen {
    /// A thread that waits for this: while one is busy, the runtime does not skip time that nobody uses.
    _busy: Sender<()>,
}

impl Frozen {
    pub fn begin() -> Self {
        let (busy, ended) = channel();
        tokio::task::spawn_blocking(move || ended.recv().is_ok());
        tokio::time::pause();
        Self { _busy: busy }
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(STEP);
            tokio::time::advance(step).await;
            left -= step;
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits for what needs no time to pass. Fails if it does not come.
    pub async fn at_once<T>(&self, work: impl Future<Output = T>) -> T {
        let (begin, mut work) = (Instant::now(), pin!(work));
        poll_fn(|context| {
            let ready = work.as_mut().poll(context);
            if ready.is_pending() {
                assert!(begin.elapsed() < PATIENCE, "it would need time to pass");
                context.waker().wake_by_ref();
            }
            ready
        })
        .await
    }

    /// Waits for what needs no more than `time`.
    pub async fn within<T>(&self, time: Duration, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = self.pass(time) => {}
        }
        self.at_once(work).await
    }
}
