use std::process::{Command, Output};

use crate::{KES, text};

/// The instructions of the Dockerfile, lines joined, and their arguments.
fn instructions() -> Vec<(String, String)> {
    let text = text("Dockerfile");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let split = |line: &str| line.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()));
    joined.lines().map(|line| split(line).unwrap_or_else(|| panic!("no arguments: {line}"))).collect()
}

/// The instructions of the image itself, after those of the build.
fn image() -> Vec<(String, String)> {
    let all = instructions();
    let stage = all.iter().rposition(|instruction| instruction.0 == "FROM").expect("a stage");
    all[stage..].to_vec()
}

fn of<'a>(instructions: &'a [(String, String)], name: &str) -> &'a str {
    let found: Vec<&str> =
        instructions.iter().filter(|instruction| instruction.0 == name).map(|found| found.1.as_str()).collect();
    let [only] = found[..] else { panic!("{name} is there {} times", found.len()) };
    only
}

/// A command in its JSON form, which needs no shell.
fn words(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_else(|_| panic!("it needs a shell: {json}"))
}

fn run(arguments: &[String]) -> Output {
    Command::new(KES).args(arguments).env_clear().output().expect("the program runs")
}

#[test]
fn the_build_takes_the_compiler_that_the_manifest_asks_for() {
    let manifest = text("Cargo.toml");
    let (_, version) = manifest.split_once("rust-version = \"").expect("a version");
    let version = version.split('"').next().expect("a version");
    assert!(of(&instructions()[..2], "FROM").starts_with(&format!("rust:{version}-")), "not Rust {version}");
}

#[test]
fn the_image_runs_nothing_while_it_is_made_and_nobody_in_particular_later() {
    let image = image();
    assert!(!image.iter().any(|instruction| instruction.0 == "RUN"), "it has no shell");
    for id in of(&image, "USER").split(':') {
        assert!(id.parse::<u32>().is_ok_and(|id| id > 0), "`{id}` is the superuser or a name");
    }
    assert_eq!(of(&image, "EXPOSE"), "7373");
}

#[test]
fn without_a_command_it_shows_the_help() {
    let image = image();
    assert_eq!(words(of(&image, "ENTRYPOINT")), ["/kes"]);
    let output = run(&words(of(&image, "CMD")));
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("\nUsage:\n"), "{output:?}");
}

#[test]
fn its_health_check_needs_no_shell_and_exists() {
    let image = image();
    let (_, command) = of(&image, "HEALTHCHECK").split_once("CMD ").expect("a command");
    let mut words = words(command);
    assert_eq!(words.remove(0), "/kes");
    words.push("--help".to_owned());
    let output = run(&words);
    assert!(String::from_utf8_lossy(&output.stdout).contains("kes healthcheck"), "{output:?}");
}

#[test]
fn the_build_sees_which_release_it_builds() {
    assert!(!text(".dockerignore").lines().any(|line| line.contains(".git")));
}
