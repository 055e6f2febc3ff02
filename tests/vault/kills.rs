//! OpenBao is killed, and comes back with what it had on disk.

use std::sync::Arc;

use serde_json::json;

use crate::engine::{Cache, Engine};
use crate::openbao::OpenBao;
use crate::traffic::{assert_opens, generate, until_given, until_known};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_uses_a_cached_key_notices_a_kill() {
    let Some(bao) = OpenBao::start_node() else { return };
    let bao = Arc::new(bao);
    let engine = Engine::new(&bao, 2).await;
    let login = engine.app_role(json!({})).await;
    let server = engine.server(&login, Cache::Brief);
    let client = server.admin();
    client.create("my-key").await;
    // A server that has made a key has it in its cache.
    let other = engine.server(&login, Cache::None);
    let author = other.admin();
    author.create("uncached").await;
    let before = generate(&author, "uncached").await;

    server
        .unnoticed(async {
            bao.kill();
            until_known(&server, false).await;
            bao.start_again();
            // Sealed is not down, but as good as.
            assert!(client.get("/v1/status").await.body.contains("keystore_unreachable"));
            bao.unseal();
            until_given(&client, "uncached").await;
        })
        .await;
    assert_opens(&client, "uncached", &before).await;
    client.create("after").await;
}
