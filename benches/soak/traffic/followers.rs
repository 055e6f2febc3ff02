//! Clients that follow the logs: some read what comes and leave, others stop reading and wait to be dropped.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout, timeout_at};

use crate::Failure;
use crate::client::{Client, Protocol};
use crate::world::World;

/// Decides what they do, in place of a caller's number.
const NUMBER: u64 = 2000;

/// How long somebody follows.
const STAY: Duration = Duration::from_secs(8);

/// How long somebody does not read.
const STALL: Duration = Duration::from_secs(20);

/// An audit event has to come within this: there are requests all the time, but nothing can be asked of a server that may
/// open nothing.
const FIRST_EVENT: Duration = Duration::from_secs(10);

/// Longer lines are none of ours.
const MAX_LINE: usize = 64 * 1024;

/// Follows again and again until the world ends. Every third stalls.
pub async fn run(world: Arc<World>, index: u64) {
    let mut rng = world.rng(NUMBER + index);
    while world.goes_on() {
        let protocol = if rng.bool() { Protocol::Http1 } else { Protocol::Http2 };
        let path = if rng.bool() { "/v1/log/audit" } else { "/v1/log/error" };
        let stalls = index.is_multiple_of(3);
        // Errors are too rare for anybody to be too slow for them.
        let path = if stalls { "/v1/log/audit" } else { path };
        if let Err(error) = follow(&world, &mut rng, path, protocol, stalls).await {
            world.tally.surprise(format_args!("cannot follow {path}: {error}"));
        }
        world.pause(Duration::from_millis(rng.u64(..500))).await;
    }
}

async fn follow(
    world: &World,
    rng: &mut Rng,
    path: &'static str,
    protocol: Protocol,
    stalls: bool,
) -> Result<(), Failure> {
    let mut client = Client::new(&world.site, world.server.address, Some(&world.site.identities.admin), protocol)?;
    if stalls {
        client = client.receiving_little();
    }
    let (mut connection, _) = client.connect().await?;
    let begun = timeout(crate::client::PATIENCE, connection.begin(Method::GET, path, Bytes::new()));
    let (head, mut body) = begun.await.map_err(|_| "no headers in time")??.into_parts();
    world.tally.answered(path, head.status.as_u16());
    if head.status != 200 || head.headers.get("content-type").is_none_or(|kind| kind != "application/x-ndjson") {
        return Err(format!("{} {:?}", head.status, head.headers.get("content-type")).into());
    }
    if stalls {
        world.pause(STALL).await;
        world.tally.happened("followers that stalled");
        return Ok(());
    }
    let until = Instant::now() + STAY.mul_f64(rng.f64());
    let mut line = Vec::new();
    if path.ends_with("audit") {
        let first = timeout(FIRST_EVENT, body.frame()).await.map_err(|_| "no event in time")?;
        if !take(world, first, &mut line)? {
            return Ok(());
        }
    }
    while world.goes_on() {
        let Ok(frame) = timeout_at(until, body.frame()).await else { break };
        if !take(world, frame, &mut line)? {
            return Ok(());
        }
    }
    world.tally.happened("followers that left");
    Ok(())
}

type FrameOf = Option<Result<hyper::body::Frame<Bytes>, <Incoming as hyper::body::Body>::Error>>;

/// Looks at what has come: whole lines of JSON. Returns whether there may be more.
fn take(world: &World, frame: FrameOf, line: &mut Vec<u8>) -> Result<bool, Failure> {
    let Some(Ok(frame)) = frame else {
        // This program may itself be too slow, when the machine is busy.
        world.tally.happened("followers that were cut off");
        return Ok(false);
    };
    for byte in frame.into_data().unwrap_or_default() {
        if byte == b'\n' {
            let event: serde_json::Value = serde_json::from_slice(line)?;
            if !event["message"].is_string() && !event["response"]["code"].is_u64() {
                return Err(format!("no event: {event}").into());
            }
            line.clear();
        } else if line.len() < MAX_LINE {
            line.push(byte);
        } else {
            return Err("an event without end".into());
        }
    }
    Ok(true)
}
