//! What a server says when it runs.

use std::io::Write;
use std::process::{Command, Stdio};

use kes::build;

use crate::program::{KES, Program};
use crate::site::{ADMIN, Site};

/// The lines that say how memory is locked: it depends on the rights of whoever runs the test.
const MEMORY_LOCKS: [&str; 2] = ["MLock       enabled", "MLock       enabled for keys"];

/// The first four lines.
fn about() -> String {
    let runtime = format!("{} {}/{}", build::RUNTIME, build::OS, build::ARCH);
    format!(
        "Version     {:<22}  commit={}\nRuntime     {runtime:<22}  compiler=rustc\n\
         License     {:<22}  https://www.apache.org/licenses/LICENSE-2.0\nCopyright   The KES authors\n",
        build::VERSION,
        build::COMMIT,
        env!("CARGO_PKG_LICENSE"),
    )
}

/// The banner with its line about memory locking taken out.
fn without_memory_lock(banner: &str) -> String {
    let (locks, others): (Vec<&str>, Vec<&str>) = banner.lines().partition(|line| line.starts_with("MLock"));
    let [lock] = locks[..] else { panic!("not one line about memory locking: {banner}") };
    assert!(MEMORY_LOCKS.contains(&lock) || lock.starts_with("MLock       disabled: "), "{lock}");
    others.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_configured_server_says_what_it_is() {
    let site = Site::new();
    let server = site.start(&[]);
    let expected = format!(
        "{}\nKMS         Filesystem: {}\nAPI         · https://{}\n\nDocs        {}\n\n\
         Admin       {ADMIN}\nLogs        error=stderr level=INFO\n\n=> Server is up and running...\n\n",
        about(),
        site.path("keys").display(),
        server.address(),
        build::DOCS,
    );
    assert_eq!(without_memory_lock(&server.stdout.text()), expected);
    assert_ne!(server.address().port(), 0, "the banner says the real port");
    assert_eq!(site.admin(&server).call("GET", "/v1/ready").expect("an answer"), (200, String::new()));
}

#[test]
fn nobody_is_the_administrator_if_the_configuration_says_so() {
    let site = Site::new();
    site.configure(&site.least().replace(ADMIN, "disabled"));
    let banner = site.start(&[]).stdout.text();
    assert!(banner.contains("\nAdmin       <disabled>\n"), "{banner}");
}

#[test]
fn all_addresses_are_listed_under_one_label() {
    let site = Site::new();
    let server = site.start(&["--addr", ":0"]);
    let (banner, port) = (server.stdout.text(), server.address().port());
    let (_, listed) = banner.split_once("\nAPI         · ").expect("a label");
    let (listed, _) = listed.split_once("\n\n").expect("an end");
    let urls: Vec<&str> = listed.split("\n            · ").collect();
    assert!(urls.contains(&format!("https://127.0.0.1:{port}").as_str()), "{urls:?}");
    for url in urls {
        assert!(url.starts_with("https://") && url.ends_with(&format!(":{port}")), "{banner}");
    }
}

#[test]
fn a_development_server_prints_an_api_key_that_works() {
    let server = Program::start(["--dev", "--addr", "127.0.0.1:0"]);
    let banner = server.stdout.text();
    let mut awk = Command::new("awk")
        .arg("/API Key/{print $3}")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("awk is installed");
    awk.stdin.take().expect("a pipe").write_all(banner.as_bytes()).expect("written");
    let api_key = String::from_utf8(awk.wait_with_output().expect("an end").stdout).expect("text");
    let api_key = api_key.trim_end();
    assert!(api_key.starts_with("kes:v1:") && !api_key.contains('\n'), "{api_key}");

    let client = |arguments: &[&str]| {
        let mut command = Command::new(KES);
        command.args(arguments).env_clear();
        command.env("KES_SERVER", server.address().to_string()).env("KES_API_KEY", api_key);
        let output = command.output().expect("an end");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    client(&["key", "create", "-k", "my-key"]);
    client(&["key", "info", "-k", "my-key"]);

    // The rest of the banner, in its order.
    let lines: Vec<&str> = banner.lines().filter(|line| !line.is_empty()).map(|line| line[..12].trim_end()).collect();
    assert_eq!(
        lines,
        [
            "Version",
            "Runtime",
            "License",
            "Copyright",
            "KMS",
            "API",
            "Docs",
            "API Key",
            "Admin",
            "Logs",
            "MLock",
            "=> Server is"
        ]
    );
    assert!(banner.contains("\nKMS         In Memory\n"), "{banner}");
}

#[test]
fn each_log_has_a_line() {
    let site = Site::with("log: {error: warn+1, audit: debug}\n");
    let banner = site.start(&[]).stdout.text();
    let lines = "\nLogs        error=stderr level=WARN+1\n            audit=stdout level=DEBUG\n";
    assert!(banner.contains(lines), "{banner}");
}
