//! A real OpenBao, which speaks Vault's API, in development mode: everything in memory, unsealed, a random root token.
//!
//! `scripts/test` installs it and says where it is in `KES_TEST_BAO`; then a test cannot do without. Elsewhere it is
//! looked for in `target/tools`, and tests that miss it say so and pass.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

/// How long a server may take to serve, on a machine that does much else.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How often another port is tried: somebody else may take a free one before the server does.
const ATTEMPTS: usize = 5;

/// Runs a program until it ends, or until standard input does: so it does not outlive a test that is killed.
const LEASH: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null &
child=$!
{ read -r _ <&3; kill -KILL "$child"; } 2>/dev/null &
exec 3<&-
wait "$child"
"#;

/// A server that runs, and ends when this is dropped.
pub struct OpenBao {
    /// Without a slash at its end.
    pub url: String,
    /// May do anything.
    pub root_token: String,
    child: Child,
    leash: Option<ChildStdin>,
    directory: tempfile::TempDir,
}

impl OpenBao {
    /// The server that all tests that run at the moment share; `None` if there is none to be had, which is printed.
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<OpenBao>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// A server for one test, which may seal it or worse; `None` as above.
    pub fn start() -> Option<Self> {
        let Some(program) = program() else {
            tell_once("OpenBao is missing: tests against it were left out; scripts/test installs it");
            return None;
        };
        for _ in 0..ATTEMPTS {
            let mut server = Self::spawn(&program, free_port());
            if server.serves() {
                return Some(server);
            }
        }
        panic!("{} did not start {ATTEMPTS} times", program.display());
    }

    fn spawn(program: &PathBuf, port: u16) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let root_token = format!("root-{:032x}", fastrand::u128(..));
        let log = || File::options().create(true).append(true).open(directory.path().join("log")).expect("a log");
        let mut child = Command::new("/bin/sh")
            .args(["-c", LEASH, "leash"])
            .arg(program)
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .env("BAO_DEV_ROOT_TOKEN_ID", &root_token)
            .env("HOME", directory.path())
            .stdin(Stdio::piped())
            .stdout(log())
            .stderr(log())
            .spawn()
            .expect("a shell");
        let leash = child.stdin.take();
        Self { url: format!("http://127.0.0.1:{port}"), root_token, child, leash, directory }
    }

    /// Waits until the server answers; false if it ended instead.
    fn serves(&mut self) -> bool {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if self.child.try_wait().expect("a child").is_some() {
                return false;
            }
            if self.is_healthy() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("OpenBao does not serve after {} s: {}", START_LIMIT.as_secs(), self.log());
    }

    fn is_healthy(&self) -> bool {
        let address = self.url.trim_start_matches("http://");
        let Ok(mut stream) = TcpStream::connect(address) else { return false };
        let mut answer = String::new();
        stream.write_all(format!("GET /v1/sys/health HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.0 200")
    }

    /// What the server has printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// The key that unseals it.
    pub fn unseal_key(&self) -> String {
        let log = self.log();
        let key = log.lines().find_map(|line| line.trim().strip_prefix("Unseal Key: "));
        key.expect("a development server prints its key").to_owned()
    }

    /// The administrator, for one test: connections belong to the runtime that made them.
    pub fn administrator(self: &Arc<Self>, namespace: Option<&str>) -> Administrator {
        let tls = kes_client::BackendTls::nobody().expect("no TLS");
        let http = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build().expect("a client");
        Administrator { server: Arc::clone(self), http, namespace: namespace.map(str::to_owned) }
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.child.wait();
    }
}

/// Calls as the root, past everything that is tested.
#[derive(Clone)]
pub struct Administrator {
    pub server: Arc<OpenBao>,
    http: reqwest::Client,
    pub namespace: Option<String>,
}

impl Administrator {
    /// Status and body of a call; `path` is what follows `/v1/`.
    pub async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        self.send(method, path, body, None).await
    }

    /// As [`call`](Self::call), for what has to succeed.
    pub async fn done(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method.clone(), path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// The token for which the answer to a call can be had, once.
    pub async fn wrapped(&self, method: Method, path: &str, body: Value) -> String {
        let (status, answer) = self.send(method.clone(), path, body, Some("60s")).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer["wrap_info"]["token"].as_str().expect("a token").to_owned()
    }

    async fn send(&self, method: Method, path: &str, body: Value, wrap_time: Option<&str>) -> (u16, Value) {
        let mut request = self
            .http
            .request(method, format!("{}/v1/{path}", self.server.url))
            .header("X-Vault-Token", &self.server.root_token);
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some(time) = wrap_time {
            request = request.header("X-Vault-Wrap-TTL", time);
        }
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.expect("an answer of OpenBao");
        let status = answer.status().as_u16();
        let body = answer.bytes().await.expect("a whole answer");
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("KES_TEST_BAO") {
        return Some(program.into());
    }
    let test = std::env::current_exe().ok()?;
    test.ancestors().map(|directory| directory.join("tools/bao/bao")).find(|program| program.exists())
}

/// Prints even if the test passes: the test harness takes only what the printing macros write.
fn tell_once(what: &str) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = writeln!(std::io::stderr(), "{what}");
    });
}
