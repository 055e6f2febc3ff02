//! One operation as a row of attempts: the next one only if it can help and still be in time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use super::health::Health;
use super::observer::Operation;
use super::places::{Place, Waiting};
use super::running::Call;
use super::{Guard, unavailable};
use crate::{KeyStore, StoreError};

/// The pause before another attempt: this long, and up to [`JITTER`] longer (specification: `keystores.md` §1.7).
const PAUSE: Duration = Duration::from_millis(200);

/// The random part of the pause, so that many callers do not come back as one.
const JITTER: Duration = Duration::from_millis(800);

/// What an operation's last attempt answered.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) value: T,
    /// Whether an attempt before it ended without an answer, so that what it was to do may be done.
    pub(super) repeated: bool,
}

impl Guard {
    /// Runs one operation: `call` makes an attempt of it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: Operation,
        deadline: Instant,
        call: impl Fn(Arc<dyn KeyStore>) -> Call<T> + Send + Sync,
    ) -> Result<Answer<T>, StoreError> {
        let mut place = self.first_place(deadline).await?;
        let mut retries = 0;
        loop {
            let error = match self.attempt(operation, deadline, call(Arc::clone(&self.store)), place).await {
                Ok(value) => return Ok(Answer { value, repeated: retries > 0 }),
                Err(error) => error,
            };
            let after = match &error {
                StoreError::Unavailable(_) => Duration::ZERO,
                StoreError::Busy { retry_after, .. } => *retry_after,
                StoreError::Denied(_) | StoreError::Corrupt(_) | StoreError::Overloaded => return Err(error),
            };
            let error = unavailable(error);
            if retries == self.calls.retries {
                return Err(error);
            }
            // A pause occupies the queue, not a place. The failure at hand is the answer if the queue is full, or if
            // another attempt would come too late.
            let Some(waiting) = self.places.join_again() else { return Err(error) };
            let pause = after.max(PAUSE).saturating_add(JITTER.mul_f64(fastrand::f64()));
            if pause >= deadline.saturating_duration_since(Instant::now()) {
                return Err(error);
            }
            tracing::debug!("key store call failed and is tried again in {} ms: {error}", pause.as_millis());
            sleep(pause).await;
            let Ok(next) = self.next_place(deadline, waiting).await else { return Err(error) };
            place = next;
            retries += 1;
        }
    }

    async fn first_place(&self, deadline: Instant) -> Result<Place, StoreError> {
        if let Some(place) = self.places.free() {
            return Ok(place);
        }
        if self.calls.outage_wait.is_zero()
            && let Health::Down(outage) = &*self.monitor.watch().borrow()
        {
            return Err(outage.refusal());
        }
        let waiting = self.places.join().ok_or(StoreError::Overloaded)?;
        self.next_place(deadline, waiting).await
    }

    /// Waits for a place until the deadline, and while the store is down no longer than `outage_wait`.
    async fn next_place(&self, deadline: Instant, waiting: Waiting<'_>) -> Result<Place, StoreError> {
        let mut place = pin!(waiting.place());
        let mut health = self.monitor.watch();
        loop {
            let limit = match health.borrow_and_update().is_down() {
                true => deadline.min(Instant::now() + self.calls.outage_wait),
                false => deadline,
            };
            tokio::select! {
                biased;
                place = &mut place => return Ok(place),
                // The monitor lives as long as the guard. Only changes from one state to another count.
                Ok(()) = health.changed() => {}
                () = sleep_until(limit) => return Err(match health.borrow().outage() {
                    Some(outage) => outage.refusal(),
                    None => self.no_place(),
                }),
            }
        }
    }

    async fn attempt<T: Send + 'static>(
        &self,
        operation: Operation,
        deadline: Instant,
        call: Call<T>,
        place: Place,
    ) -> Result<T, StoreError> {
        let end = match operation {
            // Two attempts of a change must not overlap, so one is given up only with the operation.
            Operation::Create | Operation::Delete => deadline,
            Operation::Get | Operation::List | Operation::Status => {
                deadline.min(Instant::now() + self.calls.attempt_timeout)
            }
        };
        let (sender, answer) = oneshot::channel();
        self.running.begin(operation, call, end, Some(place), move |answer| {
            // Whoever asked may have gone.
            let _ = sender.send(answer);
        });
        answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the call ended without an answer".to_owned())))
    }

    fn no_place(&self) -> StoreError {
        StoreError::Unavailable(format!(
            "waited {} ms for one of {} places (`keystore.concurrency`)",
            self.calls.deadline.as_millis(),
            self.calls.concurrency
        ))
    }
}
