//! What the system knows of the server's process.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::program::{KES, Program};

/// Nobody in particular.
const NOBODY: u32 = 65_534;

/// Who runs the server. The superuser may look into every process, so a test of what others may not has to run as
/// somebody else.
struct Somebody {
    /// A copy of the program that everybody can reach.
    program: TempDir,
}

impl Somebody {
    fn new() -> Self {
        let program = tempfile::tempdir().expect("a directory");
        std::fs::set_permissions(program.path(), std::fs::Permissions::from_mode(0o755)).expect("a mode");
        std::fs::copy(KES, program.path().join("kes")).expect("copied");
        Self { program }
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.current_dir(self.program.path());
        command
    }

    /// Whether a process of the same user may look into process `id`.
    fn may_look_into(&self, id: u32) -> bool {
        let path = format!("/proc/{id}/environ");
        let output = self.command("/bin/cat").arg(path).stdin(Stdio::null()).output().expect("cat is installed");
        assert!(output.status.success() || String::from_utf8_lossy(&output.stderr).contains("denied"), "{output:?}");
        output.status.success()
    }
}

#[test]
fn others_of_the_same_user_cannot_look_into_a_server() {
    let somebody = Somebody::new();
    let mut command = somebody.command(somebody.program.path().join("kes"));
    command.env_clear().args(["server", "--dev", "--addr", "127.0.0.1:0"]);
    let server = Program::running(command);
    assert!(!somebody.may_look_into(server.id()));

    // Any other program can be looked into, so it is the server that forbids it.
    let mut other = somebody.command("/bin/cat").stdin(Stdio::piped()).spawn().expect("cat is installed");
    assert!(somebody.may_look_into(other.id()));
    drop(other.stdin.take());
    other.wait().expect("an end");
}

#[test]
fn a_server_dumps_no_core() {
    let server = Program::start(["--dev", "--addr", "127.0.0.1:0"]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    let numbers: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(numbers, ["0", "0"], "{core}");
}
