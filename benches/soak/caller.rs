//! Somebody who asks the server for things and holds each answer against what is to be expected.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use fastrand::Rng;
use http::Method;
use kes_core::ApiKey;

use crate::Failure;
use crate::client::{Answer, Client, Connection, Protocol};
use crate::world::World;

/// A connection is given up after one in so many requests.
const RECONNECT: u32 = 60;

/// What a store that fails makes of a request that needs it.
const STORE_FAILURE: &[u16] = &[502];

/// A client with a connection that comes and goes.
pub struct Caller {
    /// What happens around it.
    pub world: Arc<World>,
    /// Decides what it does.
    pub rng: Rng,
    client: Client,
    connection: Option<Connection>,
    steady: bool,
}

impl Caller {
    /// Number `number` of all callers, which decides its protocol and what it does.
    pub fn new(world: &Arc<World>, number: u64, key: &ApiKey) -> Result<Self, Failure> {
        let protocol = if number.is_multiple_of(2) { Protocol::Http1 } else { Protocol::Http2 };
        let client = Client::new(&world.site, world.server.address, Some(key), protocol)?;
        Ok(Self { world: Arc::clone(world), rng: world.rng(number), client, connection: None, steady: false })
    }

    /// The same, whose connection lasts.
    pub fn steady(self) -> Self {
        Self { steady: true, ..self }
    }

    /// How it connects.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Asks, and returns the answer if its status is among `expected`. Otherwise it is a surprise, unless the key store was
    /// failing and this is what a client is told then: nothing is known of what came of the request.
    pub async fn call(
        &mut self,
        method: Method,
        route: &'static str,
        argument: &str,
        body: impl Into<Bytes>,
        expected: &[u16],
    ) -> Option<Answer> {
        self.call_or(method, route, argument, body, expected, STORE_FAILURE).await
    }

    /// The same where a failing store has other answers.
    pub async fn call_or(
        &mut self,
        method: Method,
        route: &'static str,
        argument: &str,
        body: impl Into<Bytes>,
        expected: &[u16],
        failing: &[u16],
    ) -> Option<Answer> {
        let asked = self.call_or_break(method.clone(), route, argument, body, expected, failing).await;
        asked.unwrap_or_else(|error| {
            self.world.tally.surprise(format_args!("{method} {route}{argument}: {}", causes(&*error)));
            None
        })
    }

    /// The same where the server may close the connection before it has answered: the caller looks at the error.
    pub async fn call_or_break(
        &mut self,
        method: Method,
        route: &'static str,
        argument: &str,
        body: impl Into<Bytes>,
        expected: &[u16],
        failing: &[u16],
    ) -> Result<Option<Answer>, Failure> {
        let path = format!("{route}{argument}");
        let begin = Instant::now();
        let answer = match self.ask(method.clone(), &path, body.into()).await {
            Ok(answer) => answer,
            Err(error) => {
                self.connection = None;
                return Err(error);
            }
        };
        self.world.tally.answered(route, answer.status);
        if answer.closes || !self.steady && self.rng.u32(..RECONNECT) == 0 {
            self.connection = None;
        }
        if expected.contains(&answer.status) {
            return Ok(Some(answer));
        }
        if self.world.weather.was_fair(begin) || !failing.contains(&answer.status) {
            let Answer { status, body, .. } = answer;
            let fair = if self.world.weather.was_fair(begin) { "fair" } else { "foul" };
            let (body, time) = (String::from_utf8_lossy(&body), begin.elapsed().as_millis());
            let surprise = format_args!(
                "{method} {path}: {status} {body} after {time} ms in {fair} weather; expected {expected:?}"
            );
            self.world.tally.surprise(surprise);
        }
        Ok(None)
    }

    /// Asks for something that is not expected to depend on the store.
    pub async fn get(&mut self, route: &'static str, expected: &[u16]) -> Option<Answer> {
        self.call_or(Method::GET, route, "", Bytes::new(), expected, &[]).await
    }

    /// Notes what should not be.
    pub fn surprise(&self, text: impl std::fmt::Display) {
        self.world.tally.surprise(text);
    }

    /// Drops the connection, so that the next request has a new one.
    pub fn hang_up(&mut self) {
        self.connection = None;
    }

    async fn ask(&mut self, method: Method, path: &str, body: Bytes) -> Result<Answer, Failure> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let (connection, resumed) = self.client.connect().await?;
                self.world.tally.happened(if resumed { "connections resumed" } else { "connections made" });
                none.insert(connection)
            }
        };
        connection.send(method, path, body).await
    }
}

/// An error with its causes.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
