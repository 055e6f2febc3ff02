use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use kes_client::pem;
use kes_core::ApiKey;

use crate::program::kes;

const API_KEY: &str = "kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc";
const IDENTITY: &str = "3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22";

/// A directory with `private.key` and `public.crt`, and their API key.
fn pair(flags: &[&str]) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let fixed = ["identity", "new", "--key", "private.key", "--cert", "public.crt"];
    let text = kes(fixed.iter().chain(flags)).in_directory(directory.path()).run().ok();
    let key = text.lines().find_map(|line| line.strip_prefix("   kes:v1:")).unwrap_or_default();
    (directory, format!("kes:v1:{key}"))
}

fn of(directory: &Path, file: &str) -> String {
    kes(["identity", "of", file]).in_directory(directory).run().ok()
}

#[test]
fn a_new_api_key_stands_alone_in_a_pipe() {
    let text = kes(["identity"]).run().ok();
    assert_eq!((text.len(), text.parse::<ApiKey>().is_ok()), (51, true), "{text:?}");
    assert_ne!(kes(["identity"]).run().ok(), text);
}

#[test]
fn identities_stand_alone_in_a_pipe() {
    assert_eq!(kes(["identity", API_KEY]).run().ok(), IDENTITY);
    assert_eq!(kes(["identity", &API_KEY[7..]]).run().ok(), IDENTITY, "the prefix is optional here");
    assert_eq!(kes(["identity", "of", API_KEY]).run().ok(), IDENTITY);
}

#[test]
fn a_pair_of_files_belongs_to_the_printed_api_key() {
    let (directory, api_key) = pair(&["--ip", "127.0.0.1,::1", "--dns", "a", "--dns=b,c", "--expiry", "1h", "my app"]);
    let key: ApiKey = api_key.parse().expect("an API key");
    assert_eq!(of(directory.path(), "public.crt"), key.identity().as_str());
    let run = |argument| kes(["identity", argument]).in_directory(directory.path()).run().ok();
    assert_eq!(run("public.crt"), key.identity().as_str());
    assert_eq!(run("private.key"), api_key);
    let mode = |name| directory.path().join(name).metadata().expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode("private.key"), 0o600);
    assert_eq!(mode("public.crt") & 0o600, 0o600);

    let pem = std::fs::read(directory.path().join("public.crt")).expect("a file");
    let certificate = &pem::read_certificates(&pem).expect("a certificate")[0];
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).expect("a certificate");
    assert_eq!(parsed.subject().to_string(), "CN=my app");
    let names = &parsed.subject_alternative_name().expect("one").expect("one").value.general_names;
    assert_eq!(names.len(), 5);
    let validity = parsed.validity();
    assert_eq!(validity.not_after.timestamp() - validity.not_before.timestamp(), 3600);
}

#[test]
fn existing_files_are_kept_unless_forced() {
    let (directory, api_key) = pair(&[]);
    let again = |flags: &[&str]| {
        let fixed = ["identity", "new", "--key", "private.key", "--cert", "public.crt"];
        kes(fixed.iter().chain(flags)).in_directory(directory.path()).run()
    };
    assert!(again(&[]).error().starts_with("private key 'private.key' already exists"));
    std::fs::remove_file(directory.path().join("private.key")).expect("removed");
    assert!(again(&[]).error().starts_with("certificate 'public.crt' already exists"));
    let before: ApiKey = api_key.parse().expect("an API key");
    assert_eq!(of(directory.path(), "public.crt"), before.identity().as_str());
    again(&["-f"]).ok();
    assert_ne!(of(directory.path(), "public.crt"), before.identity().as_str());
}

#[test]
fn an_encrypted_key_opens_with_its_password_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let new_files = ["identity", "new", "--key", "private.key", "--cert", "public.crt"];
    let new = || kes(new_files.iter().chain(&["--encrypt"])).in_directory(directory.path());
    let text = new().with("KES_CLIENT_KEY_PASSWORD", "hunter2").run().ok();
    assert!(!text.contains("kes:v1:"), "the API key would make the password useless");
    let pem = std::fs::read_to_string(directory.path().join("private.key")).expect("a file");
    assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), "{pem}");
    let show = || kes(["identity", "private.key"]).in_directory(directory.path());
    let api_key = show().with("MINIO_KMS_KES_KEY_PASSWORD", "hunter2").run().ok();
    let identity = api_key.parse::<ApiKey>().expect("an API key").identity();
    assert_eq!(of(directory.path(), "public.crt"), identity.as_str());
    assert_eq!(show().with("MINIO_KMS_KES_KEY_PASSWORD", "other").run().error(), "incorrect password");
    std::fs::write(directory.path().join("password"), "hunter2\n").expect("written");
    let from_file = kes(["identity", "private.key", "--password-file", "password"]).in_directory(directory.path());
    assert_eq!(from_file.with("KES_CLIENT_KEY_PASSWORD", "other").run().ok(), api_key, "flags beat the environment");
    let again = kes(new_files.iter().chain(&["--encrypt", "--password-file", "password", "-f"]));
    again.in_directory(directory.path()).run().ok();
    show().with("KES_CLIENT_KEY_PASSWORD", "hunter2").run().ok();
}

#[test]
fn what_needs_files_says_so() {
    for flags in [["--ip=127.0.0.1"], ["--dns=a"], ["--expiry=1h"], ["--encrypt"], ["--force"]] {
        let error = kes(["identity", "new"].iter().chain(&flags)).run().error();
        assert!(error.contains("--key private.key --cert public.crt"), "{error}");
    }
    assert!(kes(["identity", "new", "--key", "k"]).run().error().starts_with("--key needs --cert"));
    assert!(kes(["identity", "new", "--cert", "c"]).run().error().starts_with("--cert needs --key"));
    assert!(kes(["identity", "new", "a", "b"]).run().error().starts_with("too many arguments"));
    let outcome = kes(["identity", "new", "name"]).run();
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stderr.starts_with("hint: no file is written"), "{}", outcome.stderr);
}

#[test]
fn impossible_certificates_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    for (flag, part) in [
        ("--expiry=-1h", "invalid argument \"-1h\" for \"--expiry\" flag: "),
        ("--expiry=1d", "invalid argument \"1d\" for \"--expiry\" flag: "),
        ("--expiry=0", "--expiry must be longer than nothing"),
        ("--ip=localhost", "invalid argument \"localhost\" for \"--ip\" flag: "),
        ("--dns=a b", "invalid DNS name `a b`"),
    ] {
        let arguments = ["identity", "new", "--key", "k", "--cert", "c", flag];
        let error = kes(arguments).in_directory(directory.path()).run().error();
        assert!(error.starts_with(part), "{error}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 0, "nothing is left behind");
}

#[test]
fn several_identities_are_printed_line_by_line() {
    let (directory, api_key) = pair(&[]);
    let one = of(directory.path(), "public.crt");
    let run =
        kes(["identity", "of", API_KEY, "public.crt", api_key.as_str()]).in_directory(directory.path()).run().ok();
    assert_eq!(run, format!("{IDENTITY}\n{one}\n{one}\n"));
    let pem = std::fs::read(directory.path().join("public.crt")).expect("a file");
    assert_eq!(kes(["identity", "of", "-"]).stdin(pem.clone()).run().ok(), one);
    assert_eq!(kes(["tool", "identity", "of"]).stdin(pem).run().ok(), one);
    assert_eq!(kes(["tool", "identity", "of", "--hash", "SHA-256", API_KEY]).run().ok(), IDENTITY);
    assert!(kes(["identity", "of", "--hash=MD5", API_KEY]).run().error().contains("expected SHA-256"));
}

#[test]
fn files_without_a_certificate_are_refused() {
    let (directory, _) = pair(&[]);
    std::fs::write(directory.path().join("empty"), b"").expect("written");
    std::fs::write(directory.path().join("junk"), b"\x30\x00junk").expect("written");
    let run = |arguments: &[&str]| kes(arguments).in_directory(directory.path()).run().error();
    assert!(run(&["identity", "of"]).starts_with("no API key or certificate specified"));
    assert_eq!(run(&["identity", "of", "empty"]), "failed to parse certificate in 'empty': no valid PEM data");
    assert_eq!(run(&["identity", "of", "junk"]), "failed to parse certificate in 'junk': no valid PEM data");
    let error = run(&["identity", "of", "private.key"]);
    assert!(error.starts_with("failed to parse certificate in 'private.key': unsupported PEM data block"), "{error}");
    assert!(run(&["identity", "of", "missing"]).starts_with("cannot read 'missing': "));
    assert_eq!(run(&["identity", "junk"]), "'junk' contains no valid PEM certificate or private key");
    assert!(run(&["identity", "missing"]).starts_with("cannot read 'missing': "));
    let error = run(&["identity", "of", "kes:v1:canary"]);
    assert!(error.starts_with("invalid API key") && !error.contains("canary"), "{error}");
}

#[test]
fn the_old_tool_writes_its_old_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let arguments = ["tool", "identity", "new", "--server", "--ip", "127.0.0.1", "-t", "24h", "localhost"];
    kes(arguments).in_directory(directory.path()).run().ok();
    assert_eq!(of(directory.path(), "public.crt").len(), 64);
    assert!(directory.path().join("private.key").exists());
}

#[test]
fn commands_that_are_gone_say_where_their_subject_went() {
    for command in ["rm", "forget", "assign"] {
        let error = kes(["identity", command, "x"]).run().error();
        assert!(error.contains("configuration file"), "{error}");
    }
}
