//! Room for so many connections, and who makes room when it is full: whoever has been idle the longest.
//!
//! Connections that only wait must not lock out those that would work. Nobody is sent away but for somebody who waits at
//! the door, and who has just been answered is spared: between two requests a connection is not idle.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::connection::Activity;
use super::log::Logs;

/// How long a connection has to be idle before it makes room for another one.
const SPARED: Duration = Duration::from_secs(1);

/// How long whoever waits at the door waits for a place before another connection has to leave.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Room for connections.
#[derive(Debug)]
pub struct Room {
    count: usize,
    places: Arc<Semaphore>,
    numbers: AtomicU64,
    /// What the connections that speak HTTP are at. Asked only when no place is left.
    activities: Mutex<HashMap<u64, Arc<Activity>>>,
    logs: Logs,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    room: Arc<Room>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    /// Room for `count` connections, at least one. When some have to leave, `logs` are told.
    #[must_use]
    pub fn new(count: usize, logs: Logs) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self { count, places, numbers: AtomicU64::default(), activities: Mutex::default(), logs })
    }

    /// The next connection, and a place for it. Those that come meanwhile wait in the system's queue instead of being
    /// refused. Dropped, it closes the connection that waits for a place.
    ///
    /// # Errors
    /// The system cannot give a connection.
    pub async fn next(self: &Arc<Self>, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr, Place)> {
        let (stream, address) = listener.accept().await?;
        Ok((stream, address, self.place().await))
    }

    async fn place(self: &Arc<Self>) -> Place {
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.made_place().await,
        };
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        Place { room: Arc::clone(self), number, _permit: permit }
    }

    /// A place that somebody leaves, if need be because it is told to.
    async fn made_place(&self) -> OwnedSemaphorePermit {
        loop {
            self.end_longest_idle();
            let left = Arc::clone(&self.places).acquire_owned();
            if let Ok(permit) = timeout(LOOK_AGAIN, left).await {
                return permit.expect("it is never closed");
            }
        }
    }

    fn end_longest_idle(&self) {
        let long_ago = Instant::now().checked_sub(SPARED);
        let activities = self.activities();
        let idle = activities.values().filter_map(|activity| Some((activity.idle_since()?, activity)));
        let long_idle = idle.filter(|(since, _)| long_ago.is_some_and(|long_ago| *since <= long_ago));
        if let Some((_, longest)) = long_idle.min_by_key(|(since, _)| *since) {
            longest.end_idle_time();
            self.logs.made_room(self.count);
        }
    }

    fn activities(&self) -> MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.activities.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The connection here speaks HTTP, and this says what it is at.
    pub fn is_used_for(&self, activity: &Arc<Activity>) {
        self.room.activities().insert(self.number, Arc::clone(activity));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.activities().remove(&self.number);
    }
}
