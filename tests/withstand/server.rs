//! A server in a process of its own, and what it needs.

use std::fs;
use std::future::Future;
use std::time::Duration;

use http::Method;
use tokio::time::timeout;

use crate::program::Program;
use crate::site::{ADMIN_KEY, Site};
use crate::support::{Client, Exposition, beside};

/// How long a wait may take before a test fails. Nothing waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const MIB: u64 = 1 << 20;

/// See the module's text.
pub struct Server {
    // Before the directory that it uses.
    pub program: Program,
    pub site: Site,
}

/// What a server uses, as it says itself.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// Open connections, that of the question included.
    pub connections: u64,
    pub descriptors: u64,
    pub tasks: u64,
    pub resident_bytes: u64,
}

impl Account {
    /// Whether it uses no more than `before`, but for what comes and goes, and for `bytes`.
    pub fn is_no_more_than(&self, before: &Self, bytes: u64) -> bool {
        const COME_AND_GO: u64 = 8;
        self.descriptors <= before.descriptors + COME_AND_GO
            && self.tasks <= before.tasks + COME_AND_GO
            && self.resident_bytes <= before.resident_bytes + bytes
    }
}

impl Server {
    /// With more lines in its configuration.
    pub fn start(more: &str) -> Self {
        Self::of(Site::with(more))
    }

    /// With the configuration of a site.
    pub fn of(site: Site) -> Self {
        Self { program: site.start(&[]), site }
    }

    /// A client with the administrator's certificate.
    pub fn admin(&self) -> Client {
        Client::at(self.program.address(), &self.site.certificate(), &ADMIN_KEY.parse().expect("an API key"))
    }

    /// What it uses at this moment.
    pub async fn account(&self) -> Account {
        let metrics = Exposition::of(&self.admin(), "/v1/metrics?format=extended").await;
        let number = |name| metrics.value(name) as u64;
        Account {
            connections: number("kes_connections_open"),
            descriptors: number("kes_open_descriptors"),
            tasks: number("kes_tasks"),
            resident_bytes: number("kes_memory_resident_bytes"),
        }
    }

    /// What it uses once no more than `connections` are open, that of the question included.
    pub async fn account_with(&self, connections: u64) -> Account {
        let calm = async {
            loop {
                let account = self.account().await;
                if account.connections <= connections {
                    return account;
                }
            }
        };
        timeout(PATIENCE, calm).await.expect("connections that have ended are let go of")
    }

    /// The most memory that it ever had, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.program.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().strip_suffix(" kB").and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("kilobytes") * 1024
    }

    /// Does something while others use the server, over both versions of HTTP. They must not notice.
    pub async fn unnoticed<T>(&self, work: impl Future<Output = T>) -> T {
        const BEFORE_IT_BEGINS: usize = 10;
        let mut others = Vec::new();
        let (ended, is_ended) = tokio::sync::watch::channel(false);
        for client in self.admin().over_both() {
            let (is_ended, (ready, is_ready)) = (is_ended.clone(), tokio::sync::oneshot::channel());
            let mut ready = Some(ready);
            let working = beside(async move {
                let mut connection = client.connect().await.expect("a connection");
                let mut answers = 0;
                while !*is_ended.borrow() {
                    let answer = connection.send(Method::PUT, "/v1/key/generate/my-key", "").await.expect("an answer");
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    answers += 1;
                    if answers == BEFORE_IT_BEGINS {
                        let _ = ready.take().map(|ready| ready.send(()));
                    }
                }
            });
            timeout(PATIENCE, is_ready).await.expect("answers").expect("no failure");
            others.push(working);
        }
        let done = work.await;
        ended.send_replace(true);
        for working in others {
            timeout(PATIENCE, working).await.expect("an answer").expect("nobody noticed");
        }
        done
    }
}
