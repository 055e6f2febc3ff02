//! Tells the program which commit it was built from, where there is one to be asked.

use std::process::Command;

fn main() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .env("TZ", "UTC")
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    // The commit's time in UTC names a release, with `-` for `:`.
    let version =
        git(&["-c", "log.showSignature=false", "log", "-1", "--date=format-local:%Y-%m-%dT%H-%M-%SZ", "--format=%cd"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let unknown = || "<unknown>".to_owned();
    println!("cargo::rustc-env=KES_VERSION={}", version.unwrap_or_else(unknown));
    println!("cargo::rustc-env=KES_COMMIT={}", commit.unwrap_or_else(unknown));
    println!("cargo::rustc-env=KES_RUNTIME={}", runtime().unwrap_or_else(|| "rust".to_owned()));
    println!("cargo::rerun-if-changed=build.rs");
    // A path that does not exist would count as changed at every build.
    if std::path::Path::new(".git/logs/HEAD").exists() {
        println!("cargo::rerun-if-changed=.git/logs/HEAD");
    }
}

/// The compiler's release, such as `rust1.95.0`.
fn runtime() -> Option<String> {
    let output = Command::new(std::env::var_os("RUSTC")?).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(format!("rust{}", text.split_whitespace().nth(1)?))
}
