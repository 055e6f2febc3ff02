//! One operation as a row of attempts: each in a task of its own, the next one only if it can help and still be in time.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::Guard;
use super::places::Place;
use crate::{KeyStore, StoreError};

/// The pause before another attempt: this long, and up to [`JITTER`] longer (specification: `keystores.md` §1.7).
const PAUSE: Duration = Duration::from_millis(200);

/// The random part of the pause, so that many callers do not come back as one.
const JITTER: Duration = Duration::from_millis(800);

/// A call to the store, which owns what it needs.
pub(super) type Call<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// What an operation's last attempt answered.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) value: T,
    /// Whether an attempt before it ended without an answer, so that what it was to do may be done.
    pub(super) repeated: bool,
}

/// When an attempt that has not answered is given up, apart from the operation's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// After the attempt timeout. The next attempt may run beside it.
    Attempt,
    /// Never: two attempts must not overlap.
    Operation,
}

/// The attempts that run; `None` once they were ended for good.
#[derive(Debug)]
pub(super) struct Running(Mutex<Option<JoinSet<()>>>);

impl Running {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(JoinSet::new())))
    }

    /// Runs a call to its own end, whether or not anybody waits for the answer. It keeps its place that long.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        call: Call<T>,
        place: Option<Place>,
    ) -> oneshot::Receiver<Result<T, StoreError>> {
        let (sender, answer) = oneshot::channel();
        if let Some(tasks) = self.tasks().as_mut() {
            // Finished tasks are forgotten whenever another begins.
            while tasks.try_join_next().is_some() {}
            tasks.spawn(async move {
                let result = call.await;
                drop(place);
                // Whoever asked may have gone.
                let _ = sender.send(result);
            });
        }
        answer
    }

    /// Ends all of them, and lets none begin.
    pub(super) async fn end(&self) {
        let tasks = self.tasks().take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Option<JoinSet<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard {
    /// Runs one operation: `call` makes an attempt of it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        patience: Patience,
        call: impl Fn(Arc<dyn KeyStore>) -> Call<T> + Send + Sync,
    ) -> Result<Answer<T>, StoreError> {
        let mut place = match self.places.free() {
            Some(place) => place,
            None => {
                let waiting = self.places.join().ok_or(StoreError::Overloaded)?;
                timeout_at(deadline, waiting.place()).await.map_err(|_| self.no_place())?
            }
        };
        let mut retries = 0;
        loop {
            let error = match self.attempt(deadline, patience, call(Arc::clone(&self.store)), place).await {
                Ok(value) => return Ok(Answer { value, repeated: retries > 0 }),
                Err(error @ StoreError::Unavailable(_)) if retries < self.calls.retries => error,
                Err(error) => return Err(error),
            };
            // A pause occupies the queue, not a place. The failure at hand is the answer if the queue is full, or if
            // another attempt would come too late.
            let Some(waiting) = self.places.join_again() else { return Err(error) };
            let pause = PAUSE + JITTER.mul_f64(fastrand::f64());
            if Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::debug!("key store call failed and is tried again in {} ms: {error}", pause.as_millis());
            sleep(pause).await;
            let Ok(next) = timeout_at(deadline, waiting.place()).await else { return Err(error) };
            place = next;
            retries += 1;
        }
    }

    async fn attempt<T: Send + 'static>(
        &self,
        deadline: Instant,
        patience: Patience,
        call: Call<T>,
        place: Place,
    ) -> Result<T, StoreError> {
        let end = match patience {
            Patience::Attempt => deadline.min(Instant::now() + self.calls.attempt_timeout),
            Patience::Operation => deadline,
        };
        let begin = Instant::now();
        match timeout_at(end, self.running.begin(call, Some(place))).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreError::Unavailable("the call ended without an answer".to_owned())),
            Err(_) => Err(StoreError::Unavailable(format!("no answer within {} ms", begin.elapsed().as_millis()))),
        }
    }

    fn no_place(&self) -> StoreError {
        StoreError::Unavailable(format!(
            "waited {} ms for one of {} places (`keystore.concurrency`)",
            self.calls.deadline.as_millis(),
            self.calls.concurrency
        ))
    }
}
