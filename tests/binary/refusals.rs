//! Servers that do not start, and what a supervisor and its operator learn of it.

use std::net::TcpListener;

use crate::program::{End, Program};
use crate::site::Site;

/// Checks the code, and that nothing was said on stdout. Returns what was said on stderr.
#[track_caller]
fn refused(end: End, code: i32) -> String {
    assert_eq!((end.status.code(), end.stdout.as_str()), (Some(code), ""), "{end:?}");
    end.stderr
}

#[test]
fn a_port_that_is_taken_is_an_error_and_no_banner_is_printed() {
    let site = Site::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for arguments in [
        [site.arguments().as_slice(), &["--addr".to_owned(), address.clone()]].concat(),
        vec!["--dev".to_owned(), "--addr".to_owned(), address.clone()],
    ] {
        let said = refused(Program::run(arguments), 1);
        let line = said.lines().find(|line| line.starts_with("Error: ")).expect("an error");
        assert!(
            line.starts_with(&format!("Error: cannot listen on {address}: ")) && line.contains("; hint: "),
            "{line}"
        );
    }
}

#[test]
fn a_bad_configuration_is_refused_with_all_its_problems() {
    let site = Site::new();
    site.configure(
        "version: v1\naddress: 127.0.0.1:seven\nadmin: {identity: disabled}\ntls: {key: k, cert: c, auth: perhaps}\n\
         cache: {expiry: {any: -1s}}\nunknown: 1\nkeystore: {retries: many, fs: {path: keys}}\n",
    );
    for more in [vec![], vec!["--check".to_owned()]] {
        let said = refused(Program::run([site.arguments(), more].concat()), 78);
        for problem in ["address", "tls.auth", "cache.expiry.any", "unknown", "keystore.retries"] {
            assert!(said.contains(problem), "{problem} is missing: {said}");
        }
    }
}

#[test]
fn files_that_the_configuration_names_and_that_are_not_there_are_its_fault() {
    let site = Site::new();
    std::fs::remove_file(site.path("cert.pem")).expect("removed");
    let said = refused(Program::run(site.arguments()), 78);
    assert!(said.contains("cert.pem"), "{said}");
    std::fs::remove_file(site.path("kes.yaml")).expect("removed");
    let said = refused(Program::run(site.arguments()), 78);
    assert!(said.contains("kes.yaml"), "{said}");
}

#[test]
fn a_key_store_that_the_configuration_names_wrongly_is_its_fault() {
    let site = Site::new();
    std::fs::remove_dir(site.path("keys")).expect("removed");
    site.write("keys", "a file");
    let said = refused(Program::run(site.arguments()), 78);
    assert!(said.contains("is not a directory"), "{said}");
}

#[test]
fn a_key_store_that_is_not_built_is_told_before_the_start() {
    let site = Site::new();
    let azure = "{azure: {keyvault: {endpoint: \"https://vault.example.net\"}}}";
    site.configure(&format!("{}keystore: {azure}\n", site.least().split("keystore:").next().unwrap_or_default()));
    for check in [None, Some("--check".to_owned())] {
        let said = refused(Program::run(site.arguments().into_iter().chain(check)), 78);
        assert!(said.contains("keystore.azure.keyvault: not available in this build"), "{said}");
    }
}

#[test]
fn a_predefined_key_that_cannot_be_made_is_an_error_that_names_it() {
    let site = Site::with("keys: [{name: wanted}]\n");
    site.write("keys/wanted", "");
    let said = refused(Program::run(site.arguments()), 1);
    assert!(said.contains("Error: cannot create the predefined key `wanted`: "), "{said}");
}

#[test]
fn a_directory_that_is_missing_is_made_when_the_process_starts() {
    let site = Site::new();
    std::fs::remove_dir(site.path("keys")).expect("removed");
    let server = site.start(&[]);
    assert_eq!(site.admin(&server).call("PUT", "/v1/key/create/a").expect("an answer"), (200, String::new()));
    assert!(site.path("keys/a").exists());
    server.stderr.wait_for(" level=WARN ");
}

#[test]
fn a_check_starts_nothing() {
    let site = Site::new();
    std::fs::remove_dir(site.path("keys")).expect("removed");
    let end = Program::run([site.arguments(), vec!["--check".to_owned()]].concat());
    assert_eq!(end.status.code(), Some(0), "{end:?}");
    assert!(!end.stdout.contains("=> Server"), "{end:?}");
    assert!(!site.path("keys").exists());
}
