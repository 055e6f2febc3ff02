//! No root key stays in the memory of the process once it was deleted or has expired: the whole program is run in this
//! one, over real TLS, and then all of its memory is searched.
//!
//! What is searched for is never in the memory itself: another process makes and reads keys and tells this one their
//! bytes inverted. Data keys and the bodies of imports pass through buffers of the TLS and HTTP libraries, which is
//! said in `docs/security.md`, so they are not searched for.

#![cfg(target_os = "linux")]

mod other_process;

#[allow(dead_code, reason = "shared with the tests of the keys alone, which use the rest of it")]
#[path = "../../core/tests/memory/search.rs"]
mod search;

#[allow(dead_code, unused_imports, reason = "shared with the tests of the server, which use the rest of it")]
#[path = "../server/support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kes::server::log::{ErrorLog, Level, Sink};
use kes_config::keystore::StoreCalls;
use kes_core::key::stored;
use kes_core::{KeyName, SecretBytes};
use kes_keystores::{FileStore, Guard, KeyStore, MemoryStore, Start};
use tokio::runtime::Runtime;
use tracing_subscriber::layer::SubscriberExt;

use search::{Memory, Wanted};
use support::{Build, Client, TestServer};

/// Keys that another process puts into the store.
const PLANTED: [&str; 6] = [
    "planted-current-0",
    "planted-current-1",
    "planted-current-2",
    "planted-json-0",
    "planted-json-1",
    "planted-json-2",
];

/// Keys that are made over HTTP.
const CREATED: [&str; 3] = ["created-0", "created-1", "created-2"];

/// How long a sweep, a task or a thread may take to let go of a key.
const PATIENCE: Duration = Duration::from_secs(60);

/// A log at its most verbose that goes nowhere: making the lines is what could leave something.
struct Nowhere;

impl Sink for Nowhere {
    fn write_line(&self, line: &str) {
        std::hint::black_box(line);
    }
}

async fn file_store(directory: &Path) -> Arc<dyn KeyStore> {
    let is_stored_key = |value: &[u8]| stored::decode(value).is_ok();
    let store = FileStore::open(directory.to_owned(), Start::Process, is_stored_key).await.expect("a store");
    Arc::new(Guard::new(Arc::new(store), StoreCalls::default()))
}

/// Copies the keys of a directory into a store.
async fn copy(from: &Path, to: &dyn KeyStore) {
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let name: KeyName = entry.file_name().to_str().expect("text").parse().expect("a name");
        let mut value = SecretBytes::default();
        value.resize(entry.metadata().expect("a file").len() as usize);
        let mut file = std::fs::File::open(entry.path()).expect("a file");
        std::io::Read::read_exact(&mut file, value.expose_mut()).expect("all of it");
        assert_eq!(to.create(&name, &value).await.expect("created"), kes_keystores::Created::New);
    }
}

/// Everything that can be done with a key but delete it.
async fn use_key(client: &Client, name: &str) {
    let described = client.get(&format!("/v1/key/describe/{name}")).await;
    assert_eq!(described.status, 200, "{}", described.line());
    let generated = client.put(&format!("/v1/key/generate/{name}"), r#"{"context":"Y29udGV4dA=="}"#).await;
    let body = format!(r#"{{"ciphertext":"{}","context":"Y29udGV4dA=="}}"#, generated.member("ciphertext"));
    let opened = client.put(&format!("/v1/key/decrypt/{name}"), &body).await;
    assert_eq!(opened.member("plaintext"), generated.member("plaintext"));
    let sealed = client.put(&format!("/v1/key/encrypt/{name}"), r#"{"plaintext":"AAAA"}"#).await;
    let body = format!(r#"{{"ciphertext":"{}","context":"AAAA"}}"#, sealed.member("ciphertext"));
    assert_eq!(client.put(&format!("/v1/key/decrypt/{name}"), &body).await.status, 400);
    // Older ciphertexts derive their keys in other ways; that these are not this key's shows only after that.
    for aead in ["AES-256-GCM", "AES-256-GCM-HMAC-SHA-256", "ChaCha20Poly1305"] {
        let ciphertext = base64(&format!(
            r#"{{"aead":"{aead}","iv":"oKGio6SlpqeoqaqrrK2urw==","nonce":"sLGys7S1tre4ubq7","bytes":"/H1RafmUShX+6WEz94F5FuMPMHYbLC8GaA=="}}"#
        ));
        let body = format!(r#"{{"ciphertext":"{ciphertext}"}}"#);
        assert_eq!(client.put(&format!("/v1/key/decrypt/{name}"), &body).await.status, 400);
    }
    let hmac = client.put(&format!("/v1/key/hmac/{name}"), r#"{"message":"AAAA"}"#).await;
    assert_eq!(hmac.status, if name.contains("json") { 501 } else { 200 });
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

async fn use_all(client: &Client) {
    for name in PLANTED.iter().chain(&CREATED) {
        use_key(client, name).await;
    }
}

async fn delete_all(client: &Client) {
    for name in PLANTED.iter().chain(&CREATED) {
        assert_eq!(client.delete(&format!("/v1/key/delete/{name}")).await.line(), "200");
    }
}

/// Searches until nothing is found, and fails with what is there if that does not happen.
fn assert_vanish(memory: &Memory, wanted: &Wanted, when: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = memory.search(wanted);
        if found.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{when}, {} pieces, such as\n{}",
            found.len(),
            found[..found.len().min(40)].join("\n")
        );
    }
}

/// The search is good for something: it finds every secret that is in use.
fn assert_all_in_use(memory: &Memory, wanted: &Wanted) {
    let found = memory.search(wanted);
    for name in PLANTED.iter().chain(&CREATED) {
        let of_key = |what: &str| found.iter().any(|found| found.starts_with(&format!("{what} of {name},")));
        assert!(of_key("root key") && (of_key("HMAC key") || name.contains("json")), "{name} is not found");
    }
}

async fn stop(mut server: TestServer) {
    server.begin_stop();
    server.stopped().await;
}

/// Keys in files, which expire.
fn files_expire(memory: &Memory, runtime: &Runtime, files: &Path) -> Wanted {
    let mut wanted = other_process::plant(files, &PLANTED);
    let server = runtime.block_on(async {
        let build = Build::default().store(file_store(files).await).cache(|cache| {
            cache.any = Duration::from_millis(200);
            cache.unused = Duration::from_millis(100);
        });
        let server = TestServer::with(build).await;
        for name in CREATED {
            server.admin().create(name).await;
        }
        server
    });
    wanted.extend(other_process::read(files, &CREATED));
    assert_vanish(memory, &wanted, "after keys were created");
    runtime.block_on(use_all(&server.admin().http2()));
    assert_vanish(memory, &wanted, "after keys in files expired");
    runtime.block_on(stop(server));
    wanted
}

/// The same keys, which stay until they are deleted.
fn files_are_deleted(memory: &Memory, runtime: &Runtime, files: &Path, wanted: &Wanted) {
    let server = runtime.block_on(async {
        let server = TestServer::with(Build::default().store(file_store(files).await)).await;
        use_all(&server.admin()).await;
        server
    });
    assert_all_in_use(memory, wanted);
    runtime.block_on(delete_all(&server.admin()));
    assert_vanish(memory, wanted, "after keys in files were deleted");
    runtime.block_on(stop(server));
}

/// Keys in memory.
fn memory_is_deleted(memory: &Memory, runtime: &Runtime) {
    let planted = tempfile::tempdir().expect("a directory");
    let mut wanted = other_process::plant(planted.path(), &PLANTED);
    let store = Arc::new(MemoryStore::new());
    let server = runtime.block_on(async {
        copy(planted.path(), &*store).await;
        let server = TestServer::with(Build::default().store(store.clone())).await;
        for name in CREATED {
            server.admin().create(name).await;
            let value = store.get(&name.parse().expect("a name")).await.expect("it works");
            wanted.add_stored(value.expect("it is there").expose(), name);
        }
        use_all(&server.admin().http2()).await;
        server
    });
    assert_all_in_use(memory, &wanted);
    runtime.block_on(delete_all(&server.admin().http2()));
    assert_vanish(memory, &wanted, "after keys in memory were deleted");
    runtime.block_on(stop(server));
}

/// Keys that are in use when the server stops.
fn server_stops(memory: &Memory, runtime: &Runtime) {
    let files = tempfile::tempdir().expect("a directory");
    let wanted = other_process::plant(files.path(), &PLANTED);
    runtime.block_on(async {
        let server = TestServer::with(Build::default().store(file_store(files.path()).await)).await;
        for name in PLANTED {
            use_key(&server.admin(), name).await;
        }
        stop(server).await;
    });
    assert_vanish(memory, &wanted, "after a server stopped that had keys");
}

#[test]
fn deleted_and_expired_keys_leave_nothing_in_memory() {
    // Opened before anything could switch the access to it off.
    let memory = Memory::open();
    search::assert_finds_what_is_kept(&memory);
    let log = tracing_subscriber::registry().with(ErrorLog::new(Level(Level::DEBUG.0 - 4), Nowhere));
    tracing::subscriber::set_global_default(log).expect("no other log in this program");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        // Threads that end would take what is on their stacks with them.
        .thread_keep_alive(Duration::from_secs(600))
        .enable_all()
        .build()
        .expect("a runtime");
    let files = tempfile::tempdir().expect("a directory");
    let wanted = files_expire(&memory, &runtime, files.path());
    files_are_deleted(&memory, &runtime, files.path(), &wanted);
    memory_is_deleted(&memory, &runtime);
    server_stops(&memory, &runtime);
}
