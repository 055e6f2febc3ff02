//! Completion as it has always been: a line in the shell's start-up file names the program, which the shell then runs with
//! what was typed in `COMP_LINE` (specification: `cli.md` §14).

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Command;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::usage;

/// What zsh needs before it understands bash's `complete`.
const BASH_COMPLETION_IN_ZSH: &str = "autoload -U +X bashcompinit && bashcompinit";

/// What to complete, if a shell asks; one candidate per line.
pub(crate) fn answer(root: &Command, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    StartUp::of_shell(&variable("SHELL")?)?;
    let line = variable("COMP_LINE")?;
    Some(candidates(root, &line).into_iter().map(|candidate| candidate + "\n").collect())
}

/// Commands of a group or flags of a command that begin with the last word of `line`.
fn candidates(root: &Command, line: &str) -> Vec<String> {
    let mut command = usage::visible(root);
    // Adds what clap adds by itself: --help.
    command.build();
    let mut words: Vec<&str> = line.split_whitespace().collect();
    let typed = if line.ends_with(char::is_whitespace) { "" } else { words.pop().unwrap_or_default() };
    // The first word is the program, and not to be completed.
    let typed = if words.is_empty() { "" } else { typed };
    let mut names = words.into_iter().skip(1).filter(|word| !word.starts_with('-'));
    let mut command = &command;
    while command.has_subcommands() {
        let Some(name) = names.next() else { break };
        match command.find_subcommand(name) {
            Some(next) => command = next,
            None if command.get_positionals().next().is_some() => break,
            None => return Vec::new(),
        }
    }
    let candidates: Vec<String> = if command.has_subcommands() && !typed.starts_with('-') {
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect()
    } else {
        command.get_arguments().filter_map(|flag| flag.get_long()).map(|name| format!("--{name}")).collect()
    };
    candidates.into_iter().filter(|candidate| candidate.starts_with(typed)).collect()
}

/// The file that a shell reads when it starts, in the home directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StartUp {
    Bash,
    Zsh,
}

impl StartUp {
    fn of_shell(shell: &str) -> Option<Self> {
        match shell {
            _ if shell.ends_with("bash") => Some(Self::Bash),
            _ if shell.ends_with("zsh") => Some(Self::Zsh),
            _ => None,
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Bash => ".bashrc",
            Self::Zsh => ".zshrc",
        }
    }
}

/// Adds completion to the start-up file of the shell that is in use.
pub(crate) fn install() -> Result<(), Failure> {
    let shell = std::env::var("SHELL").unwrap_or_default();
    let Some(start_up) = StartUp::of_shell(&shell) else {
        return Err(Failure::error(format!(
            "cannot install completion for the shell '{shell}': for others than bash and zsh see 'kes completion --help'"
        )));
    };
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home = home.ok_or_else(|| Failure::error("cannot install completion: `HOME` is not set"))?;
    let program = std::env::current_exe()
        .map_err(|error| Failure::error(format!("cannot install completion: the program has no path: {error}")))?;
    output::print(install_into(&PathBuf::from(home).join(start_up.file()), start_up, &program)?.as_bytes())
}

/// Adds what `file` lacks, and says what that was.
fn install_into(file: &Path, start_up: StartUp, program: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let complete = complete_line(program)?;
    let before = std::fs::read_to_string(file)
        .map_err(|error| Failure::error(format!("cannot install completion: cannot read '{shown}': {error}")))?;
    let wanted = match start_up {
        StartUp::Bash => &[complete.as_str()][..],
        StartUp::Zsh => &[BASH_COMPLETION_IN_ZSH, &complete],
    };
    let missing: Vec<&str> =
        wanted.iter().copied().filter(|wanted| !before.lines().any(|line| line.starts_with(wanted))).collect();
    if missing.is_empty() {
        return Ok("Completion is already installed.\n".to_owned());
    }
    let mut added = String::new();
    if !before.is_empty() && !before.ends_with('\n') {
        added.push('\n');
    }
    for line in &missing {
        // Writing to a string does not fail.
        let _ = writeln!(added, "{line}");
    }
    File::options()
        .append(true)
        .open(file)
        .and_then(|mut file| file.write_all(added.as_bytes()))
        .map_err(|error| Failure::error(format!("cannot install completion: cannot write '{shown}': {error}")))?;
    Ok(format!(
        "Added completion to '{shown}'. It works in shells that start from now on.\nTo undo this, remove:\n\n{}\n",
        missing.iter().map(|line| format!("    {line}\n")).collect::<String>()
    ))
}

/// The line that tells the shell whom to ask.
fn complete_line(program: &Path) -> Result<String, Failure> {
    let refused = || {
        Failure::error(format!(
            "cannot install completion: the path '{}' has characters that shells read otherwise; use 'kes completion' instead",
            program.display()
        ))
    };
    let path = program.to_str().ok_or_else(refused)?;
    let name = program.file_name().and_then(|name| name.to_str()).ok_or_else(refused)?;
    // The shell takes the path for a command line, and splits or expands what is not quoted twice.
    if !path.chars().all(|c| c.is_ascii_alphanumeric() || "/._+-".contains(c)) {
        return Err(refused());
    }
    Ok(format!("complete -o default -C {path} {name}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn completed(line: &str) -> String {
        let variable = |name: &str| match name {
            "SHELL" => Some("/usr/bin/zsh".to_owned()),
            "COMP_LINE" => Some(line.to_owned()),
            _ => None,
        };
        answer(&crate::cli::Kes::command(), variable).expect("an answer").replace('\n', " ").trim().to_owned()
    }

    #[test]
    fn what_was_begun_is_completed() {
        assert_eq!(completed("kes pol"), "policy");
        assert_eq!(completed("kes key cr"), "create");
        assert_eq!(completed("kes key i"), "import info");
        assert_eq!(completed("kes metric --r"), "--rate");
        assert_eq!(completed("kes -k key --json l"), "ls", "flags are passed over");
        assert_eq!(completed("/opt/bin/kes key ls --js"), "--json");
        for nothing in ["kes nope ", "kes key nope ", "kes key create a", "kes tool ", "kes key derive"] {
            assert_eq!(completed(nothing), "", "{nothing}");
        }
    }

    #[test]
    fn the_candidates_are_those_of_the_real_commands() {
        let all = format!(" {} ", completed("kes"));
        for name in ["server", "key", "identity", "policy", "ls", "log", "status", "metric", "completion"] {
            assert!(all.contains(&format!(" {name} ")), "{name}: {all}");
        }
        assert!(!all.contains("tool") && !all.contains(" gateway "), "{all}");
        let flags = format!(" {} ", completed("kes ls "));
        for flag in ["--json", "--identity", "--policy", "--server", "--help"] {
            assert!(flags.contains(&format!(" {flag} ")), "{flag}: {flags}");
        }
        assert!(!flags.contains("--enclave"), "{flags}");
        assert!(!completed("kes server --").contains("--auth"));
    }

    #[test]
    fn only_shells_that_ask_are_answered() {
        let root = crate::cli::Kes::command();
        assert_eq!(answer(&root, |name| (name == "SHELL").then(|| "/bin/bash".to_owned())), None);
        assert_eq!(answer(&root, |name| (name == "COMP_LINE").then(|| "kes ".to_owned())), None);
        assert_eq!(answer(&root, |name| Some(if name == "SHELL" { "fish" } else { "kes " }.to_owned())), None);
    }

    #[test]
    fn paths_that_a_shell_would_split_are_refused() {
        let line = complete_line(Path::new("/opt/kes-1.0/kes")).expect("a line");
        assert_eq!(line, "complete -o default -C /opt/kes-1.0/kes kes");
        for path in ["/opt/my programs/kes", "/opt/$HOME/kes", "/opt/a;b/kes"] {
            assert!(complete_line(Path::new(path)).is_err(), "{path}");
        }
    }
}
