//! What others copy: units, images, manifests, programs, and the documents that lead to them.

mod docker;
mod index;
mod kubernetes;
mod programs;
mod systemd;
#[cfg(feature = "vault")]
mod vault;

use std::path::{Path, PathBuf};

use kes_config::{Config, Environment};

/// The program.
const KES: &str = env!("CARGO_BIN_EXE_kes");

/// Whom the examples let in.
const IDENTITY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A file of the project, by its path from the root.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The text of a file of the project.
fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The environment that an example expects.
struct Variables<'a>(&'a [(&'a str, &'a str)]);

impl Environment for Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|variable| variable.0 == name).map(|variable| variable.1.to_owned())
    }
}

/// A configuration that the server would take without a word.
fn configuration(name: &str, text: &str, variables: &[(&str, &str)]) -> Config {
    let loaded = kes_config::parse(name, text, &Variables(variables)).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings);
    loaded.config
}
