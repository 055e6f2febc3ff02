//! A real OpenBao, which speaks Vault's API: in development mode, where everything is in memory and it is unsealed, or as
//! a node with storage on disk, which a kill does not harm.
//!
//! `scripts/test` installs it and says where it is in `KES_TEST_BAO`; then a test cannot do without. Elsewhere it is
//! looked for in `target/tools`, and tests that miss it say so and pass.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a server may take to serve, on a machine that does much else.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How often it is looked whether a server is as it should be.
const PAUSE: Duration = Duration::from_millis(20);

/// How often another port is tried: somebody else may take a free one before the server does.
const ATTEMPTS: usize = 5;

/// What a server says of its health that has nothing in its storage, and one that is sealed.
const NOT_INITIALIZED: u16 = 501;
const SEALED: u16 = 503;

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
    /// Of a server in development mode it stands in its log.
    unseal_key: Option<String>,
    program: PathBuf,
    arguments: Vec<String>,
    /// `None`: it was killed.
    process: Mutex<Option<Process>>,
    directory: TempDir,
}

/// A process that ends when this is dropped.
struct Process {
    child: Child,
    leash: Option<ChildStdin>,
}

impl OpenBao {
    /// The server that all tests that run at the moment share; `None` if there is none to be had, which is printed.
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<OpenBao>> = Mutex::new(Weak::new());
        let mut shared = lock(&SHARED);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// A server for one test, which may seal it or worse; `None` as above.
    pub fn start() -> Option<Self> {
        Self::start_with(Vec::new)
    }

    /// As [`start`](Self::start), with further arguments, made anew for each attempt.
    pub fn start_with(further: impl Fn() -> Vec<String>) -> Option<Self> {
        let arguments = |_: &Path, port| {
            let mut arguments = further();
            arguments.extend(["-dev".to_owned(), "-dev-no-store-token".to_owned()]);
            arguments.push(format!("-dev-listen-address=127.0.0.1:{port}"));
            arguments
        };
        Self::run(arguments, 200)
    }

    /// A server for one test, which may also kill it: what it knows is on disk.
    pub fn start_node() -> Option<Self> {
        Self::start_node_with(Vec::new)
    }

    /// As [`start_node`](Self::start_node), with further listeners, made anew for each attempt.
    pub fn start_node_with(further: impl Fn() -> Vec<Value>) -> Option<Self> {
        let arguments = |directory: &Path, port| {
            let storage = directory.join("raft");
            std::fs::create_dir(&storage).expect("a directory");
            let mut listeners = vec![json!({
                "address": format!("127.0.0.1:{port}"),
                "cluster_address": format!("127.0.0.1:{}", free_port()),
                "tls_disable": true,
            })];
            listeners.extend(further());
            let listeners: Vec<Value> = listeners.into_iter().map(|listener| json!({"tcp": listener})).collect();
            let configuration = json!({
                "listener": listeners,
                "storage": {"raft": {"path": storage, "node_id": "one", "performance_multiplier": 1}},
                "api_addr": format!("http://127.0.0.1:{port}"),
                "cluster_addr": "http://127.0.0.1:1", // Nobody else is in the cluster.
                "disable_mlock": true,
            });
            let file = directory.join("bao.json");
            std::fs::write(&file, configuration.to_string()).expect("written");
            vec![format!("-config={}", file.display())]
        };
        let mut server = Self::run(arguments, NOT_INITIALIZED)?;
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let (status, answer) = server.ask("PUT", "sys/init", &shares).expect("an answer");
        assert_eq!(status, 200, "{answer}");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        server.root_token = text(&answer["root_token"]);
        server.unseal_key = Some(text(&answer["keys_base64"][0]));
        server.unseal();
        Some(server)
    }

    /// A server that answers a question for its health with `status`.
    fn run(arguments: impl Fn(&Path, u16) -> Vec<String>, status: u16) -> Option<Self> {
        let program = program()?;
        for _ in 0..ATTEMPTS {
            let (directory, port) = (tempfile::tempdir().expect("a directory"), free_port());
            let server = Self {
                url: format!("http://127.0.0.1:{port}"),
                root_token: format!("root-{:032x}", fastrand::u128(..)),
                unseal_key: None,
                program: program.clone(),
                arguments: arguments(directory.path(), port),
                process: Mutex::default(),
                directory,
            };
            server.spawn();
            if server.comes_to(status) {
                return Some(server);
            }
        }
        panic!("{} did not start {ATTEMPTS} times", program.display());
    }

    fn spawn(&self) {
        let log = || File::options().create(true).append(true).open(self.directory.path().join("log")).expect("a log");
        let mut child = Command::new("/bin/sh")
            .args(["-c", LEASH, "leash"])
            .arg(&self.program)
            .arg("server")
            .args(&self.arguments)
            .env("BAO_DEV_ROOT_TOKEN_ID", &self.root_token)
            .env("HOME", self.directory.path())
            .stdin(Stdio::piped())
            .stdout(log())
            .stderr(log())
            .spawn()
            .expect("a shell");
        let leash = child.stdin.take();
        *lock(&self.process) = Some(Process { child, leash });
    }

    /// Waits until the server answers a question for its health with `status`; false if it ended instead.
    fn comes_to(&self, status: u16) -> bool {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            let mut process = lock(&self.process);
            if process.as_mut().expect("it was started").child.try_wait().expect("a child").is_some() {
                return false;
            }
            drop(process);
            if self.ask("GET", "sys/health", &Value::Null).is_some_and(|(found, _)| found == status) {
                return true;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("OpenBao does not serve after {} s: {}", START_LIMIT.as_secs(), self.log());
    }

    /// Status and body of a call without a token, as long as the server answers.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).ok()?;
        let body = body.to_string();
        let length = body.len();
        let head = format!("{method} /v1/{path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.strip_prefix("HTTP/1.0 ")?.get(..3)?.parse().ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        Some((status, serde_json::from_str(body).unwrap_or_default()))
    }

    /// What the server has printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// The key that unseals it. A server in development mode prints it some time after it serves.
    pub fn unseal_key(&self) -> String {
        if let Some(key) = &self.unseal_key {
            return key.clone();
        }
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let log = self.log();
            // Whole lines only.
            let mut lines = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            if let Some(key) = lines.find_map(|line| line.trim().strip_prefix("Unseal Key: ")) {
                return key.to_owned();
            }
            assert!(Instant::now() < deadline, "OpenBao does not print its key: {log}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Unseals it, and waits until it serves.
    pub fn unseal(&self) {
        let answer = self.ask("PUT", "sys/unseal", &json!({"key": self.unseal_key()}));
        assert!(matches!(answer, Some((200, _))), "{answer:?}");
        assert!(self.comes_to(200), "{}", self.log());
    }

    /// Ends it as the system does when memory is short.
    pub fn kill(&self) {
        *lock(&self.process) = None;
    }

    /// Starts it again after a kill, at its old address. It is sealed, as always at first.
    pub fn start_again(&self) {
        self.spawn();
        assert!(self.comes_to(SEALED), "{}", self.log());
    }

    /// The administrator, for one test: connections belong to the runtime that made them.
    pub fn administrator(self: &Arc<Self>, namespace: Option<&str>) -> Administrator {
        let tls = kes_client::BackendTls::nobody().expect("no TLS");
        let http = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build().expect("a client");
        Administrator { server: Arc::clone(self), http, namespace: namespace.map(str::to_owned) }
    }
}

impl Drop for Process {
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

    /// The administrator of a new namespace in this one.
    pub async fn new_namespace(&self) -> Self {
        let name = format!("ns-{:016x}", fastrand::u64(..));
        self.done(Method::POST, &format!("sys/namespaces/{name}"), Value::Null).await;
        let path = self.namespace.as_ref().map(|outer| format!("{outer}/{name}"));
        self.server.administrator(Some(&path.unwrap_or(name)))
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

/// Nothing that holds one can leave it half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The program `bao`; `None` if there is none, which is printed.
pub fn program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("KES_TEST_BAO") {
        return Some(program.into());
    }
    let test = std::env::current_exe().ok()?;
    let program = test.ancestors().map(|directory| directory.join("tools/bao/bao")).find(|program| program.exists());
    if program.is_none() {
        tell_once("OpenBao is missing: tests against it were left out; scripts/test installs it");
    }
    program
}

/// Prints even if the test passes: the test harness takes only what the printing macros write.
fn tell_once(what: &str) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = writeln!(std::io::stderr(), "{what}");
    });
}
