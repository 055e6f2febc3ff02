//! Whether the server's loop is alive, for whoever restarts a server that is not.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::Notify;

/// Asks the loop that accepts connections for a sign of life. Clones ask the same loop; one of them at a time.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Beat>);

#[derive(Debug, Default)]
struct Beat {
    asked: Notify,
    answered: Notify,
}

impl Pulse {
    /// Ends when the loop has answered; never, if it is stuck or gone. May be dropped before.
    pub async fn check(&self) {
        self.0.asked.notify_one();
        self.0.answered.notified().await;
    }

    /// Ends when somebody asks. The loop then owes an [`answer`](Self::answer).
    pub(super) async fn asked(&self) {
        self.0.asked.notified().await;
    }

    /// Says that the loop is alive.
    pub(super) fn answer(&self) {
        self.0.answered.notify_one();
    }

    /// Answers whoever asks, in the place of a loop that has ended as it should.
    pub(super) async fn stand_in(&self) -> Infallible {
        loop {
            self.asked().await;
            self.answer();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_that_answers_is_alive() {
        let pulse = Pulse::default();
        let answering = pulse.clone();
        let answering = tokio::spawn(async move { answering.stand_in().await });
        pulse.check().await;
        pulse.check().await;
        answering.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_does_not_answer_is_not() {
        let pulse = Pulse::default();
        let hour = std::time::Duration::from_secs(3600);
        assert!(tokio::time::timeout(hour, pulse.check()).await.is_err());
    }
}
