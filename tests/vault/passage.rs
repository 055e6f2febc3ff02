//! A way to OpenBao on which calls and connections are counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::engine::{Cache, Engine};
use crate::traffic::generate;

/// See the module's text.
struct Passage {
    url: String,
    counted: Arc<Counted>,
}

#[derive(Default)]
struct Counted {
    connections: AtomicUsize,
    reads: AtomicUsize,
}

impl Passage {
    async fn to(url: &str) -> Self {
        let target: SocketAddr = url.trim_start_matches("http://").parse().expect("an address");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let counted = Arc::new(Counted::default());
        let passage = Self { url, counted: Arc::clone(&counted) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(pass(client, target, Arc::clone(&counted)));
            }
        });
        passage
    }
}

/// Passes on both ways. A request of a client comes in one piece, or its first bytes do.
async fn pass(client: TcpStream, target: SocketAddr, counted: Arc<Counted>) {
    let server = TcpStream::connect(target).await.expect("OpenBao is there");
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
        let read = buffer[..count].starts_with(b"GET /v1/kv-");
        counted.reads.fetch_add(usize::from(read), Ordering::Relaxed);
        if to_server.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_is_fetched_once_and_connections_are_kept() {
    const KEYS: usize = 20;
    const CLIENTS_PER_KEY: usize = 8;
    let Some(engine) = Engine::shared(2).await else { return };
    let login = engine.app_role(json!({})).await;
    let author = engine.server(&login, Cache::None);
    for key in 0..KEYS {
        author.admin().create(&format!("key-{key}")).await;
    }
    let passage = Passage::to(&engine.admin.server.url).await;
    let server = engine.server_at(&passage.url, &login, Cache::Long);
    let client = &server.admin();
    // At the start the engine's settings are read.
    let before = passage.counted.reads.load(Ordering::Relaxed);
    for _ in 0..2 {
        let requests = (0..KEYS * CLIENTS_PER_KEY).map(|number| async move {
            generate(client, &format!("key-{}", number % KEYS)).await;
        });
        join_all(requests).await;
    }
    assert_eq!(passage.counted.reads.load(Ordering::Relaxed) - before, KEYS);
    let connections = passage.counted.connections.load(Ordering::Relaxed);
    assert!(connections <= KEYS + 2, "{connections} connections for {KEYS} calls at once, a login and a probe");
}
