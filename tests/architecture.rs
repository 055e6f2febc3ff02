//! The invariants of `docs/architecture.md` that can be read off the sources.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a directory of the project, with their text.
fn sources(directory: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut pending = vec![root().join(directory)];
    while let Some(path) = pending.pop() {
        for entry in fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("below the root").display().to_string();
                found.push((name, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {directory}");
    found
}

/// Code lines outside comments and unit tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// Fails with the places that hold one of the words, in files that are not excepted.
fn assert_absent(directories: &[&str], words: &[&str], except: &[&str]) {
    let mut places = Vec::new();
    for (name, text) in directories.iter().flat_map(|directory| sources(directory)) {
        if except.contains(&name.as_str()) || name.ends_with("/tests.rs") || name.contains("/tests/") {
            continue;
        }
        for line in code(&text).filter(|line| words.iter().any(|word| line.contains(word))) {
            places.push(format!("{name}: {}", line.trim()));
        }
    }
    assert!(places.is_empty(), "found where it must not be:\n{}", places.join("\n"));
}

const ALL: &[&str] = &["core/src", "config/src", "client/src", "keystores/src", "src"];

#[test]
fn unsafe_code_is_in_one_file() {
    assert_absent(ALL, &["unsafe ", "allow(unsafe_code)"], &["core/src/secret/locked.rs"]);
}

#[test]
fn core_does_no_io() {
    let words = ["std::fs", "std::net", "std::process", "std::thread", "std::io::", "tokio", "std::env"];
    assert_absent(&["core/src"], &words, &["core/src/secret/locked.rs"]);
}

#[test]
fn members_depend_on_one_another_in_a_line() {
    for (member, allowed) in [
        ("core", &[][..]),
        ("config", &["kes-core"]),
        ("client", &["kes-core"]),
        ("keystores", &["kes-core", "kes-config", "kes-client"]),
    ] {
        let manifest = fs::read_to_string(root().join(member).join("Cargo.toml")).expect("a manifest");
        let used = manifest
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|name| name.starts_with("kes-"));
        for name in used {
            assert!(allowed.contains(&name), "{member} may not use {name}");
        }
    }
}

#[test]
fn statuses_are_known_in_one_place() {
    assert_absent(
        &["src/server", "src/keys", "src/serve"],
        &["StatusCode::"],
        &["src/server/error.rs", "src/server/reply.rs"],
    );
}

#[test]
fn routes_are_known_in_one_place() {
    assert_absent(&["src/server", "src/keys", "src/serve"], &["\"/v1/", "\"/version"], &["src/server/routes.rs"]);
}

#[test]
fn what_proxies_say_is_read_in_one_place() {
    let words = ["forwarded_ip", ".certificate(headers)", "verify_forwarded"];
    assert_absent(&["src"], &words, &["src/server/peer.rs", "src/server/proxy.rs", "src/server/tls/mod.rs"]);
}

#[test]
fn every_route_can_be_configured() {
    for route in kes::server::ROUTES {
        assert!(kes_config::api::PATHS.contains(&route.path), "{} is unknown to the configuration", route.path);
    }
}

#[test]
fn backends_are_known_in_one_place() {
    assert_absent(&["src", "keystores/src"], &["KeyStore::FileSystem"], &["keystores/src/connect.rs"]);
}

#[test]
fn keys_know_nothing_of_http() {
    assert_absent(&["src/keys", "keystores/src", "core/src"], &["http::", "hyper", "StatusCode", "axum"], &[]);
}

#[test]
fn the_yaml_library_is_known_in_one_place() {
    assert_absent(&["config/src", "src", "keystores/src"], &["granit"], &["config/src/yaml.rs"]);
}
