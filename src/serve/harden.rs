//! What the process does for the safety of its memory, as far as the system lets it.

use kes_core::secret::memory_lock;
use rustix::mm::MlockAllFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::CapabilitySet;

/// How the memory is locked, for the banner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MemoryLocking {
    /// The whole process is kept out of swap.
    All,
    /// Root keys are kept out of swap.
    Keys,
    /// Nothing is, and why.
    None(String),
}

/// Descriptors that connections have to leave for the key store, logs and configuration files.
const RESERVED_FILES: u64 = 256;

/// How many connections the limit of open files allows, once it was raised as far as it goes.
pub(super) fn most_connections() -> usize {
    let files = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }) {
        tracing::debug!("the limit of open files cannot be raised: {error}");
    }
    let connections = getrlimit(Resource::Nofile).current.map(|files| files.saturating_sub(RESERVED_FILES).max(1));
    connections.and_then(|connections| usize::try_from(connections).ok()).unwrap_or(usize::MAX)
}

/// Switches core dumps off, and keeps others of the same user from looking into the memory. For every process that is
/// going to hold root keys, before it does.
///
/// # Errors
/// The kernel refuses, which no usual one does.
pub fn no_dumps() -> rustix::io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

/// Locks memory. It is tried and not required (decision 24).
pub(super) fn process(lock_all: bool) -> MemoryLocking {
    if lock_all && may_lock_everything() {
        // Pages are locked when they are first touched: memory that nobody uses stays free.
        match rustix::mm::mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
            Ok(()) => return MemoryLocking::All,
            Err(error) => tracing::warn!("the memory of the process cannot be locked: {error}"),
        }
    }
    match memory_lock().failure {
        None => MemoryLocking::Keys,
        Some(reason) => {
            tracing::warn!(
                "the memory for keys cannot be locked: {reason}; hint: raise RLIMIT_MEMLOCK or give CAP_IPC_LOCK"
            );
            MemoryLocking::None(reason)
        }
    }
}

/// Locking future pages under a finite limit would make later allocations fail, so it needs no limit or the right to
/// exceed it (specification: `cli.md` §4.2).
fn may_lock_everything() -> bool {
    getrlimit(Resource::Memlock).current.is_none()
        || rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK))
}
