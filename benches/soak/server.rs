//! The real program, and what it says.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use tokio::sync::watch;

use crate::Failure;
use crate::site::Site;
use crate::tally::Tally;

/// How long the server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lines of stderr that are kept for whoever has to find out what went wrong.
const LAST_LINES: usize = 12;

/// What the server said of itself so far.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Where it listens.
    pub address: Option<SocketAddr>,
    /// Where it answers probes.
    pub health: Option<SocketAddr>,
    /// It is up.
    pub running: bool,
    /// Reloads that were completed.
    pub reloads: u64,
    /// Reloads that were not.
    pub failed_reloads: u64,
    /// Its output ended.
    pub ended: bool,
}

/// A running server. It is killed when this is dropped.
pub struct Server {
    child: Child,
    /// What it says, as it says it.
    pub said: watch::Receiver<Said>,
    /// Its listener.
    pub address: SocketAddr,
    /// Its listener for probes.
    pub health: SocketAddr,
    last_lines: Arc<Mutex<VecDeque<String>>>,
}

impl Server {
    /// Starts a server of this site. A panic in it is a surprise.
    pub async fn start(site: &Site, tally: &Arc<Tally>) -> Result<Self, Failure> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kes"));
        command.arg("server").arg("--config").arg(site.path("kes.yaml")).env_clear();
        // Ctrl-C is for this program; the server is stopped when everything was counted.
        command.process_group(0);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (sender, mut said) = watch::channel(Said::default());
        let (sender, last_lines) = (Arc::new(sender), Arc::new(Mutex::new(VecDeque::new())));
        let (out, err) = (child.stdout.take().ok_or("no stdout")?, child.stderr.take().ok_or("no stderr")?);
        listen(out, Arc::clone(&sender), |_| {});
        let (kept, tally) = (Arc::clone(&last_lines), Arc::clone(tally));
        listen(err, sender, move |line| {
            if line.contains("panicked at") || line.contains("defect") {
                tally.surprise(format_args!("the server said: {line}"));
            }
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_back(line.to_owned());
            if kept.len() > LAST_LINES {
                kept.pop_front();
            }
        });
        let up = said.wait_for(|said| said.ended || said.running && said.health.is_some());
        let up = tokio::time::timeout(PATIENCE, up).await.map(|said| said.map(|said| said.clone()));
        let server = |address, health| Self { child, said, address, health, last_lines };
        match up {
            Ok(Ok(Said { address: Some(address), health: Some(health), .. })) => Ok(server(address, health)),
            _ => Err("the server did not start".into()),
        }
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to read its configuration again.
    pub fn hang_up(&self) -> Result<(), Failure> {
        Ok(kill_process(self.pid()?, Signal::HUP)?)
    }

    /// Limits how many files and sockets it may have open, and returns what was the limit until now. What it has stays.
    pub fn limit_descriptors(&self, limit: Option<u64>) -> Result<Option<u64>, Failure> {
        // The hard limit is that of this program, from which it was inherited.
        let maximum = getrlimit(Resource::Nofile).maximum;
        Ok(prlimit(Some(self.pid()?), Resource::Nofile, Rlimit { current: limit, maximum })?.current)
    }

    /// The last lines of its stderr.
    pub fn last_lines(&self) -> Vec<String> {
        self.last_lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Has it stop as an operator would. Fails unless it does, and says that all is well.
    pub async fn stop(mut self) -> Result<(), Failure> {
        kill_process(self.pid()?, Signal::TERM)?;
        let ended = self.said.wait_for(|said| said.ended);
        tokio::time::timeout(PATIENCE, ended).await.map_err(|_| "the server does not stop")??;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}").into()) }
    }

    fn pid(&self) -> Result<Pid, Failure> {
        Ok(Pid::from_raw(self.child.id().try_into()?).ok_or("no process")?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a stream on a thread of its own, so that the server never waits for its reader, and keeps nothing of it.
fn listen(source: impl Read + Send + 'static, said: Arc<watch::Sender<Said>>, also: impl Fn(&str) + Send + 'static) {
    thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            said.send_if_modified(|said| said.hear(&line));
            also(&line);
        }
        said.send_modify(|said| said.ended = true);
    });
}

impl Said {
    /// Takes a line in, and tells whether it says anything.
    fn hear(&mut self, line: &str) -> bool {
        if self.address.is_none()
            && let Some((_, address)) = line.split_once("https://")
        {
            self.address = address.trim().parse().ok();
        } else if let Some((_, address)) = line.split_once("probes are answered on http://") {
            self.health = address.trim_end_matches('"').parse().ok();
        } else if line.starts_with("=> Server is up and running") {
            self.running = true;
        } else if line.starts_with("=> Reloading configuration") {
            self.reloads += 1;
        } else if line.starts_with("Failed to reload") || line.starts_with("Failed to update") {
            self.failed_reloads += 1;
        } else {
            return false;
        }
        true
    }
}
