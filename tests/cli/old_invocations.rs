//! Invocations of older releases, as charts, blogs and scripts still have them: each works, or says what to do instead.

use std::fs;
use std::path::Path;

use crate::program::{Kes, Outcome};
use crate::server::{ADMIN, ADMIN_KEY, Server};

/// What becomes of an invocation.
enum Then {
    /// It succeeds, and this is on stdout.
    Works(&'static str),
    /// The same, with a warning on stderr for each of these that has it in it.
    Warns(&'static [&'static str]),
    /// It succeeds with a hint that has this in it.
    Hints(&'static str),
    /// It fails, and this is in the message.
    Fails(&'static str),
}

use Then::{Fails, Hints, Warns, Works};

/// 32 bytes in base64, as `kes key create` took them until 2021.
const KEY: &str = "Xlnr/nOgAWE5cA7GAsl3L2goCvmfs6KE0gNgB1T93wE=";

/// In the order of their table in the specification of the command line. They run one after another.
const INVOCATIONS: &[(&str, Then)] = &[
    ("server --check --config kes.yaml --auth=off", Warns(&["'--auth=off' is deprecated"])),
    ("server --check --config kes.yaml --auth=on", Warns(&["`tls.auth: on`"])),
    ("server --check --config kes.yaml --key key.pem --cert cert.pem", Warns(&["'--key'", "'--cert'"])),
    ("server --check --config kes.yaml --mlock", Warns(&["'--mlock'"])),
    ("server --check --config kes.yaml --root 3ecf", Fails("`admin.identity`")),
    ("server --check --config kes.yaml -q", Warns(&["'--quiet'"])),
    ("server --check --config kes.yaml --quiet", Warns(&["'--quiet'"])),
    ("key create one -k", Works("")),
    ("key create -k two", Works("")),
    ("key create three Xlnr/nOgAWE5cA7GAsl3L2goCvmfs6KE0gNgB1T93wE=", Fails("kes key import NAME")),
    ("key derive one", Works("{\"plaintext\":\"")),
    ("key derive one Y29udGV4dA==", Works("{\"plaintext\":\"")),
    ("key list", Works("Key\none\ntwo\n")),
    ("key delete two", Works("")),
    ("tool identity of cert.pem", Works("")),
    (
        "tool identity new --server --key k1 --cert c1 --ip 127.0.0.1 --dns localhost --time 720h name",
        Works("written to: k1\n"),
    ),
    ("tool identity new name", Works("written to: private.key\n")),
    ("tool migrate --from kes.yaml --to target.yaml", Works("Migrated      1 key  successfully!\n")),
    ("migrate -q --from kes.yaml --to target.yaml", Works("")),
    ("identity new name", Hints("--key private.key --cert public.crt")),
    ("identity new --ip 127.0.0.1 localhost", Fails("--key private.key --cert public.crt")),
    ("identity of cert.pem public.crt c1", Works("\n")),
    ("identity of -", Works("")),
    ("tool identity of", Works("")),
    ("identity of --hash SHA-256 cert.pem", Works("")),
    ("identity of --hash SHA-512 cert.pem", Fails("expected SHA-256")),
    ("identity list", Works(ADMIN)),
    ("identity forget 3ecf", Fails("managed in the configuration file")),
    ("identity rm 3ecf", Fails("managed in the configuration file")),
    ("identity assign --policy my-app 3ecf", Fails("managed in the configuration file")),
    ("policy list", Works("Policy\nmy-app\n")),
    ("policy add my-app file.toml", Fails("managed in the configuration file")),
    ("policy create my-app file.json", Fails("managed in the configuration file")),
    ("policy assign my-app 3ecf", Fails("managed in the configuration file")),
    ("policy rm my-app", Fails("managed in the configuration file")),
    ("policy delete my-app", Fails("managed in the configuration file")),
    // Nobody listens there, so that they end: what they say tells what they are.
    ("log trace --json -s 127.0.0.1:1", Fails("failed to follow the audit log: ")),
    ("log trace --type=audit --json -s 127.0.0.1:1", Fails("failed to follow the audit log: ")),
    ("log trace --type error -s 127.0.0.1:1", Fails("failed to follow the error log: ")),
    ("log trace --type metric -s 127.0.0.1:1", Fails("failed to fetch metrics: ")),
    ("init --config kes.yaml /data", Fails("kes identity new")),
    ("enclave create tenant-1 3ecf -k", Fails("several servers")),
    ("secret create my-secret --stdin", Fails("kes key encrypt")),
    ("gateway --config kes.yaml", Fails("kes server")),
    ("key ls -e tenant-1", Works("Key\none\n")),
    ("policy ls --enclave tenant-1", Works("Policy\nmy-app\n")),
    ("identity info -e tenant-1", Works(ADMIN)),
    ("-u", Fails("unknown shorthand flag: 'u' in -u")),
    ("--update", Fails("unknown flag: --update")),
    ("update -k --downgrade --os linux --arch amd64 -o kes v0.17.6", Fails("does not download or replace itself")),
];

/// In the directory of the server, with the variables of old releases that mean nothing any more.
fn prepare(server: &Server, line: &str) -> Kes {
    let certificate = fs::read(server.path("cert.pem")).expect("a certificate");
    let arguments: Vec<&str> = line.split(' ').collect();
    server
        .kes(&arguments)
        .in_directory(&server.path(""))
        .with("KES_ENCLAVE", "tenant-1")
        .with("KES_UNSEAL_KEY", "junk")
        .with("KES_MINISIGN_PUBKEY", "junk")
        .stdin(certificate)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn old_invocations_work_or_say_what_to_do_instead() {
    let server = Server::with("policy: {my-app: {allow: [/v1/status]}}\n");
    let source = fs::read_to_string(server.path("kes.yaml")).expect("a configuration");
    let (keys, copies) = (server.path("keys"), server.path("copies"));
    let target = source.replace(&*keys.to_string_lossy(), &copies.to_string_lossy());
    fs::write(server.path("target.yaml"), target).expect("written");
    for (line, then) in INVOCATIONS {
        let outcome = prepare(&server, line).run();
        match then {
            Works(part) => assert!(outcome.clone().ok().contains(part), "kes {line}: {outcome:?}"),
            Fails(part) => assert!(outcome.clone().error().contains(part), "kes {line}: {outcome:?}"),
            Warns(parts) => {
                let Outcome { code, stderr, .. } = &outcome;
                assert_eq!(*code, Some(0), "kes {line}: {outcome:?}");
                // What is said of the configuration begins with its place.
                let warnings: Vec<&str> = stderr.lines().filter(|line| line.starts_with("WARNING: ")).collect();
                assert_eq!(warnings.len(), parts.len(), "kes {line}: {outcome:?}");
                for (warning, part) in warnings.iter().zip(*parts) {
                    assert!(warning.contains(part), "kes {line}: {outcome:?}");
                }
            }
            Hints(part) => {
                let Outcome { code, stderr, .. } = &outcome;
                assert!(
                    *code == Some(0) && stderr.starts_with("hint: ") && stderr.contains(part),
                    "{line}: {outcome:?}"
                );
            }
        }
    }
    let keys = server.kes(&["key", "ls"]).run().ok();
    assert_eq!(keys, "Key\none\n", "a key in place of a name creates nothing");
    let files = names(&server.path(""));
    for written in ["k1", "c1", "private.key", "public.crt"] {
        assert!(files.iter().any(|file| file == written), "{written}: {files:?}");
    }
}

#[test]
fn identities_are_printed_one_per_line_and_from_stdin() {
    let server = Server::with("");
    let of = |line: &str| prepare(&server, line).run().ok();
    let own = of("identity of cert.pem");
    assert_eq!(own.len(), 64);
    for line in
        ["identity of -", "tool identity of", "tool identity of cert.pem", "identity of --hash=SHA-256 cert.pem"]
    {
        assert_eq!(of(line), own, "{line}");
    }
    assert_eq!(of(&format!("identity of {ADMIN_KEY} cert.pem {ADMIN_KEY}")), format!("{ADMIN}\n{own}\n{ADMIN}\n"));
}

#[test]
fn a_new_identity_without_files_writes_none() {
    let server = Server::with("");
    let before = names(&server.path("")).len();
    assert!(prepare(&server, "identity new name").run().stdout.contains("kes:v1:"));
    assert_eq!(names(&server.path("")).len(), before);
    let error = prepare(&server, &format!("key create three {KEY}")).run().error();
    assert!(!error.contains(KEY), "{error}");
}
