//! Completion, in the shells that it is for.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::program::kes;

/// Runs a script in a shell that reads no start-up files. `None` if this machine does not have the shell.
fn shell(program: &str, arguments: &[&str]) -> Option<Output> {
    // Fish makes directories in it.
    let home = tempfile::tempdir().expect("a directory");
    match Command::new(program).args(arguments).env_clear().env("HOME", home.path()).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("left out: {program}, which is not installed (Debian: {program})");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// A directory with the script for this shell, and the path of the script.
fn script(shell: &str) -> (TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("kes.completion");
    fs::write(&path, kes(["completion", shell]).run().ok()).expect("written");
    let path = path.to_str().expect("UTF-8").to_owned();
    (directory, path)
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// What bash offers for these words, the last of which is being typed.
fn bash(script: &str, words: &[&str]) -> Vec<String> {
    let [.., previous, typed] = words else { panic!("at least two words") };
    let run = "source \"$1\"; typed=$2; previous=$3; shift 3; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
               _kes kes \"$typed\" \"$previous\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let arguments = ["--norc", "--noprofile", "-c", run, "bash", script, typed, previous];
    lines(&shell("bash", &[&arguments, words].concat()).expect("bash"))
}

#[test]
fn bash_completes_commands_and_flags() {
    let (_directory, script) = script("bash");
    let offered = |words: &[&str]| bash(&script, words);
    assert_eq!(offered(&["kes", "pol"]), ["policy"]);
    assert_eq!(offered(&["kes", "key", "cr"]), ["create"]);
    assert_eq!(offered(&["kes", "metric", "--r"]), ["--rate"]);
    assert_eq!(offered(&["kes", "key", "ls", "--js"]), ["--json"]);
    let all = offered(&["kes", ""]);
    for name in ["server", "key", "identity", "policy", "ls", "log", "status", "metric", "completion", "man"] {
        assert!(all.iter().any(|offer| offer == name), "{name}: {all:?}");
    }
    for hidden in ["tool", "gateway", "update", "--auto-completion"] {
        assert!(!all.iter().any(|offer| offer == hidden), "{hidden}: {all:?}");
    }
    assert_eq!(offered(&["kes", "server", "--au"]), [""], "old flags are not offered");
    assert_eq!(offered(&["kes", "policy", "r"]), [""], "old commands are not offered");
}

#[test]
fn fish_and_zsh_can_read_their_scripts() {
    let (_directory, fish_script) = script("fish");
    let run = "source $argv[1]; complete --do-complete $argv[2]";
    if let Some(output) = shell("fish", &["--no-config", "-c", run, &fish_script, "kes key cr"]) {
        assert_eq!(lines(&output), ["create\tCreate keys with random material"]);
    }
    let (_directory, zsh_script) = script("zsh");
    if let Some(output) = shell("zsh", &["--no-rcs", "-n", &zsh_script]) {
        assert!(lines(&output).is_empty());
    }
}

#[test]
fn other_shells_are_refused() {
    for (arguments, error) in [
        (&["completion"][..], "no shell specified: use bash, zsh or fish. See 'kes completion --help'"),
        (&["completion", "tcsh"], "no completion for 'tcsh': use bash, zsh or fish. See 'kes completion --help'"),
        (&["completion", "bash", "zsh"], "too many arguments. See 'kes completion --help'"),
    ] {
        assert_eq!(kes(arguments).run().error(), error);
    }
}

#[test]
fn the_program_answers_shells_that_ask_it() {
    let ask = |line: &str| kes(["nonsense"]).with("SHELL", "/bin/bash").with("COMP_LINE", line).run().ok();
    assert_eq!(ask("kes pol"), "policy\n");
    assert_eq!(ask("kes key i"), "import\ninfo\n");
    assert_eq!(ask("kes nope "), "");
    assert!(ask("kes key ls ").contains("--json\n"));
    kes(["nonsense"]).with("SHELL", "/bin/sh").with("COMP_LINE", "kes pol").run().error();
}

#[test]
fn the_old_flag_installs_once_and_says_how_to_undo_it() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let install = |shell: &str, home: &Path| {
        kes(["--auto-completion"]).with("SHELL", shell).with("HOME", home.to_str().expect("UTF-8")).run()
    };
    assert!(install("/bin/bash", home).error().contains(".bashrc': "), "the file has to be there");
    let line = format!("complete -o default -C {} kes", env!("CARGO_BIN_EXE_kes"));
    for (shell, file, before, added) in [
        ("/bin/bash", ".bashrc", "alias ll=ls", format!("\n{line}\n")),
        ("/usr/bin/zsh", ".zshrc", "", format!("autoload -U +X bashcompinit && bashcompinit\n{line}\n")),
    ] {
        fs::write(home.join(file), before).expect("written");
        let told = install(shell, home).ok();
        assert!(told.contains(file) && told.contains(&format!("    {line}\n")), "{told}");
        assert_eq!(install(shell, home).ok(), "Completion is already installed.\n");
        assert_eq!(fs::read_to_string(home.join(file)).expect("text"), format!("{before}{added}"));
    }
    assert!(install("/usr/bin/fish", home).error().contains("kes completion"));
    assert_eq!(kes(["--auto-completion", "-v"]).run().ok(), kes(["-v"]).run().ok(), "the version wins");
    assert!(kes(["--auto-completion", "foo"]).run().error().starts_with("\"foo\" is not a kes command"));
}
