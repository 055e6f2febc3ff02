//! A run of `kes server`, whose output can be waited for.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// What takes longer than this does not happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What scripts wait for.
const RUNNING: &str = "=> Server is up and running...\n\n";

/// The program.
pub const KES: &str = env!("CARGO_BIN_EXE_kes");

/// One stream of the program's output, as far as it was read.
#[derive(Clone, Default)]
pub struct Stream(Arc<(Mutex<Output>, Condvar)>);

#[derive(Default)]
struct Output {
    text: String,
    ended: bool,
}

impl Stream {
    /// Reads `source` on a thread of its own, so that the program never waits for its reader.
    fn read(source: impl Read + Send + 'static) -> Self {
        let stream = Self::default();
        let written = stream.clone();
        std::thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while source.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                written.output().text.push_str(&String::from_utf8_lossy(&line));
                written.0.1.notify_all();
                line.clear();
            }
            written.output().ended = true;
            written.0.1.notify_all();
        });
        stream
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that was written so far.
    pub fn text(&self) -> String {
        self.output().text.clone()
    }

    /// Waits for `text`. Fails if the stream ends without it.
    pub fn wait_for(&self, text: &str) {
        let seen = self.wait_until(|output| output.ended || output.text.contains(text));
        assert!(seen.contains(text), "`{text}` was not written, but: {seen}");
    }

    /// Waits until `text` was written behind the first `bytes` bytes.
    pub fn wait_for_behind(&self, bytes: usize, text: &str) {
        let is_written = |output: &Output| output.text[bytes..].contains(text);
        let seen = self.wait_until(|output| output.ended || is_written(output));
        assert!(seen[bytes..].contains(text), "`{text}` was not written again, but: {seen}");
    }

    /// How often `text` was written so far.
    pub fn times(&self, text: &str) -> usize {
        self.output().text.matches(text).count()
    }

    /// Waits for the end, and returns everything.
    fn to_end(&self) -> String {
        self.wait_until(|output| output.ended)
    }

    fn wait_until(&self, condition: impl Fn(&Output) -> bool) -> String {
        let waited = self.0.1.wait_timeout_while(self.output(), PATIENCE, |output| !condition(output));
        let (output, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(condition(&output), "waited in vain; until now: {}", output.text);
        output.text.clone()
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct End {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// A running server. It is killed when this is dropped.
pub struct Program {
    child: Child,
    pub stdout: Stream,
    pub stderr: Stream,
}

/// `kes server` with these arguments, an empty environment and no input.
pub fn command(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(KES);
    command.arg("server").args(arguments).env_clear();
    command
}

impl Program {
    /// Runs a command.
    pub fn spawn(command: Command) -> Self {
        Self::spawn_with(command, Stdio::null())
    }

    /// Runs a command with this input.
    pub fn spawn_with(mut command: Command, stdin: Stdio) -> Self {
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program is there");
        let stdout = Stream::read(child.stdout.take().expect("a pipe"));
        let stderr = Stream::read(child.stderr.take().expect("a pipe"));
        Self { child, stdout, stderr }
    }

    /// Runs a server and waits until it says that it is running.
    pub fn start(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Self::running(command(arguments))
    }

    /// As [`Program::start`], for a command of the test's own.
    pub fn running(command: Command) -> Self {
        let program = Self::spawn(command);
        let said = program.stdout.wait_until(|output| output.ended || output.text.contains(RUNNING));
        assert!(said.contains(RUNNING), "the server does not start: {said}{}", program.stderr.to_end());
        program
    }

    /// Runs a server that is expected to end by itself.
    pub fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> End {
        Self::spawn(command(arguments)).end()
    }

    /// The first address of the banner.
    pub fn address(&self) -> SocketAddr {
        let banner = self.stdout.text();
        let (_, rest) = banner.split_once("· https://").expect("an address");
        rest.lines().next().and_then(|address| address.parse().ok()).expect("an address")
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().try_into().expect("a process id")).expect("not zero");
        kill_process(id, signal).expect("the process is there");
    }

    /// Tells the server to read its configuration again, and waits for this on stdout or stderr, once more than before.
    fn reload_until(&self, stream: &Stream, text: &str) {
        let before = stream.output().text.len();
        self.signal(Signal::HUP);
        stream.wait_for_behind(before, text);
    }

    /// Has the server read its configuration again.
    pub fn reload(&self) {
        self.reload_until(&self.stdout, "=> Reloading configuration after SIGHUP signal completed.\n\n");
    }

    /// Has the server read its configuration again, in vain; it says so with words that begin like this.
    pub fn reload_in_vain(&self, beginning: &str) {
        self.reload_until(&self.stderr, beginning);
    }

    /// Waits until nobody can connect any more.
    pub fn until_closed(&self) {
        let (address, deadline) = (self.address(), Instant::now() + PATIENCE);
        while TcpStream::connect(address).is_ok() {
            assert!(Instant::now() < deadline, "connections are still accepted");
            std::thread::yield_now();
        }
    }

    /// Waits for the end of the program.
    pub fn end(mut self) -> End {
        // Both streams end with the process, so this is where the patience ends, too.
        let (stdout, stderr) = (self.stdout.to_end(), self.stderr.to_end());
        End { status: self.child.wait().expect("it was not waited for before"), stdout, stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
