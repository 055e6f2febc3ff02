//! The store's status: asked beside all other calls, and by one task for everybody who asks meanwhile.
//!
//! A store that hangs would otherwise collect one more hanging call with every health check.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::attempts::Running;
use crate::{KeyStore, StoreError};

type Answer = Result<Duration, StoreError>;

/// The status call that is under way, if one is.
#[derive(Debug, Default)]
pub(super) struct Status(Mutex<Option<watch::Receiver<Option<Answer>>>>);

impl Status {
    /// The status, or [`StoreError::Unavailable`] after `limit`.
    pub(super) async fn ask(&self, store: &Arc<dyn KeyStore>, running: &Running, limit: Duration) -> Answer {
        let mut answer = self.join(store, running);
        match timeout(limit, answer.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.clone().expect("waited for"),
            Ok(Err(_)) => Err(StoreError::Unavailable("the status call ended without an answer".to_owned())),
            Err(_) => Err(StoreError::Unavailable(format!("no status within {} ms", limit.as_millis()))),
        }
    }

    /// Joins the call that is under way, or begins one.
    fn join(&self, store: &Arc<dyn KeyStore>, running: &Running) -> watch::Receiver<Option<Answer>> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = &*current
            && answer.has_changed().is_ok()
            && answer.borrow().is_none()
        {
            return answer.clone();
        }
        let (sender, answer) = watch::channel(None);
        let store = Arc::clone(store);
        // Nobody waits for the task itself, and it needs no place.
        drop(running.begin::<()>(
            Box::pin(async move {
                sender.send_replace(Some(store.status().await));
                Ok(())
            }),
            None,
        ));
        *current = Some(answer.clone());
        answer
    }
}
