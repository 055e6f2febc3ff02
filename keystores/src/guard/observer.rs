//! What the guard tells of its calls, for metrics of any kind.

use std::fmt;
use std::time::Duration;

use crate::StoreError;

/// The operations of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`KeyStore::create`](crate::KeyStore::create)
    Create,
    /// [`KeyStore::get`](crate::KeyStore::get)
    Get,
    /// [`KeyStore::delete`](crate::KeyStore::delete)
    Delete,
    /// [`KeyStore::list`](crate::KeyStore::list)
    List,
    /// [`KeyStore::status`](crate::KeyStore::status)
    Status,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Create, Self::Get, Self::Delete, Self::List, Self::Status];
}

/// Hears of every call that a [`Guard`](crate::Guard) makes. Has to return at once.
pub trait Observer: Send + Sync + fmt::Debug {
    /// A call to the store was answered after `time`, or given up. Every attempt and every probe is one call; waiting for
    /// a place or for the store to come back is none.
    fn called(&self, operation: Operation, time: Duration, result: Result<(), &StoreError>);
}
