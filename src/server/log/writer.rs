//! A bounded queue in front of a file or the console, emptied by a thread of its own.
//!
//! A request that has something to log puts it into the queue and goes on. A full queue drops what comes, and counts it:
//! a disk that is slow or a pipe that nobody reads never delays a request.

use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prometheus::IntCounter;

/// Bytes that are written at once, if as many wait.
const BATCH_BYTES: usize = 64 * 1024;

/// Most events that a queue is made for, whatever the configuration says: its places are memory.
const MAX_QUEUE: usize = 1 << 20;

/// Where a thread writes to.
pub trait Output: Send + 'static {
    /// Writes whole lines, each of which ends in a newline. Says how many of them were lost.
    fn write(&mut self, lines: &[u8]) -> u64;

    /// Begins anew, if it is a file.
    fn reopen(&mut self) {}
}

/// The writing end. Its thread ends when this is dropped and everything was written.
#[derive(Debug)]
pub struct Writer {
    jobs: SyncSender<Job>,
    drops: IntCounter,
}

#[derive(Debug)]
enum Job {
    /// Whole lines.
    Write(Bytes),
    Reopen,
    /// To be answered when everything before it was written.
    Flush(SyncSender<()>),
}

impl Writer {
    /// Starts a thread that writes to `output`. At most `queue` events wait; others are added to `drops`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(name: &str, queue: usize, output: impl Output, drops: IntCounter) -> io::Result<Self> {
        let (jobs, received) = sync_channel(queue.clamp(1, MAX_QUEUE));
        let lost = drops.clone();
        thread::Builder::new().name(name.to_owned()).spawn(move || work(&received, output, &lost))?;
        Ok(Self { jobs, drops })
    }

    /// Puts an event into the queue: a line with its newline. Never waits.
    pub fn write(&self, line: Bytes) {
        if self.jobs.try_send(Job::Write(line)).is_err() {
            self.drops.inc();
        }
    }

    /// Lets the file be opened anew after what is in the queue. May wait a moment for a place in it.
    pub fn reopen(&self, limit: Duration) {
        self.send(Job::Reopen, Instant::now() + limit);
    }

    /// Waits until everything in the queue was written, for `limit` at the most. Blocks the thread.
    pub fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let (done, is_done) = sync_channel(1);
        if self.send(Job::Flush(done), deadline) {
            // Whatever is left after that is lost with the process.
            let _ = is_done.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        }
    }

    fn send(&self, mut job: Job, deadline: Instant) -> bool {
        loop {
            match self.jobs.try_send(job) {
                Ok(()) => return true,
                Err(TrySendError::Full(back)) if Instant::now() < deadline => job = back,
                Err(_) => return false,
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn work(jobs: &Receiver<Job>, mut output: impl Output, lost: &IntCounter) {
    let mut batch = Vec::new();
    let mut next = jobs.recv().ok();
    while let Some(job) = next.take() {
        if let Job::Write(line) = &job {
            batch.extend_from_slice(line);
            if batch.len() < BATCH_BYTES {
                match jobs.try_recv() {
                    Ok(job) => {
                        next = Some(job);
                        continue;
                    }
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
                }
            }
        }
        if !batch.is_empty() {
            lost.inc_by(output.write(&batch));
            batch.clear();
            // A burst of long lines need not stay.
            batch.shrink_to(BATCH_BYTES);
        }
        match job {
            Job::Write(_) => {}
            Job::Reopen => output.reopen(),
            // Whoever asked may have stopped waiting.
            Job::Flush(done) => drop(done.try_send(())),
        }
        next = jobs.recv().ok();
    }
}

/// The standard output or error stream of the process.
#[derive(Clone, Copy, Debug)]
pub enum Console {
    /// The standard output stream.
    Out,
    /// The standard error stream.
    Error,
}

impl Output for Console {
    fn write(&mut self, lines: &[u8]) -> u64 {
        let written = match self {
            Self::Out => {
                let mut stream = io::stdout().lock();
                stream.write_all(lines).and_then(|()| stream.flush())
            }
            Self::Error => io::stderr().lock().write_all(lines),
        };
        // Nowhere is left to report a failure to, but it can be counted.
        if written.is_ok() { 0 } else { count_lines(lines) }
    }
}

/// How many lines end in `bytes`.
pub fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Shows what is written, and waits for a nod before it goes on.
    struct Slow {
        written: Sender<String>,
        nods: Receiver<()>,
    }

    impl Output for Slow {
        fn write(&mut self, lines: &[u8]) -> u64 {
            let _ = self.written.send(String::from_utf8_lossy(lines).into_owned());
            let _ = self.nods.recv();
            0
        }

        fn reopen(&mut self) {
            let _ = self.written.send("reopened".to_owned());
        }
    }

    fn slow(queue: usize) -> (Writer, Receiver<String>, Sender<()>, IntCounter) {
        let (written, lines) = channel();
        let (nod, nods) = channel();
        let drops = IntCounter::new("drops", "drops").expect("a counter");
        let writer = Writer::start("slow", queue, Slow { written, nods }, drops.clone()).expect("a thread");
        (writer, lines, nod, drops)
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_never_waits() {
        let (writer, lines, nod, drops) = slow(2);
        writer.write(Bytes::from_static(b"1\n"));
        assert_eq!(lines.recv_timeout(PATIENCE).expect("written"), "1\n");
        // The thread is stuck in the first write; two places are left.
        for line in ["2\n", "3\n", "4\n", "5\n"] {
            writer.write(Bytes::from_static(line.as_bytes()));
        }
        assert_eq!(drops.get(), 2);
        drop(nod);
        assert_eq!(lines.recv_timeout(PATIENCE).expect("written"), "2\n3\n");
    }

    #[test]
    fn what_waits_is_written_before_the_end() {
        let (writer, lines, nod, _) = slow(10);
        drop(nod);
        for line in ["1\n", "2\n", "3\n"] {
            writer.write(Bytes::from_static(line.as_bytes()));
        }
        writer.reopen(PATIENCE);
        writer.write(Bytes::from_static(b"4\n"));
        writer.flush(PATIENCE);
        let seen: String = lines.try_iter().collect();
        assert_eq!(seen, "1\n2\n3\nreopened4\n");
        writer.write(Bytes::from_static(b"5\n"));
        drop(writer);
        assert_eq!(lines.recv_timeout(PATIENCE).expect("written"), "5\n");
        assert!(lines.recv_timeout(PATIENCE).is_err(), "the thread has ended");
    }

    #[test]
    fn flushing_a_stuck_output_ends() {
        let (writer, lines, nod, _) = slow(1);
        writer.write(Bytes::from_static(b"1\n"));
        lines.recv_timeout(PATIENCE).expect("written");
        writer.write(Bytes::from_static(b"2\n"));
        writer.flush(Duration::from_millis(5));
        drop(nod);
    }
}
