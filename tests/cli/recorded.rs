//! Command lines and what they print, recorded in `tests/cli/cmd/`: every help text, and mistakes with arguments. After a
//! change on purpose, `TRYCMD=overwrite cargo test -p kes --test cli recorded` records them again.

use std::fs;
use std::path::Path;

use crate::program::kes;

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/cmd"))
}

#[test]
fn recorded_command_lines_print_what_was_recorded() {
    trycmd::TestCases::new()
        .register_bin("kes", Path::new(env!("CARGO_BIN_EXE_kes")))
        .env("NO_COLOR", "1")
        .case("tests/cli/cmd/*.trycmd")
        .run();
}

#[test]
fn every_help_text_is_recorded() {
    let files = fs::read_dir(directory()).expect("a directory").map(|entry| entry.expect("an entry").path());
    let recorded: String = files.map(|file| fs::read_to_string(file).expect("text")).collect();
    let mut paths = vec![String::new()];
    while let Some(path) = paths.pop() {
        assert!(recorded.contains(&format!("$ kes{path} --help\n")), "the help of 'kes{path}' is not recorded");
        let help = kes(path.split_whitespace().chain(["--help"])).run().ok();
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        // A description that goes on has more than two blanks before it.
        let names = commands.filter_map(|line| line.strip_prefix("  ")?.split_once(' ')).map(|line| line.0);
        paths.extend(names.filter(|name| !name.is_empty()).map(|name| format!("{path} {name}")));
    }
}
