//! What the key store would write into a server's log while it is connected.

use std::fmt::{self, Debug, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Where key stores live.
const SOURCE: &str = "kes_keystores";

/// Keeps the warnings of key stores.
#[derive(Clone, Debug, Default)]
pub(super) struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// Listens in the whole process, for stores work on threads of their own. There is no other log in a client command.
    pub(super) fn listen() -> Self {
        let warnings = Self::default();
        // Fails only if somebody listens already; then there are none to be had here.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(warnings.clone()));
        warnings
    }

    /// Those since the last call.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with(SOURCE)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(message.0);
    }
}

/// The text of an event.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // Writing to a string does not fail.
            let _: fmt::Result = write!(self.0, "{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_warnings_of_key_stores_are_kept() {
        let warnings = Warnings::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(warnings.clone()), || {
            tracing::warn!(target: "kes_keystores::fs", "the directory is {}", "open");
            tracing::info!(target: "kes_keystores::fs", "it works");
            tracing::warn!(target: "hyper", "nothing of ours");
        });
        assert_eq!(warnings.take(), ["the directory is open"]);
        assert!(warnings.take().is_empty());
    }
}
