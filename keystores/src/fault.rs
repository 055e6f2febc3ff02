//! A store that fails on demand, for tests: of the guard, of whatever is built on a store, of the whole server.
//!
//! ```
//! # async fn example() -> Result<(), kes_keystores::StoreError> {
//! use kes_keystores::KeyStore;
//! use kes_keystores::fault::{Fault, FaultyStore, Operation};
//!
//! let store = FaultyStore::healthy();
//! store.once(Operation::Get, Fault::Unavailable);
//! let name = "my-key".parse().expect("a name");
//! assert!(store.get(&name).await.is_err());
//! assert!(store.get(&name).await?.is_none());
//! assert_eq!(store.calls(Operation::Get), 2);
//! # Ok(())
//! # }
//! ```

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kes_core::{KeyName, SecretBytes};
use tokio::sync::watch;

pub use crate::Operation;
use crate::{Created, Deleted, KeyStore, MemoryStore, Page, StoreError};

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// [`StoreError::Unavailable`]; nothing is done.
    Unavailable,
    /// [`StoreError::Busy`] for this time; nothing is done.
    Busy(Duration),
    /// [`StoreError::Denied`]; nothing is done.
    Denied,
    /// [`StoreError::Corrupt`]; nothing is done.
    Corrupt,
    /// A get finds these bytes, whatever is stored. Other operations do what they should.
    Garbage(Vec<u8>),
    /// The operation is done, and the answer is lost: [`StoreError::Unavailable`].
    LostAnswer,
    /// The operation is done after this time.
    Delay(Duration),
    /// The operation is done after [`FaultyStore::release`].
    Hang,
    /// The operation is done, and the answer comes after [`FaultyStore::release`].
    HangingAnswer,
    /// The call panics; nothing is done.
    Panic,
}

#[derive(Debug, Default)]
struct Script {
    always: HashMap<Operation, Fault>,
    once: HashMap<Operation, VecDeque<Fault>>,
}

/// How often the store was called.
#[derive(Clone, Debug, Default)]
struct Counts {
    calls: HashMap<Operation, usize>,
    running: usize,
    /// Without the status, which everybody may ask beside all else.
    working: usize,
    most_working: usize,
    closed: bool,
}

/// A store around another one, with faults on demand. Without any it behaves as that one.
pub struct FaultyStore {
    store: Arc<dyn KeyStore>,
    script: Mutex<Script>,
    counts: watch::Sender<Counts>,
    /// How often hanging calls were released.
    released: watch::Sender<u64>,
}

impl FaultyStore {
    /// Puts faults around `store`: none yet.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>) -> Arc<Self> {
        Arc::new(Self {
            store,
            script: Mutex::default(),
            counts: watch::Sender::new(Counts::default()),
            released: watch::Sender::new(0),
        })
    }

    /// A memory store that works until told otherwise.
    #[must_use]
    pub fn healthy() -> Arc<Self> {
        Self::new(Arc::new(MemoryStore::new()))
    }

    /// A memory store that is down.
    #[must_use]
    pub fn unavailable() -> Arc<Self> {
        let store = Self::healthy();
        store.always_everywhere(&Fault::Unavailable);
        store
    }

    /// From now on, every call of `operation` meets `fault`.
    pub fn always(&self, operation: Operation, fault: Fault) {
        self.script().always.insert(operation, fault);
    }

    /// From now on, every call meets `fault`.
    pub fn always_everywhere(&self, fault: &Fault) {
        for operation in Operation::ALL {
            self.always(operation, fault.clone());
        }
    }

    /// The next call of `operation` that has no fault yet meets `fault`, before those of [`always`](Self::always) come.
    pub fn once(&self, operation: Operation, fault: Fault) {
        self.script().once.entry(operation).or_default().push_back(fault);
    }

    /// Calls that begin from now on meet no fault. Those that hang go on hanging.
    pub fn heal(&self) {
        *self.script() = Script::default();
    }

    /// Calls that hang at this moment go on.
    pub fn release(&self) {
        self.released.send_modify(|times| *times += 1);
    }

    /// Calls of `operation` that have begun.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> usize {
        self.counts.borrow().calls.get(&operation).copied().unwrap_or(0)
    }

    /// Calls that have begun and not ended.
    #[must_use]
    pub fn running(&self) -> usize {
        self.counts.borrow().running
    }

    /// The most calls that ever ran at once, calls of the status aside.
    #[must_use]
    pub fn most_running(&self) -> usize {
        self.counts.borrow().most_working
    }

    /// Whether the store was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.counts.borrow().closed
    }

    /// Waits until `calls` calls of `operation` have begun.
    pub async fn until_called(&self, operation: Operation, calls: usize) {
        let enough = |counts: &Counts| counts.calls.get(&operation).copied().unwrap_or(0) >= calls;
        // The sender is in `self`, so waiting cannot fail.
        let _ = self.counts.subscribe().wait_for(enough).await;
    }

    /// Waits until it was closed.
    pub async fn until_closed(&self) {
        let mut counts = self.counts.subscribe();
        // The sender lives as long as this store.
        let _ = counts.wait_for(|counts| counts.closed).await;
    }

    /// Waits until no call runs.
    pub async fn until_idle(&self) {
        let _ = self.counts.subscribe().wait_for(|counts| counts.running == 0).await;
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, operation: Operation) -> Option<Fault> {
        let mut script = self.script();
        let once = script.once.get_mut(&operation).and_then(VecDeque::pop_front);
        once.or_else(|| script.always.get(&operation).cloned())
    }

    /// Runs one call with its fault; `garbage` makes an answer out of bytes, where that is possible.
    async fn call<T>(
        &self,
        operation: Operation,
        garbage: impl FnOnce(Vec<u8>) -> Option<T>,
        real: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // Before the counts change, so that who waits for them and releases then also releases this call.
        let mut released = self.released.subscribe();
        let _running = Running::begin(&self.counts, operation);
        let unavailable = |what: &str| Err(StoreError::Unavailable(format!("fault: {what}")));
        match self.fault(operation) {
            None => real.await,
            Some(Fault::Unavailable) => unavailable("unavailable"),
            Some(Fault::Busy(retry_after)) => Err(StoreError::Busy { reason: "fault: busy".to_owned(), retry_after }),
            Some(Fault::Denied) => Err(StoreError::Denied("fault: denied".to_owned())),
            Some(Fault::Corrupt) => Err(StoreError::Corrupt("fault: corrupt".to_owned())),
            Some(Fault::Garbage(bytes)) => match garbage(bytes) {
                Some(answer) => Ok(answer),
                None => real.await,
            },
            Some(Fault::LostAnswer) => {
                let _ = real.await?;
                unavailable("the answer was lost")
            }
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                real.await
            }
            Some(Fault::Hang) => {
                let _ = released.changed().await;
                real.await
            }
            Some(Fault::HangingAnswer) => {
                let answer = real.await;
                let _ = released.changed().await;
                answer
            }
            Some(Fault::Panic) => panic!("fault: the store panics"),
        }
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore").field("store", &self.store).finish_non_exhaustive()
    }
}

/// A call that runs, also if it is dropped.
struct Running<'a> {
    counts: &'a watch::Sender<Counts>,
    working: usize,
}

impl<'a> Running<'a> {
    fn begin(counts: &'a watch::Sender<Counts>, operation: Operation) -> Self {
        let working = usize::from(operation != Operation::Status);
        counts.send_modify(|counts| {
            *counts.calls.entry(operation).or_default() += 1;
            counts.running += 1;
            counts.working += working;
            counts.most_working = counts.most_working.max(counts.working);
        });
        Self { counts, working }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.counts.send_modify(|counts| {
            counts.running -= 1;
            counts.working -= self.working;
        });
    }
}

#[async_trait]
impl KeyStore for FaultyStore {
    fn label(&self) -> String {
        self.store.label()
    }

    fn can_address(&self, name: &KeyName) -> bool {
        self.store.can_address(name)
    }

    async fn create(&self, name: &KeyName, value: &SecretBytes) -> Result<Created, StoreError> {
        self.call(Operation::Create, |_| None, self.store.create(name, value)).await
    }

    async fn get(&self, name: &KeyName) -> Result<Option<SecretBytes>, StoreError> {
        self.call(Operation::Get, |bytes| Some(Some(SecretBytes::from(bytes))), self.store.get(name)).await
    }

    async fn delete(&self, name: &KeyName) -> Result<Deleted, StoreError> {
        self.call(Operation::Delete, |_| None, self.store.delete(name)).await
    }

    async fn list(&self, prefix: &str, start_at: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.call(Operation::List, |_| None, self.store.list(prefix, start_at, limit)).await
    }

    async fn unlisted(&self) -> Result<Vec<String>, StoreError> {
        self.call(Operation::List, |_| None, self.store.unlisted()).await
    }

    async fn status(&self) -> Result<Duration, StoreError> {
        self.call(Operation::Status, |_| None, self.store.status()).await
    }

    async fn close(&self) {
        self.counts.send_modify(|counts| counts.closed = true);
        self.store.close().await;
    }
}
