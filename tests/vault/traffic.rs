//! Requests of clients who take a failure for a failure.

use std::time::{Duration, Instant};

use http::Method;

use crate::server::{PATIENCE, Server};
use crate::support::Client;

/// A request of the administrator; what it says on one line.
pub async fn line(client: &Client, method: Method, path: &str, body: &str) -> String {
    client.send(method, path, body).await.line()
}

/// A data key, which has to be given; the ciphertext that stands for it.
pub async fn generate(client: &Client, key: &str) -> String {
    let answer = client.put(&format!("/v1/key/generate/{key}"), "").await;
    assert_eq!(answer.status, 200, "{key}: {}", answer.body);
    answer.member("ciphertext")
}

/// Whether the key opens the ciphertext.
pub async fn assert_opens(client: &Client, key: &str, ciphertext: &str) {
    let answer = client.put(&format!("/v1/key/decrypt/{key}"), &format!(r#"{{"ciphertext":"{ciphertext}"}}"#)).await;
    assert_eq!(answer.status, 200, "{key}: {}", answer.body);
}

/// How long it takes until a data key is given, if it is asked for again and again.
pub async fn until_given(client: &Client, key: &str) -> Duration {
    let begin = Instant::now();
    while client.put(&format!("/v1/key/generate/{key}"), "").await.status != 200 {
        assert!(begin.elapsed() < PATIENCE, "no data key of {key}");
    }
    begin.elapsed()
}

/// Waits until the server knows whether its store can be reached.
pub async fn until_known(server: &Server, reachable: bool) {
    let (client, begin) = (server.admin(), Instant::now());
    while client.get("/v1/status").await.body.contains("keystore_unreachable") == reachable {
        assert!(begin.elapsed() < PATIENCE, "the server never knows whether its store can be reached: {reachable}");
    }
}
