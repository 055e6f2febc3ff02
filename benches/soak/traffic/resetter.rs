//! Connections that break off at every stage of their life.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use rustix::net::sockopt::set_socket_linger;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::Failure;
use crate::client::{Client, Protocol};
use crate::world::World;

/// Decides what it does, in place of a caller's number.
const NUMBER: u64 = 1000;

/// Longest pause between two connections.
const PAUSE: Duration = Duration::from_millis(60);

/// Requests that are begun and given up on one HTTP/2 connection.
const STREAMS: usize = 10;

/// Connects and breaks off until the world ends.
pub async fn run(world: Arc<World>) {
    let key = &world.site.identities.admin;
    let client = |protocol| Client::new(&world.site, world.server.address, Some(key), protocol);
    let (Ok(http1), Ok(http2)) = (client(Protocol::Http1), client(Protocol::Http2)) else {
        return world.tally.surprise("no client could be made");
    };
    let mut rng = world.rng(NUMBER);
    while world.goes_on() {
        let broken = match rng.u32(..7) {
            0 => after_connecting(&http1, b"").await,
            // The beginning of a TLS record.
            1 => after_connecting(&http1, &[0x16, 0x03, 0x01, 0x02, 0x00]).await,
            2 => after_sending(&http1, "").await,
            3 => after_sending(&http1, "PUT /v1/key/generate/hot HTTP/1.1\r\nHo").await,
            4 => {
                let begun =
                    "PUT /v1/key/encrypt/hot HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{\"plain";
                after_sending(&http1, begun).await
            }
            5 => {
                let whole = "PUT /v1/key/generate/hot HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
                after_sending(&http1, whole).await
            }
            _ => streams(&http2).await,
        };
        match broken {
            Ok(()) => world.tally.happened("connections broken off"),
            Err(error) => world.tally.surprise(format_args!("could not connect: {error}")),
        }
        world.pause(PAUSE.mul_f64(rng.f64())).await;
    }
}

/// Closes so that the other end sees a reset.
fn reset(stream: &TcpStream) -> Result<(), Failure> {
    Ok(set_socket_linger(stream, Some(Duration::ZERO))?)
}

async fn after_connecting(client: &Client, sent: &[u8]) -> Result<(), Failure> {
    let mut stream = client.tcp().await?;
    stream.write_all(sent).await?;
    reset(&stream)
}

async fn after_sending(client: &Client, sent: &str) -> Result<(), Failure> {
    let mut stream = client.tls().await?;
    stream.write_all(sent.as_bytes()).await?;
    stream.flush().await?;
    reset(stream.get_ref().0)
}

/// Gives requests up one by one, and the connection with the last of them.
async fn streams(client: &Client) -> Result<(), Failure> {
    let (mut connection, _) = client.connect().await?;
    for _ in 0..STREAMS {
        let request = connection.begin(Method::PUT, "/v1/key/generate/hot", Bytes::new());
        // Whether there was an answer by then makes no difference.
        let _ = tokio::time::timeout(Duration::from_millis(1), request).await;
    }
    Ok(())
}
