//! `/version`, `/v1/ready`, `/v1/status`, `/v1/api`

use std::time::Duration;

use http::Response;
use kes_client::wire::{Status, Version};

use super::super::error::ApiError;
use super::super::metrics::Process;
use super::super::reply::{self, Body};
use super::super::state::State;
use super::Context;
use crate::build;

/// `GET /version`
pub fn version() -> Response<Body> {
    reply::json(&Version { version: build::VERSION.to_owned(), commit: build::COMMIT.to_owned() })
}

/// `GET /v1/ready`
pub async fn ready(context: &Context<'_>) -> Result<Response<Body>, ApiError> {
    readiness(context.state).await.map(|()| reply::empty())
}

/// Whether the key store works, and what a client is told if it does not. The guard around the store knows that from
/// its probes, so this does not wait for the store.
pub async fn readiness(state: &State) -> Result<(), ApiError> {
    state.keys.store().status().await.map(drop).map_err(|error| ApiError::not_ready(&error))
}

/// `GET /v1/status`: 200 also when the store is down, which it then says (decision 8).
pub async fn status(context: &Context<'_>) -> Response<Body> {
    let store = context.state.keys.store().status().await;
    let process = Process::read();
    let uptime = context.shared.started_at.elapsed() + Duration::from_millis(500);
    reply::json(&Status {
        version: build::VERSION.to_owned(),
        os: build::OS.to_owned(),
        arch: build::ARCH.to_owned(),
        uptime: uptime.as_secs(),
        num_cpu: process.cpus,
        num_cpu_used: process.cpus,
        mem_heap_used: process.heap,
        mem_stack_used: process.stack,
        keystore_latency: store.as_ref().map_or(0, |latency| latency_millis(*latency)),
        keystore_unreachable: store.is_err(),
        keystore_unavailable: false,
    })
}

/// `GET /v1/api`
pub fn api(context: &Context<'_>) -> Response<Body> {
    reply::json(&context.state.routes.describe())
}

/// Milliseconds, rounded to the nearest, at least 1.
fn latency_millis(latency: Duration) -> u64 {
    ((latency.as_micros() + 500) / 1000).max(1).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_is_rounded_and_never_zero() {
        assert_eq!(latency_millis(Duration::from_micros(3)), 1);
        assert_eq!(latency_millis(Duration::from_micros(1499)), 1);
        assert_eq!(latency_millis(Duration::from_micros(1500)), 2);
    }
}
