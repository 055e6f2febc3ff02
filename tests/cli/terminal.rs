//! What people see: the program in a terminal of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::program::{Kes, kes};
use crate::server::{ADMIN, ADMIN_KEY, Server};

/// How long anything may take until the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

const CTRL_C: &str = "\x03";
const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// What of the program goes elsewhere than to the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piped {
    Nothing,
    Stdout,
    StdoutAndStderr,
}

/// A terminal, and the program that runs in it.
struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    child: Child,
    /// Kept open, so that its modes can be looked at to the end.
    line: File,
}

impl Terminal {
    fn run(command: &Kes) -> Self {
        Self::run_with(command, Piped::Nothing)
    }

    fn run_with(command: &Kes, piped: Piped) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&keyboard).expect("a terminal");
        unlockpt(&keyboard).expect("a terminal");
        let path = ptsname(&keyboard, Vec::new()).expect("a path").into_string().expect("UTF-8");
        let line = File::options().read(true).write(true).open(path).expect("a terminal");
        let end = |elsewhere: bool| match elsewhere {
            true => Stdio::piped(),
            false => line.try_clone().expect("a terminal").into(),
        };
        let mut program = command.in_terminal();
        program.stdin(end(false)).stdout(end(piped != Piped::Nothing)).stderr(end(piped == Piped::StdoutAndStderr));
        let child = program.spawn().expect("setsid of util-linux starts");
        let keyboard = File::from(keyboard);
        let mut glass = keyboard.try_clone().expect("a terminal");
        let (show, screen) = mpsc::channel();
        // It ends with the terminal, or with the test.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = glass.read(&mut buffer) {
                if show.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keyboard, screen, seen: String::new(), child, line }
    }

    /// Reads on until this is on the screen; what was there before it goes.
    fn wait_for(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let bytes = self.screen.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {text:?}: {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a terminal");
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.line).expect("a terminal").local_modes.contains(LocalModes::ECHO | LocalModes::ISIG)
    }

    /// The exit code, and everything else that was shown or piped.
    fn end(mut self) -> (Option<i32>, String, String) {
        let mut piped = String::new();
        if let Some(mut stdout) = self.child.stdout.take() {
            stdout.read_to_string(&mut piped).expect("text");
        }
        let code = self.child.wait().expect("it ends").code();
        assert!(self.echoes(), "the terminal is as it was");
        // A mark of our own after everything that the program wrote.
        self.line.write_all(b"\x04").expect("a terminal");
        let shown = self.wait_for("\x04");
        (code, shown.trim_end_matches('\x04').replace("\r\n", "\n"), piped)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is shown of a run that succeeds.
fn shown(command: &Kes) -> String {
    let (code, shown, _) = Terminal::run(command).end();
    assert_eq!(code, Some(0), "{shown}");
    shown
}

#[test]
fn a_terminal_gets_colours_and_a_form_for_people() {
    let server = Server::with("");
    server.kes(&["key", "create", "k"]).run().ok();
    assert_eq!(shown(&server.kes(&["key", "ls"])), "\x1b[4mKey\x1b[0m\nk\n");
    assert_eq!(shown(&server.kes(&["key", "ls"]).with("NO_COLOR", "1")), "Key\nk\n");
    assert_eq!(shown(&server.kes(&["key", "ls"]).with("TERM", "dumb")), "Key\nk\n");
    assert_eq!(shown(&server.kes(&["key", "ls", "--color", "never"])), "Key\nk\n");
    assert_eq!(shown(&server.kes(&["key", "ls", "--json"])), "[\"k\"]\n");
    let dek = shown(&server.kes(&["key", "dek", "k"]));
    assert!(dek.starts_with("\nplaintext:  ") && dek.contains("\nciphertext: "), "{dek}");
    let identity = shown(&kes(["identity", "of", ADMIN_KEY]));
    assert_eq!(identity, format!("Identity:\n\n   \x1b[1m{ADMIN}\x1b[0m\n"));
    let (code, error, _) = Terminal::run(&kes(["nope"])).end();
    assert_eq!(code, Some(1));
    assert_eq!(error, "\x1b[31mError:\x1b[0m \"nope\" is not a kes command. See 'kes --help'\n");
}

/// D7: the archived program looked at stderr too.
#[test]
fn a_pipe_gets_json_although_stderr_is_a_terminal() {
    let server = Server::with("");
    server.kes(&["key", "create", "k"]).run().ok();
    let piped = |command: &Kes| {
        let (code, shown, piped) = Terminal::run_with(command, Piped::Stdout).end();
        assert_eq!((code, shown.as_str()), (Some(0), ""));
        piped
    };
    let dek = piped(&server.kes(&["key", "dek", "k"]));
    assert!(dek.starts_with("{\"plaintext\":\"") && dek.ends_with("\"}"), "{dek}");
    assert_eq!(piped(&kes(["identity", "of", ADMIN_KEY])), ADMIN);
    assert_eq!(piped(&server.kes(&["key", "ls"])), "Key\nk\n");
    assert_eq!(piped(&kes(["identity"])).len(), ADMIN_KEY.len());
    let (code, shown, piped) = Terminal::run_with(&kes(["nope"]), Piped::Stdout).end();
    assert_eq!((code, piped.as_str()), (Some(1), ""));
    assert!(shown.starts_with("\x1b[31mError:\x1b[0m "), "{shown}");
}

#[test]
fn passwords_are_asked_for_on_the_terminal_and_not_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let new = kes(["identity", "new", "--key", "k", "--cert", "c", "--encrypt"]).in_directory(directory.path());
    let mut terminal = Terminal::run(&new);
    terminal.wait_for("Enter password for private key:");
    assert!(!terminal.echoes());
    terminal.press("hunter2\n");
    terminal.wait_for("Confirm password for private key:");
    terminal.press("hunter2\n");
    let (code, shown, _) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("kes:v1:"), "{shown}");

    // Neither stdout nor stderr has to be the terminal.
    let show = kes(["identity", "k"]).in_directory(directory.path());
    let mut terminal = Terminal::run_with(&show, Piped::StdoutAndStderr);
    terminal.wait_for("Enter password for private key 'k': ");
    terminal.press("hunter2\n");
    let (code, shown, piped) = terminal.end();
    assert_eq!((code, shown.as_str()), (Some(0), "\n"), "what is typed is not shown");
    assert!(piped.starts_with("kes:v1:"), "{piped}");

    let mut terminal = Terminal::run(&show);
    terminal.wait_for("'k': ");
    terminal.press("wrong\n");
    let (code, shown, _) = terminal.end();
    assert_eq!((code, shown.as_str()), (Some(1), "\n\x1b[31mError:\x1b[0m incorrect password\n"));
}

#[test]
fn two_passwords_that_differ_write_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let new = kes(["identity", "new", "--key", "k", "--cert", "c", "--encrypt"]).in_directory(directory.path());
    for (first, second, error) in [("a\n", "b\n", "passwords don't match"), ("\n", "", "the password is empty")] {
        let mut terminal = Terminal::run(&new);
        terminal.wait_for("Enter password");
        terminal.press(first);
        if !second.is_empty() {
            terminal.wait_for("Confirm password");
            terminal.press(second);
        }
        let (code, shown, _) = terminal.end();
        assert!(code == Some(1) && shown.contains(error), "{shown}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 0);
}

#[test]
fn ctrl_c_leaves_a_password_prompt_and_a_terminal_that_echoes() {
    let directory = tempfile::tempdir().expect("a directory");
    let new = kes(["identity", "new", "--key", "k", "--cert", "c", "--encrypt"]).in_directory(directory.path());
    let mut terminal = Terminal::run(&new);
    terminal.wait_for("Enter password for private key:");
    terminal.press("hunt");
    terminal.press(CTRL_C);
    let (code, shown, _) = terminal.end();
    assert_eq!((code, shown.as_str()), (Some(130), "\n"));
}

#[test]
fn ctrl_c_ends_a_request_that_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let mut terminal = Terminal::run(&kes(["key", "ls", "-k", "-s", &address, "-a", ADMIN_KEY]));
    // Once it has connected it waits for an answer that never comes.
    let _connection = listener.accept().expect("a connection");
    terminal.press(CTRL_C);
    let (code, shown, _) = terminal.end();
    assert_eq!((code, shown.as_str()), (Some(130), "^C"), "the terminal shows the key, and the program nothing");
}

#[test]
fn the_view_of_metrics_outlives_its_server_and_gives_the_cursor_back() {
    let mut server = Server::with("");
    let mut terminal = Terminal::run(&server.kes(&["metric", "--rate", "20ms"]));
    terminal.wait_for(HIDE_CURSOR);
    terminal.wait_for("Threads");
    terminal.wait_for("\x1b[8A\x1b[J");
    server.kill();
    terminal.wait_for("failed to fetch metrics: ");
    server.start_again();
    terminal.wait_for("Threads");
    terminal.press(CTRL_C);
    let (code, shown, _) = terminal.end();
    assert_eq!(code, Some(0));
    assert!(shown.ends_with(SHOW_CURSOR), "{shown:?}");
}
