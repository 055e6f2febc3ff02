//! Servers in processes of their own, and cores for them and for who asks them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::thread::{CpuSet, sched_setaffinity};

use super::Failure;

/// A server under load, on the first core. Killed when it is dropped.
pub struct Process {
    pub child: Child,
    /// Where it listens: `127.0.0.1:PORT`.
    pub address: String,
}

impl Process {
    /// Starts a server and waits until it says where it listens: a line with `https://127.0.0.1:PORT`, and then one that
    /// begins with `=>`.
    pub fn start(command: &mut Command) -> Result<Self, Failure> {
        pin_to(0)?;
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        pin_to(1)?;
        let mut process = Self { child: child?, address: String::new() };
        for line in BufReader::new(process.child.stdout.take().ok_or("no output")?).lines() {
            let line = line?;
            if let Some((_, port)) = line.split_once("https://127.0.0.1:") {
                process.address = format!("127.0.0.1:{}", port.trim());
            } else if line.starts_with("=>") && !process.address.is_empty() {
                return Ok(process);
            }
        }
        Err("the server did not start".into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Has this thread, and those and the processes that it starts, run on one core. A machine with a single core will not do.
fn pin_to(core: usize) -> Result<(), Failure> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}
