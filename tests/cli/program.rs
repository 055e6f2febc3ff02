//! Runs `kes` with an empty environment, and a development server to talk to.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What is said to whom no policy allows what they ask for.
pub const DENIED: &str =
    "not authorized: insufficient permissions; hint: 'kes policy explain PATH' tells which rule decides, or is missing";

/// What a run left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The output of a run that succeeded and had nothing to complain about.
    pub fn ok(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.stdout
    }

    /// The message of a run that failed as errors do: one line on stderr, nothing on stdout, exit code 1.
    pub fn error(self) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{self:?}");
        let message = self.stderr.strip_prefix("Error: ").and_then(|text| text.strip_suffix('\n'));
        let message = message.unwrap_or_else(|| panic!("no error line: {:?}", self.stderr));
        assert!(!message.contains('\n'), "{message}");
        message.to_owned()
    }
}

/// A run of the program.
#[must_use]
pub struct Kes {
    command: Command,
    input: Vec<u8>,
}

/// Prepares a run with these arguments.
pub fn kes<T: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = T>) -> Kes {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kes"));
    command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Kes { command, input: Vec::new() }
}

impl Kes {
    pub fn in_directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// The same run, with the terminal that will be its stdin as the one that controls it.
    pub fn in_terminal(&self) -> Command {
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(self.command.get_program()).args(self.command.get_args()).env_clear();
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(directory) = self.command.get_current_dir() {
            command.current_dir(directory);
        }
        command
    }

    pub fn start(mut self) -> Child {
        self.command.spawn().expect("the program starts")
    }

    pub fn run(self) -> Outcome {
        let input = self.input.clone();
        let mut child = self.start();
        // A program that does not read its input closes it, which is its business.
        let _ = child.stdin.take().expect("a pipe").write_all(&input);
        let output = child.wait_with_output().expect("the program ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// `kes server --dev` on a free port. Ends with the test.
pub struct DevServer {
    child: Child,
    pub address: String,
    pub api_key: String,
}

impl DevServer {
    pub fn start() -> Self {
        let mut child = kes(["server", "--dev", "--addr", "127.0.0.1:0"]).start();
        let (mut address, mut api_key) = (String::new(), String::new());
        for line in BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once("· https://") {
                address = url.to_owned();
            } else if let Some(key) = line.strip_prefix("API Key") {
                api_key = key.trim().to_owned();
            } else if line.contains("up and running") {
                break;
            }
        }
        let server = Self { child, address, api_key };
        assert!(!server.address.is_empty() && !server.api_key.is_empty(), "the banner names both");
        server
    }

    /// Prepares a run of a client command that may talk to this server.
    pub fn kes(&self, arguments: &[&str]) -> Kes {
        kes(arguments.iter().chain(&["-k"])).with("KES_SERVER", &self.address).with("KES_API_KEY", &self.api_key)
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
