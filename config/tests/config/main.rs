//! Configurations as operators write them, and what becomes of them.

mod defaults;
mod example;
mod historic;
mod keystores;
mod messages;
mod robustness;
mod secrets;
mod vectors;

use std::collections::HashMap;

use kes_config::{Config, Loaded, Problems};

/// Variables that every test has.
const VARIABLES: [(&str, &str); 14] = [
    ("AD", "disabled"),
    ("ADDR", "127.0.0.1:7373"),
    ("BB", "${AD}"),
    ("D", "7s"),
    ("EMPTY", ""),
    ("IDS", "a,b"),
    ("KN", "k9"),
    ("L", "off"),
    ("NUMBER", "30"),
    ("S", "on"),
    ("T", "true"),
    ("VER", "v1"),
    ("AUTH", "ON"),
    ("ID", "x1"),
];

/// A file of which single top-level sections are replaced.
struct File(Vec<(&'static str, String)>);

impl File {
    /// The smallest file that loads.
    fn base() -> Self {
        let section = |name, text: &str| (name, text.to_owned());
        Self(vec![
            section("address", "address: 127.0.0.1:7373"),
            section("admin", "admin: {identity: disabled}"),
            section("tls", "tls: {key: private.key, cert: public.crt}"),
            section("keystore", "keystore: {fs: {path: keys}}"),
        ])
    }

    /// Replaces the section, or appends it. The text is the whole section with its key, or nothing.
    fn with(mut self, name: &'static str, text: impl Into<String>) -> Self {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = text.into(),
            None => self.0.push((name, text.into())),
        }
        self
    }

    fn text(&self) -> String {
        self.0.iter().map(|(_, text)| format!("{text}\n")).collect()
    }

    fn parse(&self) -> Result<Loaded, Problems> {
        parse(&self.text())
    }
}

fn parse(text: &str) -> Result<Loaded, Problems> {
    kes_config::parse("kes.yaml", text, &HashMap::from(VARIABLES))
}

/// The configuration of a text that loads.
fn config(text: &str) -> Config {
    parse(text).unwrap_or_else(|problems| panic!("{problems}\n---\n{text}")).config
}

/// The warnings of a text that loads.
fn warnings(text: &str) -> Vec<String> {
    let loaded = parse(text).unwrap_or_else(|problems| panic!("{problems}\n---\n{text}"));
    loaded.warnings.iter().map(ToString::to_string).collect()
}

/// The problems of a text that does not load.
fn problems(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => panic!("loads, and should not:\n{text}"),
        Err(problems) => problems.as_slice().iter().map(ToString::to_string).collect(),
    }
}
