//! The script that starts everything.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::openbao;
use crate::{KES, path};

/// A run of the script; ends with the test.
struct Dev {
    child: Child,
    /// What it has printed when everything runs.
    said: String,
}

fn free_port() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port().to_string()
}

impl Dev {
    /// `tools` has the program `bao`.
    fn start(tools: &Path) -> Self {
        let search = format!("{}:{}", tools.display(), std::env::var("PATH").expect("PATH"));
        let mut child = Command::new(path("examples/vault/dev"))
            .env("PATH", search)
            .env("HOME", tools)
            .env("TMPDIR", tools)
            .env("KES_BINARY", KES)
            .env("KES_PORT", free_port())
            .env("VAULT_PORT", free_port())
            // Of another server, which is not this one's.
            .env("BAO_ADDR", "http://127.0.0.1:1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the script starts");
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok) {
            said.push_str(&line);
            said.push('\n');
            if line.ends_with("Ctrl-C.") {
                break;
            }
        }
        assert!(said.ends_with("Ctrl-C.\n"), "it did not start: {said}");
        Self { child, said }
    }

    /// Runs what the script says may be run, and then `more`.
    fn run(&self, tools: &Path, more: &str) -> Output {
        let (_, rest) = self.said.split_once("In another terminal:\n").expect("instructions");
        let (commands, _) = rest.split_once("\nLogs:").expect("instructions");
        let search = format!("{}:{}", tools.display(), std::env::var("PATH").expect("PATH"));
        let script = format!("set -eu\n{commands}\n{more}");
        Command::new("bash").args(["-c", &script]).env("PATH", search).env("KES", KES).output().expect("bash")
    }

    /// Stops it, by a signal that it can act on: it has servers to stop.
    fn stop(&mut self) -> ExitStatus {
        if let Some(status) = self.child.try_wait().expect("a child") {
            return status;
        }
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        self.child.wait().expect("an end")
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        self.stop();
    }
}

#[test]
fn the_script_starts_a_server_on_a_vault_and_leaves_nothing_behind() {
    let Some(program) = openbao::program() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let tools = directory.path();
    let program = std::fs::canonicalize(program).expect("a program");
    std::os::unix::fs::symlink(program, tools.join("bao")).expect("a link");

    let mut dev = Dev::start(tools);
    let round_trip = r#"
        dek=$("$KES" key dek my-key)
        ciphertext=$(sed -nE 's/.*"ciphertext":"([^"]*)".*/\1/p' <<<"$dek")
        opened=$("$KES" key decrypt my-key "$ciphertext")
        [[ $dek == *"${opened:1:-1}"* ]]
        bao kv get -field=my-key kv/kes/my-key | grep -q '^vault:v1:'
        "$KES" key rm my-key
        ! bao kv get kv/kes/my-key
    "#;
    let output = dev.run(tools, round_trip);
    assert!(output.status.success(), "{output:?}");

    assert!(dev.stop().success());
    let left: Vec<_> =
        std::fs::read_dir(tools).expect("a directory").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left, ["bao"], "what is left");
}
