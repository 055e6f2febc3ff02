//! The calls that are at the store: each a task of its own, which runs to its own end whoever waits for it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::health::Monitor;
use super::observer::{Observer, Operation};
use super::places::Place;
use crate::StoreError;

/// A call to the store, which owns what it needs.
pub(super) type Call<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// The calls that run; no tasks once they were ended for good.
#[derive(Debug)]
pub(super) struct Running {
    tasks: Mutex<Option<JoinSet<()>>>,
    account: Account,
}

impl Running {
    /// None yet. What becomes of them is told to `monitor` and `observer`.
    pub(super) fn new(monitor: Arc<Monitor>, observer: Option<Arc<dyn Observer>>) -> Self {
        Self { tasks: Mutex::new(Some(JoinSet::new())), account: Account { monitor, observer } }
    }

    /// Runs a call to its own end. `tell` hears of its answer, or at `end` that there is none so far. The call keeps its
    /// place as long as it runs.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        operation: Operation,
        call: Call<T>,
        end: Instant,
        place: Option<Place>,
        tell: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) {
        let account = self.account.clone();
        self.spawn(async move {
            let begin = Instant::now();
            let mut call = pin!(AssertUnwindSafe(call).catch_unwind());
            if let Ok(answer) = timeout_at(end, &mut call).await {
                let answer = answer.unwrap_or_else(|_| Err(StoreError::Unavailable("the call panicked".to_owned())));
                drop(place);
                account.note(operation, begin, answer.as_ref().map(|_| ()));
                tell(answer);
                return;
            }
            let late = StoreError::Unavailable(format!("no answer within {} ms", begin.elapsed().as_millis()));
            account.note(operation, begin, Err(&late));
            tell(Err(late));
            if let Ok(Ok(_)) = call.await {
                account.monitor.called(begin, Ok(()));
            }
            drop(place);
        });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = self.tasks().as_mut() {
            // Finished tasks are forgotten whenever another begins.
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    /// Ends all of them, and lets none begin.
    pub(super) async fn end(&self) {
        let tasks = self.tasks().take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Option<JoinSet<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who hears of every call.
#[derive(Clone, Debug)]
struct Account {
    monitor: Arc<Monitor>,
    observer: Option<Arc<dyn Observer>>,
}

impl Account {
    fn note(&self, operation: Operation, began: Instant, result: Result<(), &StoreError>) {
        let time = began.elapsed();
        match operation {
            Operation::Status => self.monitor.probed(began, result),
            _ => self.monitor.called(began, result),
        }
        if let Some(observer) = &self.observer {
            observer.called(operation, time, result);
        }
    }
}
