//! Which of several servers is left alone for a while.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Whether a server is left alone, and until when.
#[derive(Debug, Default)]
pub(super) struct Parking {
    /// When it may be asked again, if it failed.
    until: Mutex<Option<Instant>>,
}

impl Parking {
    /// Whether the server may be asked. After its time the first who asks is the probe; the others wait for what becomes
    /// of it, or until the time is over once more.
    pub(super) fn admits(&self, time: Duration) -> bool {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        match *until {
            None => true,
            Some(end) if Instant::now() < end => false,
            Some(_) => {
                *until = Some(Instant::now() + time);
                true
            }
        }
    }

    /// Takes down what became of asking the server.
    pub(super) fn note(&self, works: bool, time: Duration) {
        let until = (!works).then(|| Instant::now() + time);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_server_that_failed_is_left_alone_and_then_probed_by_one() {
        let parking = Parking::default();
        assert!(parking.admits(TIME) && parking.admits(TIME), "nothing is known against it");
        parking.note(false, TIME);
        assert!(!parking.admits(TIME));
        tokio::time::advance(TIME - Duration::from_millis(1)).await;
        assert!(!parking.admits(TIME));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(parking.admits(TIME), "the probe");
        assert!(!parking.admits(TIME), "nobody else until it is known what became of that");
        parking.note(true, TIME);
        assert!(parking.admits(TIME) && parking.admits(TIME));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_never_ends_is_followed_by_another() {
        let parking = Parking::default();
        parking.note(false, TIME);
        tokio::time::advance(TIME).await;
        assert!(parking.admits(TIME) && !parking.admits(TIME));
        tokio::time::advance(TIME).await;
        assert!(parking.admits(TIME) && !parking.admits(TIME));
    }
}
