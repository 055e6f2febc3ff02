//! Many reloads under load: no client notices, and nothing is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use kes_keystores::MemoryStore;
use kes_keystores::fault::FaultyStore;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::support::{Build, TestServer, beside};

const RELOADS: usize = 1_000;
const CLIENTS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_notices_a_thousand_reloads() {
    let shared = Arc::new(MemoryStore::new());
    let mut server = TestServer::with(Build::default().store(FaultyStore::new(shared.clone()))).await;
    server.admin().create("my-key").await;
    let (ended, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut clients = Vec::new();
    for client in server.admin().over_both().into_iter().cycle().take(CLIENTS) {
        let (ended, answered) = (Arc::clone(&ended), Arc::clone(&answered));
        let mut connection = client.connect().await.expect("a connection");
        clients.push(beside(async move {
            while !ended.load(Ordering::Relaxed) {
                let answer = connection.send(Method::PUT, "/v1/key/generate/my-key", "").await.expect("an answer");
                assert_eq!(answer.status, 200, "{}", answer.body);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let tasks = Handle::current().metrics().num_alive_tasks();
    let mut stores = Vec::new();
    for round in 0..RELOADS {
        let mut build = Build::default();
        // Every other reload brings another store over the same keys.
        if round % 2 == 0 {
            let store = FaultyStore::new(shared.clone());
            stores.push(Arc::clone(&store));
            build = build.store(store);
        }
        server.reload(build).await.expect("reloaded");
    }
    let present = stores.pop().expect("a store");
    for store in stores {
        timeout(PATIENCE, store.until_closed()).await.expect("it is closed");
    }
    assert!(!present.is_closed());
    // What ends on its own, such as a fetch, may take its turn first.
    let calm = async {
        while Handle::current().metrics().num_alive_tasks() > tasks + CLIENTS {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, calm).await.expect("no task is left of a reload");
    ended.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("every request was answered well");
    }
    assert!(answered.load(Ordering::Relaxed) > RELOADS, "there was a load");
    assert_eq!(server.admin().get("/v1/ready").await.line(), "200", "with the last certificate");
}
