//! What the operator reads in the log of an outage, however many requests fail: each cause once, and once that it is over.

use std::sync::Arc;

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use crate::engine::{Cache, Engine};
use crate::openbao::OpenBao;
use crate::server::Server;
use crate::support::Client;
use crate::traffic::{line, until_given, until_known};

/// Requests that fail at once.
const REQUESTS: usize = 50;

const IT_BEGINS: &str = "; calls wait until it is back";
const IT_IS_OVER: &str = "key store answers again after ";

/// Uses these keys in vain.
async fn fail(client: &Client, key: impl Fn(usize) -> String) {
    let requests = (0..REQUESTS).map(|number| {
        let path = format!("/v1/key/generate/{}", key(number));
        async move { line(client, Method::PUT, &path, "").await }
    });
    for answer in join_all(requests).await {
        assert_eq!(answer, r#"502 {"message":"failed to read key"¶}"#);
    }
}

/// What was logged behind the first `bytes` bytes, when an outage is over: messages, without their numbers, which may be
/// those of a moment.
fn told(server: &Server, bytes: usize) -> Vec<String> {
    let log = &server.program.stderr;
    log.wait_for_behind(bytes, IT_IS_OVER);
    let message = |line: &str| -> String {
        let (_, rest) = line.split_once("msg=").expect("a message");
        let (message, _) = rest.split_once(" req.").unwrap_or((rest, ""));
        message.chars().filter(|c| !c.is_ascii_digit()).collect()
    };
    log.text()[bytes..].lines().map(message).collect()
}

fn assert_told_once(told: &[String], texts: &[&str]) {
    for text in texts {
        assert_eq!(told.iter().filter(|message| message.contains(text)).count(), 1, "{text}: {told:#?}");
    }
    for message in told {
        assert_eq!(told.iter().filter(|other| *other == message).count(), 1, "{message}: {told:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cause_of_an_outage_is_told_once_and_so_is_its_end() {
    let Some(bao) = OpenBao::start_node() else { return };
    let bao = Arc::new(bao);
    let engine = Engine::new(&bao, 2).await;
    let login = format!("{}\n  outage_wait: 0s\nlog: {{repeat_interval: 1h}}", engine.app_role(json!({})).await);
    let server = engine.server(&login, Cache::None);
    let client = server.admin();
    client.create("my-key").await;

    // What numbers do not tell apart letters might.
    let any_key = |number| "a".repeat(number + 1);
    let begin = server.program.stderr.text().len();
    engine.admin.done(Method::PUT, "sys/seal", Value::Null).await;
    fail(&client, any_key).await;
    until_known(&server, false).await;
    fail(&client, any_key).await;
    bao.unseal();
    until_given(&client, "my-key").await;
    let sealed = told(&server, begin);
    let states = ["vault is sealed; hint: ", IT_BEGINS, "vault is unsealed again", IT_IS_OVER];
    assert_told_once(&sealed, &states);
    // Requests that met it, and requests that came later.
    assert!(sealed.len() <= states.len() + 2, "{sealed:#?}");

    let begin = server.program.stderr.text().len();
    bao.kill();
    fail(&client, any_key).await;
    until_known(&server, false).await;
    fail(&client, any_key).await;
    bao.start_again();
    bao.unseal();
    until_given(&client, "my-key").await;
    let gone = told(&server, begin);
    assert_told_once(&gone, &[IT_BEGINS, IT_IS_OVER]);
    // A connection can end in a few ways, whatever the requests were.
    assert!(gone.len() <= REQUESTS / 5, "{gone:#?}");
    assert!(gone.iter().any(|message| message.contains("Connection refused")), "{gone:#?}");
}
