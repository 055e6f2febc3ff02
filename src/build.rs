//! Which program this is.

/// The release: the UTC time of its commit with `-` for `:`, or `<unknown>`.
pub const VERSION: &str = env!("KES_VERSION");

/// The commit, 40 hex digits, or `<unknown>`.
pub const COMMIT: &str = env!("KES_COMMIT");

/// The operating system, in the spelling that clients know.
pub const OS: &str = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };

/// The processor, in the spelling that clients know.
pub const ARCH: &str = arch(std::env::consts::ARCH);

const fn arch(arch: &'static str) -> &'static str {
    match arch.as_bytes() {
        b"x86_64" => "amd64",
        b"aarch64" => "arm64",
        b"x86" => "386",
        b"powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        _ => arch,
    }
}

/// Where to read on.
pub const DOCS: &str = "docs/README.md in the source of this release";

/// The compiler, such as `rust1.95.0`.
pub const RUNTIME: &str = env!("KES_RUNTIME");

/// What the program says of itself: label, value and detail of each line.
#[must_use]
pub fn about() -> [(&'static str, String, String); 4] {
    [
        ("Version", VERSION.to_owned(), format!("commit={COMMIT}")),
        ("Runtime", format!("{RUNTIME} {OS}/{ARCH}"), "compiler=rustc".to_owned()),
        ("License", env!("CARGO_PKG_LICENSE").to_owned(), "https://www.apache.org/licenses/LICENSE-2.0".to_owned()),
        ("Copyright", "The KES authors".to_owned(), String::new()),
    ]
}
