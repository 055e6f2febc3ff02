//! A server that answers as Vault would in moments that a real one cannot be brought into. Strict about what it is sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use kes_config::keystore::{CredentialSource, KvVersion, Login, StoreTls, Vault as Settings};
use kes_core::SecretText;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// The token that it knows.
pub(super) const TOKEN: &str = "s.canary-token";

/// Where the engine is asked for its own settings.
const ENGINE: &str = "/v1/kv/config";

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    /// With its query.
    pub(super) path: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Value,
    /// Which connection it came over.
    pub(super) connection: usize,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Json(u16, Value),
    /// With one header, and text that need not be JSON.
    With(u16, &'static str, String, &'static str),
    /// The connection is cut.
    Cut,
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// Runs as long as the test binary does.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    /// Answers what a store asks when it connects, an engine of version 2 being there, and leaves all else to `script`.
    pub(super) fn new(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::bare(move |seen| match seen.path.split('?').next().unwrap_or_default() {
            "/v1/sys/health" => Reply::Json(200, json!({"initialized": true, "sealed": false})),
            "/v1/auth/token/lookup-self" => Reply::Json(200, json!({"data": {"ttl": 0, "renewable": false}})),
            "/v1/sys/internal/ui/mounts/kv" => {
                Reply::Json(200, json!({"data": {"path": "kv/", "type": "kv", "options": {"version": "2"}}}))
            }
            // A token need not see what it says of itself.
            ENGINE => Reply::Json(403, json!({"errors": ["permission denied"]})),
            _ => script(seen),
        })
    }

    /// Leaves everything to `script`.
    pub(super) fn bare(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen("http", script, |stream| stream)
    }

    /// As [`bare`](Self::bare), with TLS.
    pub(super) fn with_tls(config: ServerConfig, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let config = Arc::new(config);
        Self::listen("https", script, move |stream| {
            let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
            StreamOwned::new(session, stream)
        })
    }

    fn listen<S: Read + Write + Send + 'static>(
        scheme: &str,
        script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
        secure: impl Fn(TcpStream) -> S + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let url = format!("{scheme}://{}", listener.local_addr().expect("an address"));
        let fake = Self { url, seen: Arc::default() };
        let (seen, script) = (Arc::clone(&fake.seen), Arc::new(script) as Script);
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                let stream = secure(stream.expect("a connection"));
                thread::spawn(move || serve(stream, connection, &seen, &script));
            }
        });
        fake
    }

    /// All requests so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("whole").clone()
    }

    /// Those for entries.
    pub(super) fn calls(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.path.starts_with("/v1/kv/") && seen.path != ENGINE).collect()
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            endpoint: self.url.clone(),
            engine: "kv".to_owned(),
            version: KvVersion::V2,
            namespace: None,
            prefix: None,
            transit: None,
            login: Login::Token(CredentialSource::Value(SecretText::from(TOKEN).into())),
            login_timeout: Duration::from_secs(30),
            tls: StoreTls { ca: None, system_roots: false, server_name: None, client: None },
            ping: Duration::from_secs(15),
            forward_active: false,
            exact_delete: true,
        }
    }
}

/// An answer that there is no such entry.
pub(super) fn nothing() -> Reply {
    Reply::Json(404, json!({"errors": []}))
}

fn serve(stream: impl Read + Write, connection: usize, all: &Mutex<Vec<Seen>>, script: &Script) {
    let mut reader = BufReader::new(stream);
    while let Some(seen) = read(&mut reader, connection) {
        assert_eq!(seen.header("content-type"), Some("application/json"), "{seen:?}");
        assert_eq!(seen.header("x-vault-request"), Some("true"), "{seen:?}");
        assert_ne!(seen.header("x-vault-namespace"), Some(""), "{seen:?}");
        all.lock().expect("whole").push(seen.clone());
        let (status, header, body) = match script(&seen) {
            Reply::Json(status, body) => (status, String::new(), body.to_string()),
            Reply::With(status, name, value, body) => (status, format!("{name}: {value}\r\n"), body.to_owned()),
            Reply::Cut => return,
        };
        let head = format!("HTTP/1.1 {status} -\r\n{header}Content-Length: {}\r\n\r\n", body.len());
        if reader.get_mut().write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<impl Read>, connection: usize) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let (method, rest) = lines.first()?.split_once(' ')?;
    let (path, _) = rest.split_once(' ')?;
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or("0", |(_, value)| value);
    let mut body = vec![0; length.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some(Seen { method: method.to_owned(), path: path.to_owned(), headers, body, connection })
}
