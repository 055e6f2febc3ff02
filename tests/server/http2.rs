//! HTTP/2: many requests on one connection, and what becomes of those that the client gives up.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::{Method, Request, Response};
use kes_keystores::fault::{Fault, FaultyStore, Operation};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::frames::{self, Frames};
use crate::support::{Build, Client, TestServer};

/// How long a wait may take before a test fails. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection of this kind, and how it ends.
pub async fn open(client: &Client, builder: &Builder) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = client.clone().http2().tls().await.expect("a connection");
    let (requests, connection) = builder.handshake(stream).await.expect("HTTP/2");
    (requests, tokio::spawn(connection))
}

/// The head of the answer to a request without a body.
pub async fn get(requests: &mut SendRequest<Bytes>, path: &str) -> Result<Response<h2::RecvStream>, h2::Error> {
    send(requests, Method::GET, path)?.await
}

/// The same for `PUT`.
pub async fn put(requests: &mut SendRequest<Bytes>, path: &str) -> Result<Response<h2::RecvStream>, h2::Error> {
    send(requests, Method::PUT, path)?.await
}

fn send(
    requests: &mut SendRequest<Bytes>,
    method: Method,
    path: &str,
) -> Result<h2::client::ResponseFuture, h2::Error> {
    let request = Request::builder().method(method).uri(format!("https://localhost{path}"));
    let request = request.body(()).expect("a request");
    requests.send_request(request, true).map(|(answer, _)| answer)
}

#[tokio::test]
async fn requests_of_one_connection_are_served_at_once_up_to_250() {
    const STREAMS: usize = 250;
    let store = FaultyStore::healthy();
    store.always(Operation::Create, Fault::Hang);
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let (mut requests, _ended) = open(&server.admin(), &Builder::new()).await;
    let mut answers = Vec::new();
    for index in 0..STREAMS {
        requests = requests.ready().await.expect("the connection lives");
        answers.push(send(&mut requests, Method::PUT, &format!("/v1/key/create/key-{index}")).expect("sent"));
    }
    timeout(PATIENCE, store.until_called(Operation::Create, STREAMS)).await.expect("all are served at once");
    assert_eq!((requests.current_max_send_streams(), store.running()), (STREAMS, STREAMS));
    store.heal();
    let late = tokio::spawn(send(&mut requests, Method::PUT, "/v1/key/create/one-more").expect("queued"));
    store.release();
    for answer in answers {
        assert_eq!(answer.await.expect("an answer").status(), 200);
    }
    assert_eq!(late.await.expect("no panic").expect("an answer").status(), 200);
}

/// A change in the store goes on to its end; what else is done for a request ends with it.
#[tokio::test]
async fn a_stream_that_the_client_resets_cancels_its_work_and_not_the_connection() {
    let store = FaultyStore::healthy();
    store.once(Operation::List, Fault::Hang);
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let (mut requests, _ended) = open(&server.admin(), &Builder::new()).await;
    let given_up = send(&mut requests, Method::GET, "/v1/key/list").expect("sent");
    store.until_called(Operation::List, 1).await;
    assert_eq!(store.running(), 1);
    // Dropping what would receive the answer resets the stream.
    drop(given_up);
    timeout(PATIENCE, store.until_idle()).await.expect("the work has ended");
    assert_eq!(get(&mut requests, "/v1/key/list").await.expect("an answer").status(), 200);
}

/// The "rapid reset" attack: streams that are opened and given up as fast as the client can.
#[tokio::test]
async fn streams_that_are_reset_at_once_cost_their_client_the_connection_at_most() {
    let server = TestServer::start().await;
    let (mut requests, ended) = open(&server.admin(), &Builder::new()).await;
    for _ in 0..5_000 {
        match requests.ready().await {
            Ok(ready) => requests = ready,
            Err(_) => break,
        }
        drop(send(&mut requests, Method::PUT, "/v1/key/create/my-key"));
        if ended.is_finished() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(server.admin().http2().get("/version").await.status, 200);
}

/// A frame is held until its end has come, so a large one that never ends would occupy as much for as long as a
/// connection may be idle.
#[tokio::test]
async fn a_frame_larger_than_any_client_needs_is_refused_with_its_head() {
    const FRAME_SIZE_ERROR: u32 = 6;
    let server = TestServer::start().await;
    let mut frames = Frames::open(&server.admin()).await;
    // The head of a frame with 16,385 bytes, of a kind that has to be ignored.
    frames.send([0, 0x40, 1, 0x77, 0, 0, 0, 0, 0]).await;
    assert_eq!(frames.goaway_code().await, FRAME_SIZE_ERROR);
}

/// A head can grow to 1 MiB before anybody is asked who it is from, so that it has its time over HTTP/2 as well; and a
/// request in flight, which has a time of its own, does not prolong it.
#[tokio::test]
async fn a_head_that_is_begun_has_to_end_in_time() {
    let store = FaultyStore::healthy();
    store.always(Operation::Create, Fault::Hang);
    // It must not pass before a client that means well has said what it has to say.
    let build = Build::default().store(store.clone()).connection(|limits| limits.header = Duration::from_secs(1));
    let server = TestServer::with(build).await;
    let mut frames = Frames::open(&server.admin()).await;
    frames.send(frames::put(1, "/v1/key/create/my-key", &[], true)).await;
    store.until_called(Operation::Create, 1).await;
    frames.hang_up_after_half_a_head(3).await;
}
