//! How fast keys are used that are in OpenBao, and what clients see while it is sealed:
//! `KES_TEST_BAO=…/bao cargo bench --bench vault [-- --seconds N --seal N --disk --transit]`.
//!
//! The real program over a K/V engine of version 2 of a real OpenBao, all on this machine. First without a cache, so that
//! every request needs its key from OpenBao: clients with a connection each, who use a key each, or all the same one; and how
//! many calls and connections that took. Then with a cache, which fetches each key once. Then through a seal, with clients
//! as in the `outage` benchmark, with `cache.expiry.offline` and without. Figures hold on their machine only.

mod support {
    pub mod client;
    pub mod clients;
    pub mod process;
    pub mod program;
    pub mod report;

    pub type Failure = Box<dyn std::error::Error + Send + Sync>;
}
#[allow(dead_code, reason = "shared with the tests, which use the rest of it")]
#[path = "../tests/shared/openbao.rs"]
mod openbao;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Parser;
use futures_util::future::join_all;
use http::Method;
use kes_core::ApiKey;
use openbao::{Administrator, OpenBao};
use rustls::crypto::aws_lc_rs::kx_group::X25519;
use serde_json::json;
use support::Failure;
use support::client::{Connection, Connector, How};
use support::clients::{COLD_EVERY, Clients, HOT};
use support::process::Process;
use support::program::program;
use support::report::tell_of_outage;
use tempfile::TempDir;
use tokio::time::sleep;

/// Clients at the same time, row by row.
const CLIENTS: [usize; 3] = [1, 16, 64];

/// Before the seal and after it.
const CALM: Duration = Duration::from_secs(5);

/// Measures how keys are used that are in OpenBao.
#[derive(Debug, Parser)]
struct Options {
    /// How long each measurement takes
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How long OpenBao is sealed
    #[arg(long, default_value_t = 30)]
    seal: u64,
    /// OpenBao keeps everything on disk, not in memory
    #[arg(long)]
    disk: bool,
    /// Keys are encrypted by transit
    #[arg(long)]
    transit: bool,
    /// Cargo adds it.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let bao = if options.disk { OpenBao::start_node() } else { OpenBao::start() };
    let bao = Arc::new(bao.ok_or("there is no OpenBao: name its program in KES_TEST_BAO")?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&bao, &options))
}

async fn measure(bao: &Arc<OpenBao>, options: &Options) -> Result<(), Failure> {
    let admin = bao.administrator(None);
    admin.done(Method::POST, "sys/mounts/kes", json!({"type": "kv", "options": {"version": "2"}})).await;
    if options.transit {
        admin.done(Method::POST, "sys/mounts/transit", json!({"type": "transit"})).await;
        admin.done(Method::POST, "transit/keys/kes", json!({})).await;
    }
    let (duration, seal) = (Duration::from_secs(options.seconds), Duration::from_secs(options.seal));
    // The users of cached keys, and of others in the seal, whose names go on where the users of cached keys end.
    let cold = (seal + 4 * CALM).div_duration_f64(COLD_EVERY) as usize;
    let uncached = Site::start(bao, options.transit, "cache: {max_keys: 0}")?;
    uncached.create(HOT + cold).await?;

    println!("no cache, {duration:?} each\n{:<24} {:>10} {:>9} {:>9}", "", "requests/s", "p50", "p99");
    for clients in CLIENTS {
        uncached.rate(clients, clients, duration).await?;
        if clients > 1 {
            uncached.rate(clients, 1, duration).await?;
        }
    }
    drop(uncached);
    println!("\na cache, {duration:?}");
    Site::start(bao, options.transit, "cache: {expiry: {any: 1h, unused: 1h}}")?.rate(64, 64, duration).await?;

    let any = seal.as_secs().div_ceil(2);
    for offline in [0, 2 * options.seal] {
        let cache = format!("cache: {{expiry: {{any: {any}s, unused: {any}s, offline: {offline}s}}}}");
        println!("\nsealed for {seal:?}; {cache}");
        through_a_seal(&Site::start(bao, options.transit, &cache)?, &admin, seal).await?;
    }
    Ok(())
}

async fn through_a_seal(site: &Site, admin: &Administrator, time: Duration) -> Result<(), Failure> {
    let clients = Clients::start(&site.server.address, &site.key).await?;
    sleep(CALM).await;
    let begin = Instant::now();
    admin.done(Method::PUT, "sys/seal", json!(null)).await;
    sleep(time).await;
    admin.done(Method::PUT, "sys/unseal", json!({"key": admin.server.unseal_key()})).await;
    let end = Instant::now();
    sleep(CALM).await;
    tell_of_outage(&clients.finish().await?, begin, end);
    Ok(())
}

/// A server, and who may do anything there.
struct Site {
    server: Process,
    key: ApiKey,
    /// What connections of the server to OpenBao look like in the system's table.
    remote: String,
    _directory: TempDir,
}

impl Site {
    fn start(bao: &OpenBao, transit: bool, cache: &str) -> Result<Self, Failure> {
        let (key, directory) = (ApiKey::generate()?, tempfile::tempdir()?);
        let transit = if transit { ", transit: {key: kes}" } else { "" };
        let store = format!(
            "{{endpoint: {}, engine: kes, version: v2, token: {{value: {}}}{transit}}}",
            bao.url, bao.root_token
        );
        let further = format!("admin: {{identity: {}}}\n{cache}\nkeystore: {{vault: {store}}}\n", key.identity());
        let mut command = program(directory.path(), &further)?;
        let port: u16 = bao.url.rsplit_once(':').ok_or("no port")?.1.parse()?;
        let server = Process::start(command.stderr(fs::File::create(directory.path().join("log"))?))?;
        Ok(Self { server, key, remote: format!(" 0100007F:{port:04X} 01 "), _directory: directory })
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let how = How { http2: true, group: X25519, resume: false };
        Ok(Connector::new(&self.server.address, &self.key, &how)?.connect().await?.0)
    }

    /// Makes `key-0` and so on.
    async fn create(&self, keys: usize) -> Result<(), Failure> {
        let connection = self.connect().await?;
        for number in 0..keys {
            let (status, answer) = connection.put(&format!("/v1/key/create/key-{number}"), Bytes::new()).await?;
            if !status.is_success() {
                return Err(format!("no key was made: {status} {answer:?}").into());
            }
        }
        Ok(())
    }

    /// Prints how fast so many clients get data keys of so many keys, and what that took.
    async fn rate(&self, clients: usize, keys: usize, duration: Duration) -> Result<(), Failure> {
        let mut connections = Vec::new();
        for _ in 0..clients {
            connections.push(self.connect().await?);
        }
        let before = self.reads().await?;
        let end = Instant::now() + duration;
        let all = connections.into_iter().enumerate().map(|(client, connection)| async move {
            let path = format!("/v1/key/generate/key-{}", client % keys);
            let mut times = Vec::new();
            while Instant::now() < end {
                let begin = Instant::now();
                let (status, answer) = connection.put(&path, Bytes::new()).await?;
                if !status.is_success() {
                    return Err(Failure::from(format!("no data key: {status} {answer:?}")));
                }
                times.push(begin.elapsed());
            }
            Ok(times)
        });
        let mut times = Vec::new();
        for told in join_all(all).await {
            times.extend(told?);
        }
        let reads = self.reads().await? - before;
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        println!(
            "{:<24} {:>10.0} {:>6.2} ms {:>6.2} ms   {reads} keys were read for {} requests, over {} connections",
            format!("{clients} clients, {keys} keys"),
            times.len() as f64 / duration.as_secs_f64(),
            at(50),
            at(99),
            times.len(),
            self.connections()?,
        );
        Ok(())
    }

    /// How many keys the server has read from its store so far.
    async fn reads(&self) -> Result<u64, Failure> {
        let connection = self.connect().await?;
        let (_, metrics) = connection.send(Method::GET, "/v1/metrics?format=extended", Bytes::new()).await?;
        let metrics = String::from_utf8(metrics.to_vec())?;
        let reads = metrics.lines().filter(|line| line.starts_with(r#"kes_store_call_seconds_count{operation="get""#));
        reads.map(|line| Ok(line.rsplit_once(' ').ok_or("no count")?.1.parse::<u64>()?)).sum()
    }

    /// How many connections the server has to OpenBao at the moment. It keeps idle ones for a minute.
    fn connections(&self) -> Result<usize, Failure> {
        let table = fs::read_to_string(format!("/proc/{}/net/tcp", self.server.child.id()))?;
        Ok(table.lines().filter(|line| line.contains(&self.remote)).count())
    }
}
