//! `kes server` as an operator runs it: with a configuration, certificates and a file store.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::program::{Kes, kes};

/// The API key of the administrator.
pub const ADMIN_KEY: &str = "kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc";
/// The identity of [`ADMIN_KEY`].
pub const ADMIN: &str = "3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22";

/// The API key of somebody whom configurations may name.
pub const USER_KEY: &str = "kes:v1:ABZpo2bVuOrZvi4Qe2Du65fPWq4N2nKCEzsUFgHMrMwE";

/// The identity of [`USER_KEY`].
pub fn user() -> String {
    kes(["identity", "of", USER_KEY]).run().ok()
}

/// How long something may take before a test fails. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on a free port of the loopback address. Ends with the test.
pub struct Server {
    directory: TempDir,
    child: Child,
    pub address: String,
}

impl Server {
    /// With these lines in its configuration beside the least that it needs.
    pub fn with(more: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name| directory.path().join(name).display().to_string();
        let (key, cert, config) = (path("key.pem"), path("cert.pem"), path("kes.yaml"));
        kes(["identity", "new", "--key", &key, "--cert", &cert, "--ip", "127.0.0.1", "localhost"]).run().ok();
        let least = format!(
            "version: v1\naddress: 127.0.0.1:0\nadmin: {{identity: {ADMIN}}}\n\
             tls: {{key: {key}, cert: {cert}}}\nkeystore: {{fs: {{path: {}}}}}\n",
            path("keys")
        );
        std::fs::write(&config, least + more).expect("a configuration");
        let (child, address) = start(&["--config", &config]);
        Self { directory, child, address }
    }

    /// A file or directory of the server.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Prepares a run of a client command by the administrator, who trusts the server's certificate.
    pub fn kes(&self, arguments: &[&str]) -> Kes {
        self.kes_as(ADMIN_KEY, arguments)
    }

    /// The same by whoever has this API key.
    pub fn kes_as(&self, api_key: &str, arguments: &[&str]) -> Kes {
        let ca = self.path("cert.pem").display().to_string();
        kes(arguments).with("KES_SERVER", &self.address).with("KES_API_KEY", api_key).with("MINIO_KMS_KES_CAPATH", &ca)
    }

    /// Takes the key store away, and returns when the server has noticed. It looks at its store now and then, and answers
    /// with what it saw last.
    pub fn lose_store(&self) {
        std::fs::rename(self.path("keys"), self.path("elsewhere")).expect("moved");
        let begin = Instant::now();
        while !self.kes(&["status", "--json"]).run().ok().contains("\"keystore_unreachable\":true") {
            assert!(begin.elapsed() < PATIENCE, "it is still said to be reachable");
        }
    }

    /// Ends the server as service managers do.
    pub fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Starts a server that has ended, at the same address.
    pub fn start_again(&mut self) {
        let config = self.path("kes.yaml").display().to_string();
        (self.child, self.address) = start(&["--config", &config, "--addr", &self.address]);
    }

    /// Ends the server as `kill -9` does.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The server, once it is up, and its address.
fn start(arguments: &[&str]) -> (Child, String) {
    let mut child = kes(["server"].iter().chain(arguments)).start();
    let mut address = None;
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok) {
        if let Some((_, url)) = line.split_once("· https://") {
            address = Some(url.to_owned());
        } else if line.contains("up and running") {
            break;
        }
    }
    (child, address.expect("the banner names the address"))
}
