//! A node of OpenBao that serves nobody without a certificate, and servers that log in with theirs.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use http::Method;
use kes_client::{certificate, pem};
use kes_core::ApiKey;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::engine::{Cache, Engine};
use crate::openbao::{OpenBao, free_port};
use crate::program::Program;
use crate::site::Pair;
use crate::traffic::{assert_opens, generate, until_given, until_known};

/// What a server says whose certificate, or lack of one, the node does not take.
const UNKNOWN_CLIENT: &str = "vault takes only clients with a certificate that it knows";

/// See the module's text. Those who look after it need no certificate.
struct Node {
    bao: Arc<OpenBao>,
    engine: Engine,
    /// Where certificates are demanded.
    url: String,
    /// Files of both sides.
    directory: TempDir,
}

impl Node {
    async fn start() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |name: &str| directory.path().join(name);
        let pair = Pair::new();
        std::fs::write(file("node.crt"), pair.cert).expect("written");
        std::fs::write(file("node.key"), pair.key).expect("written");
        std::fs::write(file("clients.crt"), issue(&directory, "client")).expect("written");
        let port = Cell::new(0);
        let listener = || {
            port.set(free_port());
            vec![json!({
                "address": format!("127.0.0.1:{}", port.get()),
                "cluster_address": format!("127.0.0.1:{}", free_port()),
                "tls_cert_file": file("node.crt"),
                "tls_key_file": file("node.key"),
                "tls_client_ca_file": file("clients.crt"),
                "tls_require_and_verify_client_cert": true,
            })]
        };
        let bao = Arc::new(OpenBao::start_node_with(listener)?);
        let engine = Engine::new(&bao, 2).await;
        engine.write("sys/auth/cert", json!({"type": "cert"})).await;
        let node = Self { bao, engine, url: format!("https://127.0.0.1:{}", port.get()), directory };
        node.let_in("client").await;
        Some(node)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// From its next start on the node serves only who has this certificate; only it logs in from now on.
    async fn let_in(&self, name: &str) {
        let certificate = std::fs::read_to_string(self.file(&format!("{name}.crt"))).expect("a certificate");
        std::fs::write(self.file("clients.crt"), &certificate).expect("written");
        let role = json!({"certificate": certificate, "token_policies": [self.engine.name]});
        self.engine.write("auth/cert/certs/kes", role).await;
    }

    /// Lines of a key store's configuration: the login, and these settings of TLS.
    fn login(&self, tls: &str) -> String {
        format!("cert: {{role: kes}}\n    tls: {{{tls}}}\n    status: {{ping: 1s}}")
    }

    fn ca(&self) -> String {
        format!("ca: {}", self.file("node.crt").display())
    }

    fn pair(&self, name: &str) -> String {
        let file = |end: &str| self.file(&format!("{name}.{end}")).display().to_string();
        format!("cert: {}, key: {}", file("crt"), file("key"))
    }

    /// What a server says that is refused at its start.
    fn refusal(&self, url: &str, login: &str) -> String {
        let end = Program::run(self.engine.site(url, login, Cache::None).arguments());
        assert!(!end.status.success(), "{}", end.stderr);
        end.stderr
    }
}

/// Puts a new certificate of a client, with its key, into files of this name.
fn issue(directory: &TempDir, name: &str) -> String {
    let key = ApiKey::generate().expect("a key");
    let certificate = certificate::of_api_key(&key, SystemTime::now()).expect("a certificate");
    let certificate = pem::write_certificate(&certificate);
    let key = pem::write_private_key(&key.to_pkcs8(), None).expect("PEM");
    std::fs::write(directory.path().join(format!("{name}.key")), key.expose()).expect("written");
    std::fs::write(directory.path().join(format!("{name}.crt")), &certificate).expect("written");
    certificate
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_that_the_clients_certificate_was_replaced() {
    let Some(node) = Node::start().await else { return };
    let engine = &node.engine;
    let login = node.login(&format!("{}, {}", node.ca(), node.pair("client")));
    let server = engine.server_at(&node.url, &login, Cache::Brief);
    let client = server.admin();
    client.create("my-key").await;
    // A server that has made a key has it in its cache.
    let other = engine.server_at(&node.url, &login, Cache::None);
    other.admin().create("uncached").await;
    let before = generate(&other.admin(), "uncached").await;
    for end in ["crt", "key"] {
        std::fs::copy(node.file(&format!("client.{end}")), node.file(&format!("old.{end}"))).expect("copied");
    }

    server
        .unnoticed(async {
            issue(&node.directory, "client");
            node.let_in("client").await;
            node.bao.kill();
            until_known(&server, false).await;
            node.bao.start_again();
            node.bao.unseal();
            // The token that the old certificate got is good for nothing either.
            engine.admin.done(Method::PUT, "sys/leases/revoke-prefix/auth/cert", Value::Null).await;
            until_given(&client, "uncached").await;
        })
        .await;
    assert_opens(&client, "uncached", &before).await;
    let refused = node.refusal(&node.url, &node.login(&format!("{}, {}", node.ca(), node.pair("old"))));
    assert!(refused.contains(UNKNOWN_CLIENT), "the old one is good for nothing: {refused}");
}

#[tokio::test]
async fn a_start_says_what_is_wrong_with_the_files_of_tls() {
    let Some(node) = Node::start().await else { return };
    let other = Pair::new();
    std::fs::write(node.file("other.crt"), other.cert).expect("written");
    issue(&node.directory, "stranger");
    let (ca, pair) = (node.ca(), node.pair("client"));
    let other_ca = format!("ca: {}", node.file("other.crt").display());
    let (no_tls, other_tls) = (node.url.replace("https", "http"), node.bao.url.replace("http", "https"));
    for (url, tls, hint) in [
        (&node.url, format!("{other_ca}, {pair}"), "`keystore.vault.tls.ca` has to hold the CA of vault's certificate"),
        (&node.url, format!("{ca}, server_name: elsewhere, {pair}"), "or `keystore.vault.tls.server_name`"),
        (&node.url, format!("{ca}, {}", node.pair("stranger")), UNKNOWN_CLIENT),
        (&no_tls, format!("{ca}, {pair}"), "`keystore.vault.endpoint` has to be that of vault, with `https` if"),
        (&other_tls, format!("{ca}, {pair}"), "there is no TLS at `keystore.vault.endpoint`"),
    ] {
        let refused = node.refusal(url, &node.login(&tls));
        assert!(refused.contains("; hint: ") && refused.contains(hint), "{tls}: {refused}");
    }
    // Without a certificate and another login that needs none.
    let login = format!("tls: {{{ca}}}\n    {}", node.engine.app_role(json!({})).await);
    let refused = node.refusal(&node.url, &login);
    assert!(refused.contains(UNKNOWN_CLIENT), "{refused}");
}
