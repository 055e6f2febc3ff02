//! Two servers on one engine, which know nothing of one another, and many clients that create the same key.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Method;
use serde_json::json;

use crate::engine::{Cache, Engine};
use crate::server::Server;
use crate::support::Connection;

/// Creates at once, half of them at each server.
const CLIENTS: usize = 32;

const ROUNDS: usize = 40;

/// With version 1 two can succeed if a server is held up between looking and writing for longer than others wait before
/// they look again, which is 100 ms at least. It waits itself then, for twice as long: what took less time cannot be that.
const HELD_UP: Duration = Duration::from_millis(300);

const CREATED: &str = "200";
const TAKEN: &str = r#"400 {"message":"key already exists"¶}"#;

struct Race {
    connections: Vec<Connection>,
    _servers: [Server; 2],
}

impl Race {
    async fn new(engine: &Engine) -> Self {
        let login = engine.app_role(json!({})).await;
        let servers = [engine.server(&login, Cache::Long), engine.server(&login, Cache::Long)];
        let connect = |number: usize| {
            let client = servers[number % 2].admin();
            async move { client.connect().await.expect("a connection") }
        };
        Self { connections: join_all((0..CLIENTS).map(connect)).await, _servers: servers }
    }

    async fn send_all(&mut self, path: &str, body: &str) -> Vec<(String, Duration)> {
        let send = |connection| async move {
            let begin = Instant::now();
            let answer = Connection::send(connection, Method::PUT, path, body).await.expect("an answer");
            (answer.line(), begin.elapsed())
        };
        join_all(self.connections.iter_mut().map(send)).await
    }

    /// Has everybody create a key: how long it took those who are told that it worked. All others are told that it is
    /// there.
    async fn create(&mut self, key: &str) -> Vec<Duration> {
        let answers = self.send_all(&format!("/v1/key/create/{key}"), "").await;
        let (created, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(line, _)| line == CREATED);
        assert!(others.iter().all(|(line, _)| line == TAKEN), "{key}: {others:?}");
        created.into_iter().map(|(_, time)| time).collect()
    }

    /// That what each server seals both can open.
    async fn assert_one_key(&mut self, key: &str) {
        for sealer in 0..2 {
            let (path, body) = (format!("/v1/key/encrypt/{key}"), r#"{"plaintext":"AAAA"}"#);
            let sealed = self.connections[sealer].send(Method::PUT, &path, body).await.expect("an answer");
            let body = format!(r#"{{"ciphertext":"{}"}}"#, sealed.member("ciphertext"));
            for (answer, _) in self.send_all(&format!("/v1/key/decrypt/{key}"), &body).await {
                assert_eq!(answer, r#"200 {"plaintext":"AAAA"}"#, "{key}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_creates_of_one_name_exactly_one_succeeds_with_kv_2() {
    let Some(engine) = Engine::shared(2).await else { return };
    let mut race = Race::new(&engine).await;
    for round in 0..ROUNDS {
        let key = format!("contested-{round}");
        assert_eq!(race.create(&key).await.len(), 1, "{key}");
        race.assert_one_key(&key).await;
    }
}

async fn assert_no_two_succeed_with_kv_1(engine: &Engine) {
    let mut race = Race::new(engine).await;
    for round in 0..ROUNDS {
        let key = format!("contested-{round}");
        let times = race.create(&key).await;
        if times.len() <= 1 {
            race.assert_one_key(&key).await;
        } else {
            assert!(times.iter().any(|time| *time > HELD_UP), "{key}: nobody was held up: {times:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_creates_of_one_name_no_two_succeed_with_kv_1() {
    let Some(engine) = Engine::shared(1).await else { return };
    assert_no_two_succeed_with_kv_1(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_creates_of_one_name_no_two_succeed_with_kv_1_although_the_policy_allows_to_overwrite() {
    let Some(engine) = Engine::shared(1).await else { return };
    engine.allow_to_overwrite().await;
    assert_no_two_succeed_with_kv_1(&engine).await;
}
