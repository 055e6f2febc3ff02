//! `examples/nginx` with the real nginx: it ends TLS, and the server knows its clients all the same.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;
use kes_client::{certificate, pem};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{ABSENT, Fixture, Headers, admin, insufficient, send};
use crate::support::{Build, Client, Follow, PROXY_HEADER, error};
use crate::tls::pki::{self, Credentials, Presents};

/// What takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often another port is tried if somebody has taken the one that was free.
const ATTEMPTS: usize = 3;

/// Where clients are: elsewhere than nginx, whose address as the server sees it is 127.0.0.1.
const CLIENTS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A running nginx. It is killed when this is dropped.
struct Nginx {
    process: Child,
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    directory: TempDir,
}

impl Nginx {
    /// nginx in front of a server; nothing, where there is none to be had.
    async fn before(fixture: &Fixture) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, content: &[u8]| fs::write(directory.path().join(name), content).expect("written");
        let (certificate, key) =
            certificate::of_development_server(&[], SystemTime::now()).expect("a certificate for localhost");
        write("server.crt", pem::write_certificate(&certificate).as_bytes());
        write("server.key", pem::write_private_key(&key, None).expect("PEM").expose());
        write("proxy.crt", fixture.credentials.pem().as_bytes());
        write("proxy.key", fixture.credentials.key.serialize_pem().as_bytes());
        write("kes-ca.crt", pem::write_certificate(&fixture.server.certificate).as_bytes());
        for _ in 0..ATTEMPTS {
            let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
            write("nginx.conf", configuration(directory.path(), free, fixture.server.address).as_bytes());
            let mut process = start(directory.path())?;
            if listens(&mut process, free).await {
                return Some(Self { process, address: free, certificate, directory });
            }
        }
        panic!("nginx does not start: {}", fs::read_to_string(directory.path().join("error.log")).unwrap_or_default());
    }

    /// A client of nginx with these credentials, if any.
    fn client(&self, fixture: &Fixture, credentials: Option<&Credentials>) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("nginx's certificate");
        let presents = Presents::new(credentials.map(Credentials::presented));
        let config = ClientConfig::builder_with_provider(Arc::new(kes::server::provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots)
            .with_client_cert_resolver(presents);
        Client::of_config(&fixture.server, config).elsewhere(CLIENTS, self.address)
    }

    /// What nginx has to say, for failures.
    fn errors(&self) -> String {
        fs::read_to_string(self.directory.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The example as it is, but for ports, paths and names, and without traces elsewhere than in `directory`.
fn configuration(directory: &Path, address: SocketAddr, server: SocketAddr) -> String {
    let mut text = include_str!("../../../examples/nginx/nginx.conf").to_owned();
    let directory = directory.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|what| format!("{what}_temp_path {directory}/{what};\n")).concat();
    for (example, here) in [
        ("server kes.example.net:7373;", format!("server {server};")),
        ("listen 443 ssl;", format!("listen {address} ssl;")),
        ("proxy_ssl_name kes.example.net;", "proxy_ssl_name localhost;".to_owned()),
        ("/etc/nginx/kes/", format!("{directory}/")),
        ("http {\n", format!("http {{\naccess_log off;\n{temporary}")),
    ] {
        assert!(text.contains(example), "`{example}` is not in the example");
        text = text.replace(example, &here);
    }
    text
}

/// Starts nginx as one process, which ends when it is killed.
fn start(directory: &Path) -> Option<Child> {
    let path = |name: &str| directory.join(name).display().to_string();
    let globals = format!("daemon off; master_process off; pid {};", path("nginx.pid"));
    // Of those who are not root, few have the second one in their PATH.
    for program in ["nginx", "/usr/sbin/nginx"] {
        let mut command = Command::new(program);
        command.args(["-p", &path(""), "-c", &path("nginx.conf"), "-e", &path("error.log"), "-g", &globals]);
        if let Ok(process) = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn() {
            return Some(process);
        }
    }
    println!("LEFT OUT: `nginx` cannot be run; on Debian: apt-get install nginx-light");
    None
}

/// Waits until connections are accepted, or the process has ended.
async fn listens(process: &mut Child, address: SocketAddr) -> bool {
    let waiting = async {
        while TcpStream::connect(address).await.is_err() {
            if process.try_wait().expect("a child").is_some() {
                return false;
            }
            tokio::task::yield_now().await;
        }
        true
    };
    timeout(PATIENCE, waiting).await.expect("nginx listens or ends")
}

/// The example's policies bind whom nginx has shaken hands with; what a client writes into headers changes nothing.
#[tokio::test]
async fn clients_of_nginx_are_known_to_the_server() {
    let app = Credentials::self_signed(pki::client());
    let stranger = Credentials::self_signed(pki::client());
    let identity = app.identity();
    let build = Build::default().policy("app", &["/v1/key/create/app-*", "/v1/log/audit"], &[], &[&identity]);
    let fixture = Fixture::with(build).await;
    let Some(nginx) = Nginx::before(&fixture).await else { return };
    let mut events = Follow::open(&fixture.server.admin(), "/v1/log/audit").await;

    let certificate = admin();
    let spoofed = [
        (PROXY_HEADER, certificate.as_str()),
        ("x-tls-client-cert", &certificate),
        ("X_Tls_Client_Cert", &certificate),
        ("X-Forwarded-For", "203.0.113.7"),
        ("x-forwarded-for", "203.0.113.8"),
    ];
    for (index, headers) in [&[][..], &spoofed].into_iter().enumerate() {
        let allowed = format!("/v1/key/create/app-{index}");
        for (credentials, path, answer) in [
            (Some(&app), allowed.as_str(), "200".to_owned()),
            (Some(&app), "/v1/key/create/other", insufficient()),
            (Some(&stranger), "/v1/key/create/app-x", insufficient()),
            (None, "/v1/key/create/app-x", error(400, ABSENT)),
        ] {
            let client = nginx.client(&fixture, credentials);
            let line = send(&client, Method::PUT, path, headers).await.line();
            assert_eq!(line, answer, "{path}: {}", nginx.errors());
            let event = events.next().await.expect("an event");
            assert_eq!(event["request"]["path"], path);
            assert_eq!(event["request"]["ip"], CLIENTS.to_string());
            assert_eq!(event["request"]["identity"].as_str(), credentials.map(Credentials::identity).as_deref());
        }
    }

    // Both come from the same connection of nginx.
    let mut followed = Follow::open(&nginx.client(&fixture, Some(&app)), "/v1/log/audit").await;
    assert_eq!(put(&nginx, &fixture, &stranger, "/v1/key/create/app-x", &spoofed).await, insufficient());
    assert_eq!(followed.next_of("/v1/key/create/app-x").await["request"]["identity"], stranger.identity());
}

async fn put(nginx: &Nginx, fixture: &Fixture, who: &Credentials, path: &str, headers: Headers<'_>) -> String {
    send(&nginx.client(fixture, Some(who)), Method::PUT, path, headers).await.line()
}

/// What the example's text says of nginx itself.
#[tokio::test]
async fn nginx_lets_the_largest_body_through_and_no_expired_certificate() {
    let app = Credentials::self_signed(pki::client());
    let build = Build { admin: app.identity(), ..Build::default() };
    let fixture = Fixture::with(build).await;
    let Some(nginx) = Nginx::before(&fixture).await else { return };
    let client = nginx.client(&fixture, Some(&app));
    client.create("a").await;
    let body = |length: usize| format!(r#"{{"plaintext":"{}"}}"#, "A".repeat(length));
    let frame = body(0).len();
    // The most that the server reads, less what is no multiple of a group of base64.
    let largest = body((1_000_000 - frame) / 4 * 4);
    assert_eq!(client.put("/v1/key/encrypt/a", &largest).await.status, 200);

    for params in [pki::expired(pki::client()), pki::for_servers()] {
        let refused = Credentials::self_signed(params);
        let answer = nginx.client(&fixture, Some(&refused)).get("/v1/status").await;
        assert!(answer.status == 400 && answer.body.contains("SSL certificate error"), "{}", answer.line());
    }
}
