//! Each route of the table beside each way in which a key store can fail, behind the guard and with its defaults. Time
//! passes only as the tests say: what is answered "at once" needs none of it.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use kes::server::{ROUTES, Route};
use kes_config::keystore::StoreCalls;
use kes_keystores::fault::{Fault, FaultyStore, Operation};
use kes_keystores::{Guard, Health, KeyStore};

use crate::support::{Build, Client, Connection, Follow, Frozen, TestServer, beside, error};

/// The longest that the guard works on a call, and a moment before and after it.
const DEADLINE: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(100);

/// What supervisors give readiness checks.
const PROBE_TIME: Duration = Duration::from_secs(1);

/// What a route needs of the key store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    /// Whether it is there; known without asking.
    Health,
    /// An operation, whose failure has this text.
    Call(Operation, &'static str),
    /// Nothing, and the answer has no end.
    Stream,
}

fn need(route: &Route) -> Need {
    match route.path {
        "/v1/key/create/" | "/v1/key/import/" => Need::Call(Operation::Create, "failed to create key"),
        "/v1/key/list/" => Need::Call(Operation::List, "failed to list keys"),
        "/v1/key/delete/" => Need::Call(Operation::Delete, "failed to delete key"),
        path if path.starts_with("/v1/key/") => Need::Call(Operation::Get, "failed to read key"),
        path if path.starts_with("/v1/log/") => Need::Stream,
        "/v1/ready" | "/v1/status" => Need::Health,
        _ => Need::Nothing,
    }
}

/// A request for each route, and what the route needs.
fn requests() -> impl Iterator<Item = (Request, Need)> {
    ROUTES.iter().map(|route| (Request::of(route), need(route)))
}

/// The requests that an operation of the store is for.
fn calls() -> impl Iterator<Item = (Request, Operation, &'static str)> {
    requests().filter_map(|(request, need)| match need {
        Need::Call(operation, text) => Some((request, operation, text)),
        _ => None,
    })
}

#[derive(Clone, Debug)]
struct Request {
    method: Method,
    path: String,
    body: &'static str,
}

impl Request {
    fn of(route: &Route) -> Self {
        let argument = match route.path {
            "/v1/policy/describe/" | "/v1/policy/read/" => "my-app",
            "/v1/identity/describe/" => crate::support::USER,
            path if path.ends_with('/') => "x",
            _ => "",
        };
        let body = match route.path {
            "/v1/key/import/" => r#"{"key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","cipher":"AES256"}"#,
            _ if route.max_body > 0 => "{}",
            _ => "",
        };
        Self { method: route.method.clone(), path: format!("{}{argument}", route.path), body }
    }

    async fn line(&self, connection: &mut Connection) -> String {
        connection.send(self.method.clone(), &self.path, self.body).await.expect("an answer").line()
    }

    /// The answer over a store that works and is empty.
    fn line_when_well(&self) -> String {
        match self.path.as_str() {
            "/v1/key/create/x" | "/v1/key/import/x" => "200".to_owned(),
            "/v1/key/list/x" => r#"200 {"names":[]}"#.to_owned(),
            _ => error(404, "key does not exist"),
        }
    }
}

/// A server over a store behind a guard, which found it well.
struct Guarded {
    store: Arc<FaultyStore>,
    guard: Arc<Guard>,
    server: TestServer,
}

impl Guarded {
    async fn start() -> Self {
        let store = FaultyStore::healthy();
        let guard = Arc::new(Guard::new(store.clone(), StoreCalls::default()));
        let server = TestServer::with(Build::default().store(guard.clone())).await;
        assert_eq!(server.admin().get("/v1/ready").await.line(), "200");
        Self { store, guard, server }
    }

    fn clients(&self) -> [Client; 2] {
        self.server.admin().over_both()
    }

    async fn until_down(&self) {
        let mut health = self.guard.health().expect("a guard knows");
        health.wait_for(Health::is_down).await.expect("the guard lives");
    }
}

/// A connection, and one for others: over HTTP/2 the same one.
async fn two(client: &Client) -> (Connection, Connection) {
    let first = client.connect().await.expect("a connection");
    let second = match &first {
        Connection::Http2(sender) => Connection::Http2(sender.clone()),
        Connection::Http1(_) => client.connect().await.expect("a connection"),
    };
    (first, second)
}

/// 20 seconds are longer than any deadline.
#[tokio::test]
async fn a_store_that_hangs_or_takes_20_seconds_is_502_at_the_deadline_and_nobody_else_waits() {
    let time = Frozen::begin();
    for fault in [Fault::Hang, Fault::Delay(Duration::from_secs(20))] {
        for (request, operation, text) in calls() {
            for protocol in [0, 1] {
                let guarded = Guarded::start().await;
                let (client, store) = (&guarded.clients()[protocol], &guarded.store);
                let case = format!("{fault:?} {:?} {}", client.protocol, request.path);
                client.create("cached").await;
                assert_eq!(client.put("/v1/key/generate/cached", "").await.status, 200);
                let (mut connection, mut others) = two(client).await;
                store.always_everywhere(&fault);
                let begun = store.calls(operation);
                let slow = request.clone();
                let waiting = beside(async move { (slow.line(&mut connection).await, connection) });
                time.at_once(store.until_called(operation, begun + 1)).await;
                for path in ["/v1/key/generate/cached", "/v1/key/encrypt/cached", "/v1/key/hmac/cached"] {
                    let answer = time.at_once(others.send(Method::PUT, path, "{}")).await.expect("an answer");
                    assert_eq!(answer.status, 200, "{case}: {path}");
                }
                time.pass(DEADLINE - MOMENT).await;
                assert!(!waiting.is_finished(), "{case}: there is time left");
                time.pass(2 * MOMENT).await;
                let (line, mut connection) = time.at_once(waiting).await.expect("no panic");
                assert_eq!(line, error(502, text), "{case}");
                let next = time.at_once(connection.send(Method::GET, "/version", "")).await.expect("an answer");
                assert_eq!(next.status, 200, "{case}: the connection goes on");
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_is_out_of_reach_or_busy_is_502_by_the_deadline() {
    let time = Frozen::begin();
    for fault in [Fault::Unavailable, Fault::Busy(Duration::from_secs(1)), Fault::Busy(Duration::from_secs(60))] {
        for (request, _, text) in calls() {
            let guarded = Guarded::start().await;
            guarded.store.always_everywhere(&fault);
            let [over_http1, over_http2] = guarded.clients();
            let ask = async |client: Client| request.line(&mut client.connect().await.expect("a connection")).await;
            let both = async { tokio::join!(ask(over_http1), ask(over_http2)) };
            let lines = time.within(DEADLINE + MOMENT, both).await;
            assert_eq!(lines, (error(502, text), error(502, text)), "{fault:?} {}", request.path);
        }
    }
}

/// Trying again would not help: the store was reached, and this is what it says.
#[tokio::test]
async fn a_store_that_refuses_or_finds_garbage_is_502_at_once_and_the_connection_goes_on() {
    let time = Frozen::begin();
    for fault in [Fault::Denied, Fault::Corrupt, Fault::Garbage(b"no key".to_vec()), Fault::Garbage(Vec::new())] {
        let guarded = Guarded::start().await;
        for client in guarded.clients() {
            let mut connection = client.connect().await.expect("a connection");
            for (request, operation, text) in calls() {
                guarded.store.always_everywhere(&fault);
                let is_garbage = matches!(fault, Fault::Garbage(_));
                // What reads no entry finds no garbage.
                let expected = match operation {
                    Operation::Get => error(502, text),
                    _ if is_garbage => request.line_when_well(),
                    _ => error(502, text),
                };
                let line = time.at_once(request.line(&mut connection)).await;
                assert_eq!(line, expected, "{fault:?} {}", request.path);
                guarded.store.heal();
                if is_garbage {
                    time.at_once(client.delete("/v1/key/delete/x")).await;
                }
            }
        }
    }
}

/// A store that comes and goes: a call that fails once is made again, and one that finds the store down waits for it.
#[tokio::test]
async fn nobody_notices_a_store_that_flaps() {
    const SOON: Duration = Duration::from_secs(3);
    let time = Frozen::begin();
    for (request, operation, _) in calls() {
        let guarded = Guarded::start().await;
        for client in guarded.clients() {
            let mut connection = client.connect().await.expect("a connection");
            guarded.store.once(operation, Fault::Unavailable);
            let line = time.within(SOON, request.line(&mut connection)).await;
            // A delete whose answer was lost may well have been done.
            let expected = if operation == Operation::Delete { "200".to_owned() } else { request.line_when_well() };
            assert_eq!(line, expected, "{}: a call that failed", request.path);
            time.at_once(client.delete("/v1/key/delete/x")).await;

            guarded.store.always_everywhere(&Fault::Unavailable);
            time.within(2 * DEADLINE, guarded.until_down()).await;
            let begun = guarded.store.calls(operation);
            let late = request.clone();
            let waiting = beside(async move { late.line(&mut connection).await });
            time.pass(SOON).await;
            assert!(!waiting.is_finished(), "{}: it waits for the store", request.path);
            assert_eq!(guarded.store.calls(operation), begun, "{}: a store that is down is left alone", request.path);
            guarded.store.heal();
            let line = time.within(SOON, waiting).await.expect("no panic");
            assert_eq!(line, request.line_when_well(), "{}: a store that was down", request.path);
            time.at_once(client.delete("/v1/key/delete/x")).await;
        }
    }
}

#[tokio::test]
async fn what_needs_no_store_is_answered_at_once_whatever_it_does() {
    let time = Frozen::begin();
    let slow = Duration::from_secs(20);
    let mut faults = vec![Fault::Hang, Fault::Delay(slow), Fault::Unavailable, Fault::Busy(slow), Fault::Denied];
    faults.extend([Fault::Corrupt, Fault::Garbage(b"no key".to_vec()), Fault::Panic]);
    for fault in faults {
        let guarded = Guarded::start().await;
        guarded.store.always_everywhere(&fault);
        for client in guarded.clients() {
            for (request, need) in requests() {
                if need == Need::Health {
                    // What the guard knows of the store has become too old, so that it has to ask.
                    time.pass(DEADLINE).await;
                }
                let mut connection = client.connect().await.expect("a connection");
                match need {
                    Need::Call(..) => {}
                    Need::Stream => drop(time.at_once(Follow::open(&client, &request.path)).await),
                    Need::Nothing => {
                        let line = time.at_once(request.line(&mut connection)).await;
                        assert!(line.starts_with("200"), "{fault:?} {}: {line}", request.path);
                    }
                    Need::Health => {
                        let line = time.within(PROBE_TIME, request.line(&mut connection)).await;
                        let is_ready = request.path == "/v1/ready";
                        let is_well = matches!(fault, Fault::Garbage(_));
                        assert_eq!(line.starts_with("200"), is_well || !is_ready, "{fault:?} {}: {line}", request.path);
                        let says_down = line.contains("\"keystore_unreachable\":true");
                        assert_eq!(says_down, !is_well && !is_ready, "{fault:?} {}: {line}", request.path);
                    }
                }
            }
        }
    }
}
