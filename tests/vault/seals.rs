//! OpenBao is sealed and unsealed while clients go on.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::engine::{Cache, Engine};
use crate::openbao::OpenBao;
use crate::support::beside;
use crate::traffic::{assert_opens, generate, line, until_given, until_known};

/// In which time a key that is not cached can be used again: the store is asked every second how it is.
const RECOVERY: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_uses_a_cached_key_notices_a_seal() {
    let Some(bao) = OpenBao::start_node() else { return };
    let bao = Arc::new(bao);
    let engine = Engine::new(&bao, 2).await;
    let login = engine.app_role(json!({})).await;
    // It asks for its key again and again, before, while and after.
    let server = engine.server(&login, Cache::Brief);
    let client = server.admin();
    let other = engine.server(&login, Cache::None);
    let author = other.admin();
    client.create("my-key").await;
    let before = generate(&client, "my-key").await;

    for uncached in ["uncached-once", "uncached-twice"] {
        // A server that has made a key has it in its cache.
        author.create(uncached).await;
        server
            .unnoticed(async {
                engine.admin.done(Method::PUT, "sys/seal", Value::Null).await;
                until_known(&server, false).await;
                // It waits for the store, in vain.
                let refused = line(&client, Method::PUT, &format!("/v1/key/generate/{uncached}"), "").await;
                assert_eq!(refused, r#"502 {"message":"failed to read key"¶}"#);
                // This one waits, and not in vain.
                let waiting = client.clone();
                let waiting = beside(async move { until_given(&waiting, uncached).await });
                bao.unseal();
                assert!(until_given(&client, uncached).await < RECOVERY);
                waiting.await.expect("an answer");
                until_known(&server, true).await;
                until_known(&other, true).await;
            })
            .await;
    }
    assert_opens(&client, "my-key", &before).await;
    client.create("after").await;
}
