//! Connections that do nothing, at the limits that a server has by default.

use std::time::Duration;

use crate::support::frames::Frames;
use crate::support::{Exposition, Frozen, Raw, TestServer, get};

/// `limits.idle_timeout`, and `limits.header_timeout`, which a client over HTTP/2 gets to say goodbye.
const IDLE: Duration = Duration::from_secs(90);
const HEADER: Duration = Duration::from_secs(5);
const MOMENT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn connections_are_let_go_when_they_were_idle_for_as_long_as_they_may_and_metrics_tell() {
    const OF_EACH: usize = 20;
    let time = Frozen::begin();
    let server = TestServer::start().await;
    let (mut over_http1, mut over_http2) = (Vec::new(), Vec::new());
    for _ in 0..OF_EACH {
        let mut raw = Raw::open(&server.admin()).await;
        assert_eq!(raw.exchange(get("/version")).await.status, 200);
        over_http1.push(raw);
        over_http2.push(Frames::open(&server.admin()).await);
    }
    // The connection of the question is one more.
    let open = async || Exposition::extended(&server).await.value("kes_connections_open") as usize - 1;
    time.pass(IDLE - MOMENT).await;
    assert_eq!(time.at_once(open()).await, 2 * OF_EACH, "they have a moment left");
    time.pass(2 * MOMENT).await;
    for raw in over_http1 {
        assert_eq!(time.at_once(raw.rest()).await, "");
    }
    assert_eq!(time.at_once(open()).await, OF_EACH, "those over HTTP/2 were told, and may agree");
    time.pass(HEADER).await;
    assert_eq!(time.at_once(open()).await, 0);
}
