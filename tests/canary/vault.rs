//! The credentials for Vault, and what is stored there, with a Vault that quotes whatever it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use http::Method;
use kes_client::{certificate, pem};
use kes_config::AuditFile;
use kes_config::keystore::{KeyStore as Settings, StoreCalls};
use kes_core::ApiKey;
use kes_keystores::{Guard, Start, connect};

use crate::log;
use crate::secrets::{Canary, Secrets};
use crate::stores::{impatient, use_key};
use crate::support::{Build, Exposition, TestServer};

/// Works until it quotes.
struct Quoting {
    url: String,
    quotes: Arc<AtomicBool>,
}

impl Quoting {
    /// Logins are answered with `token`, and wrapping tokens with `secret`.
    fn start(token: &Canary, secret: &Canary) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let quotes = Arc::new(AtomicBool::new(false));
        let (token, secret, does_quote) = (token.text(), secret.text(), Arc::clone(&quotes));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (token, secret, quotes) = (token.clone(), secret.clone(), Arc::clone(&does_quote));
                thread::spawn(move || serve(stream, &token, &secret, &quotes));
            }
        });
        Self { url, quotes }
    }
}

fn serve(stream: TcpStream, token: &str, secret: &str, quotes: &AtomicBool) {
    let mut reader = BufReader::new(stream);
    while let Some((head, body)) = read(&mut reader) {
        let path = head.split([' ', '?']).nth(1).unwrap_or_default();
        let (status, answer) = match path {
            "/v1/sys/health" => (200, r#"{"initialized":true,"sealed":false}"#.to_owned()),
            _ if quotes.load(Ordering::Relaxed) => {
                let said = serde_json::json!({"errors": [format!("cannot use {head} nor {body}"), head, body]});
                // Which it is decides what becomes of it.
                let status = [400, 403, 404, 429, 500][(head.len() + body.len()) % 5];
                (status, said.to_string())
            }
            "/v1/sys/internal/ui/mounts/kv" => {
                (200, r#"{"data":{"path":"kv/","type":"kv","options":{"version":"2"}}}"#.to_owned())
            }
            "/v1/auth/token/lookup-self" => (200, r#"{"data":{"ttl":0,"renewable":false}}"#.to_owned()),
            "/v1/sys/wrapping/unwrap" => (200, format!(r#"{{"data":{{"secret_id":"{secret}"}}}}"#)),
            path if path.starts_with("/v1/auth/") => {
                (200, format!(r#"{{"auth":{{"client_token":"{token}","lease_duration":60,"renewable":true}}}}"#))
            }
            _ => (404, r#"{"errors":[]}"#.to_owned()),
        };
        let head = format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n\r\n", answer.len());
        if reader.get_mut().write_all(format!("{head}{answer}").as_bytes()).is_err() {
            return;
        }
    }
}

/// Head and body of the next request.
fn read(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim_end().is_empty() {
            break;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8_lossy(&body).into_owned()))
}

/// The `keystore.vault` of a configuration.
fn settings(url: &str, rest: &str) -> Settings {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("kes.yaml");
    let text = format!(
        "version: v1\nadmin: {{identity: disabled}}\ntls: {{key: k, cert: c}}\n\
         keystore: {{vault: {{endpoint: '{url}', version: v2, {rest}}}}}\n"
    );
    std::fs::write(&file, text).expect("written");
    let nothing = std::collections::HashMap::<&str, &str>::new();
    kes_config::load(&file, &nothing).expect("a good file").config.keystore
}

#[tokio::test]
async fn nothing_that_vault_is_shown_or_shows_is_seen_by_anybody_else() {
    log::keep();
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (credential, token, unwrapped) = (Canary::letters(), Canary::letters(), Canary::letters());
    let mut secrets = Secrets::default();
    secrets.add_key("credential", &credential.0);
    secrets.add_key("token", &token.0);
    secrets.add_key("unwrapped secret", &unwrapped.0);
    let jwt = format!("{0}.{0}.{0}", credential.text());
    std::fs::write(path("jwt"), &jwt).expect("written");
    let key = ApiKey::generate().expect("a key");
    secrets.add_key("client key", &key.to_pkcs8().expose()[16..48]);
    let client = certificate::of_api_key(&key, SystemTime::now()).expect("a certificate");
    std::fs::write(path("cert"), pem::write_certificate(&client)).expect("written");
    std::fs::write(path("key"), pem::write_private_key(&key.to_pkcs8(), None).expect("PEM").expose()).expect("written");
    let (text, cert) = (credential.text(), format!("tls: {{cert: {}, key: {}}}", path("cert"), path("key")));
    for (login, entry) in [
        (format!("approle: {{id: i, secret: {text}}}"), "approle"),
        (format!("approle: {{id: i, secret: {text}, secret_wrapped: on}}"), "wrapped"),
        (format!("kubernetes: {{role: r, jwt: {jwt}}}"), "kubernetes"),
        (format!("jwt: {{role: r, jwt: {}}}", path("jwt")), "jwt"),
        (format!("cert: {{role: r}}, {cert}"), "cert"),
        (format!("token: {{value: {text}}}, {cert}"), "token"),
        (format!("token: {{value: {text}}}, transit: {{key: t}}"), "transit"),
    ] {
        let vault = Quoting::start(&token, &unwrapped);
        let settings = settings(&vault.url, &login);
        let calls = StoreCalls { breaker_failures: u32::MAX, ..impatient() };
        let store = connect(&settings, &calls, Start::Process).await.expect(entry);
        secrets.assert_absent(format!("{settings:?} {settings:#?} {store:?} {store:#?}"), "debug output");
        let file = directory.path().join(format!("{entry}.audit"));
        let mut build = Build::default();
        build.log.audit_file = Some(AuditFile { path: file.clone(), rotation: None });
        let guard = Guard::observed(Arc::clone(&store), calls.clone(), build.metrics.store_observer());
        let mut server = TestServer::with(build.store(Arc::new(guard))).await;
        vault.quotes.store(true, Ordering::Relaxed);
        let request = Canary::letters();
        secrets.add_key("request", &request.0);
        for name in ["a", "ab", "abc", "abcd", "abcde"] {
            let statuses = use_key(&server, &secrets, name, &request).await;
            assert!(statuses.iter().all(|status| *status >= 400), "{entry}: {statuses:?}");
            let error = store.get(&name.parse().expect("a name")).await.expect_err("quoted");
            secrets.assert_absent(format!("{error} {error:?}"), "an error");
        }
        let connection = &mut server.admin().connect().await.expect("a connection");
        secrets.send(connection, Method::GET, "/v1/key/list/", "").await;
        if let Err(error) = connect(&settings, &calls, Start::Reload).await {
            secrets.assert_absent(format!("{error} {error:?}"), "why there is no store");
        }
        secrets.assert_absent(Exposition::extended(&server).await.0, "the metrics");
        server.begin_stop();
        server.stopped().await;
        server.logs.flush();
        tokio::time::timeout(Duration::from_secs(30), store.close()).await.expect("it ends");
        let audited = std::fs::read_to_string(&file).expect("text");
        assert!(audited.contains("/v1/key/import/abcde"), "{audited}");
        secrets.assert_absent(&audited, "the audit file");
    }
    log::assert_holds_none_of(&secrets, &["cannot use PUT", "[hidden]"]);
}
