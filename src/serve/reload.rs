//! SIGHUP: the same file once more, and a server that goes on with what it says, or as it was (specification: `cli.md`
//! §4.5, `server-api.md` §16.3).

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kes_config::{Limits, ProxyProtocol};

use super::banner::Banner;
use super::harden::MemoryLocking;
use super::store::StorePlan;
use super::{Origin, Plan, print, read, say};
use crate::server::{Handle, Logs, Metrics};

/// What the banner of a reload ends with; scripts wait for it.
const DONE: &str = "=> Reloading configuration after SIGHUP signal completed.";

/// What only a start can change.
#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) address: SocketAddr,
    pub(super) health: Option<SocketAddr>,
    pub(super) proxy_protocol: Option<ProxyProtocol>,
    pub(super) limits: Limits,
    pub(super) grace: Duration,
}

impl Fixed {
    /// The settings of `new` that are not those of this one.
    fn changes(&self, new: &Self) -> Vec<&'static str> {
        let (old_limits, limits) = (&self.limits, &new.limits);
        let all = [
            ("address", self.address != new.address),
            ("health.address", self.health != new.health),
            ("proxy_protocol", self.proxy_protocol != new.proxy_protocol),
            ("limits.connections", old_limits.connections != limits.connections),
            ("limits.streams", old_limits.streams != limits.streams),
            ("limits.handshake_timeout", old_limits.handshake_timeout != limits.handshake_timeout),
            ("limits.header_timeout", old_limits.header_timeout != limits.header_timeout),
            ("limits.idle_timeout", old_limits.idle_timeout != limits.idle_timeout),
            ("shutdown.grace", self.grace != new.grace),
        ];
        all.into_iter().filter_map(|(setting, changed)| changed.then_some(setting)).collect()
    }
}

/// A server, and what it runs with.
#[derive(Debug)]
pub(super) struct Reloads {
    pub(super) server: Handle,
    pub(super) origin: Arc<Origin>,
    pub(super) fixed: Fixed,
    pub(super) store: StorePlan,
    pub(super) store_label: String,
    pub(super) address: SocketAddr,
    pub(super) memory_lock: MemoryLocking,
    pub(super) metrics: Metrics,
    pub(super) logs: Logs,
}

impl Reloads {
    /// Reads the configuration again, and says what came of it. Nothing of a server that cannot be changed completely is
    /// changed.
    pub(super) async fn reload(&mut self) {
        say("SIGHUP signal received. Reloading configuration...");
        match self.attempt().await {
            Ok(banner) => print(&banner),
            Err(failure) => {
                say(&failure);
                // Whoever has moved the audit file away waits for a new one, whatever else the signal was for.
                self.logs.reopen();
            }
        }
    }

    /// The banner of what the server is now, or why it is what it was.
    async fn attempt(&mut self) -> Result<String, String> {
        let origin = Arc::clone(&self.origin);
        let plan = tokio::task::spawn_blocking(move || read(&origin)).await.map_err(not_loaded)?;
        let Plan { settings, store: store_plan, banner, log, fixed, .. } =
            plan.map_err(|failure| not_loaded(failure.message))?;
        let mut label = self.store_label.clone();
        let store = if store_plan == self.store {
            None
        } else {
            let store = store_plan.connect_another(&self.metrics).await.map_err(not_loaded)?;
            label = store.label();
            Some(store)
        };
        let changed = self.server.reload(settings, log, store).await;
        changed.map_err(|error| format!("Failed to update server configuration: {error}"))?;
        (self.store, self.store_label) = (store_plan, label);
        for setting in self.fixed.changes(&fixed) {
            tracing::warn!("`{setting}` has changed, which needs a restart: it stays as it was at the start");
        }
        let banner = Banner { memory_lock: self.memory_lock.clone(), ..banner };
        Ok(banner.text(self.address, &self.store_label, DONE))
    }
}

fn not_loaded(reason: impl Display) -> String {
    format!("Failed to reload server config: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed() -> Fixed {
        Fixed {
            address: ([127, 0, 0, 1], 7373).into(),
            health: None,
            proxy_protocol: None,
            limits: Limits::default(),
            grace: Duration::from_secs(5),
        }
    }

    #[test]
    fn what_needs_a_restart_is_named() {
        assert_eq!(fixed().changes(&fixed()), [""; 0]);
        let (mut limits, second) = (Limits::default(), Duration::from_secs(1));
        limits.requests += 1;
        assert_eq!(fixed().changes(&Fixed { limits: limits.clone(), ..fixed() }), [""; 0], "this one does not");
        (limits.connections, limits.streams) = (1, 1);
        (limits.handshake_timeout, limits.header_timeout, limits.idle_timeout) = (second, second, second);
        let health = Some(([127, 0, 0, 1], 1).into());
        let proxy_protocol = Some(ProxyProtocol { trusted: Vec::new() });
        let other = Fixed { address: ([0, 0, 0, 0], 1).into(), health, proxy_protocol, limits, grace: second };
        let names = [
            "address",
            "health.address",
            "proxy_protocol",
            "limits.connections",
            "limits.streams",
            "limits.handshake_timeout",
            "limits.header_timeout",
            "limits.idle_timeout",
            "shutdown.grace",
        ];
        assert_eq!(fixed().changes(&other), names);
    }
}
