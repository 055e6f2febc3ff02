//! Two servers on one engine, which know nothing of one another, and many clients that create the same key.

use futures_util::future::join_all;
use http::Method;
use serde_json::json;

use crate::engine::{Cache, Engine};
use crate::server::Server;
use crate::support::Connection;

/// Creates at once, half of them at each server.
const CLIENTS: usize = 32;

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

    async fn send_all(&mut self, path: &str, body: &str) -> Vec<String> {
        let send = |connection| async move {
            Connection::send(connection, Method::PUT, path, body).await.expect("an answer").line()
        };
        join_all(self.connections.iter_mut().map(send)).await
    }

    /// Has everybody create a key; the answers that say that it worked, and those that say that it was there.
    async fn create(&mut self, key: &str) -> (usize, usize, Vec<String>) {
        let answers = self.send_all(&format!("/v1/key/create/{key}"), "").await;
        let count = |line: &str| answers.iter().filter(|answer| *answer == line).count();
        (count(CREATED), count(TAKEN), answers)
    }

    /// That what each server seals both can open.
    async fn assert_one_key(&mut self, key: &str) {
        for sealer in 0..2 {
            let (path, body) = (format!("/v1/key/encrypt/{key}"), r#"{"plaintext":"AAAA"}"#);
            let sealed = self.connections[sealer].send(Method::PUT, &path, body).await.expect("an answer");
            let body = format!(r#"{{"ciphertext":"{}"}}"#, sealed.member("ciphertext"));
            for answer in self.send_all(&format!("/v1/key/decrypt/{key}"), &body).await {
                assert_eq!(answer, r#"200 {"plaintext":"AAAA"}"#, "{key}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_creates_of_one_name_exactly_one_succeeds_with_kv_2() {
    let Some(engine) = Engine::shared(2).await else { return };
    let mut race = Race::new(&engine).await;
    for round in 0..40 {
        let key = format!("contested-{round}");
        let (created, taken, answers) = race.create(&key).await;
        assert_eq!((created, taken), (1, CLIENTS - 1), "{key}: {answers:?}");
        race.assert_one_key(&key).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_creates_of_one_name_no_two_succeed_with_kv_1() {
    let Some(engine) = Engine::shared(1).await else { return };
    let mut race = Race::new(&engine).await;
    for round in 0..20 {
        let key = format!("contested-{round}");
        let (created, taken, answers) = race.create(&key).await;
        assert!(created <= 1 && created + taken == CLIENTS, "{key}: {answers:?}");
        race.assert_one_key(&key).await;
    }
}
