//! What a configured server needs: a directory with certificate, key, configuration and keys.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::SystemTime;

use kes_client::{certificate, pem};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

use crate::client::Client;
use crate::program::Program;

/// The API key of the administrator.
pub const ADMIN_KEY: &str = "kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc";
/// The identity of [`ADMIN_KEY`].
pub const ADMIN: &str = "3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22";

/// A directory, and what is in it.
pub struct Site {
    directory: TempDir,
    certificate: CertificateDer<'static>,
}

/// A certificate for the loopback address, as DER and PEM, and the PEM of its key.
pub struct Pair {
    pub certificate: CertificateDer<'static>,
    pub cert: String,
    pub key: Vec<u8>,
}

impl Pair {
    pub fn new() -> Self {
        let addresses = [IpAddr::from([127, 0, 0, 1])];
        let (certificate, key) =
            certificate::of_development_server(&addresses, SystemTime::now()).expect("a certificate");
        let key = pem::write_private_key(&key, None).expect("PEM").expose().to_vec();
        Self { cert: pem::write_certificate(&certificate), key, certificate }
    }
}

impl Site {
    /// With a certificate for the loopback address, its key, an empty store, and the least of configurations.
    pub fn new() -> Self {
        Self::with("")
    }

    /// The same with more lines in its configuration.
    pub fn with(more: &str) -> Self {
        let pair = Pair::new();
        let site = Self { directory: tempfile::tempdir().expect("a directory"), certificate: pair.certificate };
        // A file of its own: a watcher that looks while a test replaces the pair would see a new CA beside the old pair,
        // and say that the files changed once before they have.
        site.write("ca.pem", &pair.cert);
        site.write("cert.pem", pair.cert);
        site.write("key.pem", pair.key);
        std::fs::create_dir(site.path("keys")).expect("a directory");
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(site.path("keys"), mode).expect("a mode");
        site.configure(&format!("{}{more}", site.least()));
        site
    }

    /// The least of configurations.
    pub fn least(&self) -> String {
        format!("{}keystore: {{retries: 0, fs: {{path: {}}}}}\n", self.without_store(), self.path("keys").display())
    }

    /// The least of configurations but for the key store.
    pub fn without_store(&self) -> String {
        format!(
            "version: v1\naddress: 127.0.0.1:0\nadmin: {{identity: {ADMIN}}}\n\
             tls: {{key: {}, cert: {}, ca: {}}}\n",
            self.path("key.pem").display(),
            self.path("cert.pem").display(),
            self.path("ca.pem").display(),
        )
    }

    /// Writes the configuration.
    pub fn configure(&self, text: &str) {
        self.write("kes.yaml", text);
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).expect("written");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The arguments that every server of this site has.
    pub fn arguments(&self) -> Vec<String> {
        vec!["--config".to_owned(), self.path("kes.yaml").display().to_string()]
    }

    /// A server of this site, with further arguments.
    pub fn start(&self, more: &[&str]) -> Program {
        Program::start(self.arguments().iter().map(String::as_str).chain(more.iter().copied()))
    }

    /// The certificate that the site was made with.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// A client with the administrator's certificate.
    pub fn admin(&self, server: &Program) -> Client {
        Client::new(server.address(), &self.certificate, ADMIN_KEY)
    }
}
