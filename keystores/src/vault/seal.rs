//! Whether Vault is sealed, as far as is known (specification: `keystores.md` §4.9).

use std::sync::atomic::{AtomicBool, Ordering};

use crate::StoreError;

/// A flag that whoever asks Vault keeps true: while it is sealed no call is made but to find out whether it still is.
#[derive(Debug, Default)]
pub(super) struct Seal {
    closed: AtomicBool,
    /// Whether it ever was open. Until then there is no store: whoever waits for one says why.
    opened: AtomicBool,
}

impl Seal {
    /// # Errors
    /// [`StoreError::Unavailable`] while Vault is sealed.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.is_closed() { Err(sealed()) } else { Ok(()) }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Notes what Vault says. A change is a line in the log.
    pub(super) fn note(&self, sealed: bool) {
        self.opened.fetch_or(!sealed, Ordering::Relaxed);
        match (self.closed.swap(sealed, Ordering::Relaxed), sealed) {
            (false, true) if self.opened.load(Ordering::Relaxed) => {
                tracing::error!("vault is sealed; hint: keys in memory go on working until it is unsealed")
            }
            (true, false) => tracing::info!("vault is unsealed again"),
            _ => {}
        }
    }
}

pub(super) fn sealed() -> StoreError {
    StoreError::Unavailable("vault is sealed".to_owned())
}
