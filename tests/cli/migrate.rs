//! `kes migrate` between two directories, without a server.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Child;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Kes, Outcome, kes};
use crate::server::ADMIN;

/// A stored key of the second generation, as `number` makes it differ from others.
fn stored(number: usize) -> String {
    let key = format!("CiQKIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhsc{number:04}EAE=");
    assert!(kes_core::key::stored::decode(key.as_bytes()).is_ok(), "{key}");
    key
}

/// A source and a target, and the configurations of their servers.
struct Stores(TempDir);

impl Stores {
    fn new() -> Self {
        let stores = Self(tempfile::tempdir().expect("a directory"));
        for store in ["from", "to"] {
            fs::create_dir(stores.path(store)).expect("a directory");
            stores.configure(store, &stores.path(store).display().to_string());
        }
        stores
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn configure(&self, name: &str, path: &str) {
        let text = format!(
            "version: v1\naddress: 127.0.0.1:0\nadmin: {{identity: {ADMIN}}}\ntls: {{key: no.key, cert: no.crt}}\n\
             keystore: {{fs: {{path: {path}}}, concurrency: 4}}\n"
        );
        fs::write(self.path(&format!("{name}.yaml")), text).expect("a configuration");
    }

    /// Keys, by name and what they differ in.
    fn put(&self, store: &str, entries: &[(&str, usize)]) {
        for (name, number) in entries {
            fs::write(self.path(store).join(name), stored(*number)).expect("a file");
        }
    }

    fn put_many(&self, count: usize) {
        for number in 0..count {
            self.put("from", &[(&format!("key-{number}"), number)]);
        }
    }

    fn get(&self, name: &str) -> String {
        fs::read_to_string(self.path("to").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names at the target. What begins with a dot is the store's own: it writes such a file to see whether it can.
    fn copied(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("to")).expect("a directory");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().into_string();
        let names = entries.map(|entry| name(entry).expect("UTF-8"));
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    fn migrate(&self, more: &[&str]) -> Kes {
        kes(["migrate", "--from", "from.yaml", "--to", "to.yaml"].iter().chain(more)).in_directory(self.0.path())
    }

    /// What programs get to see of a run, and its exit code.
    fn summary(&self, more: &[&str]) -> (Option<i32>, Value) {
        let Outcome { code, stdout, .. } = self.migrate(&[&["--json"], more].concat()).run();
        (code, serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout:?}")))
    }

    /// Starts a run and waits until it has copied something.
    fn begun(&self) -> Child {
        let child = self.migrate(&[]).start();
        while self.copied().is_empty() {
            std::thread::yield_now();
        }
        child
    }
}

/// The counts of a run: copied, present, skipped, different, failed.
fn counts(summary: &Value) -> [u64; 5] {
    let count = |name: &str| summary[name].as_u64().or_else(|| summary[name]["count"].as_u64()).expect("a number");
    ["copied", "present", "skipped", "different", "failed"].map(count)
}

#[test]
fn people_see_what_came_of_every_key() {
    let stores = Stores::new();
    stores.put("from", &[("a", 1), ("a--v2-", 2), ("b", 3), ("c", 4), ("old.key", 5)]);
    stores.put("to", &[("b", 3), ("c", 40)]);
    fs::write(stores.path("from").join("README.md"), "# keys").expect("a file");
    fs::write(stores.path("from").join("empty"), "").expect("a file");
    let Outcome { code, stdout, stderr } = stores.migrate(&[]).run();
    let (from, to) = (stores.path("from"), stores.path("to"));
    let expected = format!(
        "Migrating keys: Filesystem: {from} -> Filesystem: {to}\n\n\
         Migrated      2 keys\n\n\
         Copied           2\nPresent          1\nSkipped          2\nDifferent        1\nFailed           1\n\n\
         Skipped\n  README.md  it is no key\n  \
         old.key    no new key can have this name; it is copied when its name is given\n\n\
         Different\n  c  the target has another value\n\n\
         Failed\n  empty  at the source: key store entry is corrupt: `empty` in `{from}` is empty\n",
        from = from.display(),
        to = to.display(),
    );
    assert_eq!((code, stdout), (Some(1), expected));
    assert_eq!(
        stderr,
        "Error: the target has 1 key with another value, and 1 key could not be copied; hint: '--merge' skips what is \
         different, '--force' replaces it\n"
    );
    assert_eq!(stores.copied(), ["a", "a--v2-", "b", "c"]);
    assert_eq!((stores.get("a"), stores.get("c")), (stored(1), stored(40)));
}

#[test]
fn programs_get_an_object() {
    let stores = Stores::new();
    stores.put("from", &[("a", 1), ("b", 2)]);
    stores.put("to", &[("b", 20)]);
    let (code, summary) = stores.summary(&[]);
    let nothing = json!({"count": 0, "entries": []});
    let expected = json!({
        "from": format!("Filesystem: {}", stores.path("from").display()),
        "to": format!("Filesystem: {}", stores.path("to").display()),
        "dry_run": false, "end": "complete", "copied": 1, "present": 0, "skipped": nothing,
        "different": {"count": 1, "entries": [{"name": "b", "reason": "the target has another value"}]},
        "failed": nothing,
    });
    assert_eq!((code, summary), (Some(1), expected));
}

#[test]
fn a_key_with_another_value_is_skipped_or_replaced_when_that_is_asked_for() {
    let stores = Stores::new();
    stores.put("from", &[("a", 1), ("b", 2)]);
    stores.put("to", &[("b", 20)]);
    let (code, summary) = stores.summary(&["--force", "--dry-run"]);
    assert_eq!((code, counts(&summary), stores.copied()), (Some(0), [2, 0, 0, 0, 0], vec!["b".to_owned()]));
    let (code, summary) = stores.summary(&["--merge"]);
    assert_eq!((code, counts(&summary), stores.get("b")), (Some(0), [1, 0, 1, 0, 0], stored(20)));
    let (code, summary) = stores.summary(&["-f"]);
    assert_eq!((code, counts(&summary), stores.get("b")), (Some(0), [1, 1, 0, 0, 0], stored(2)));
    assert_eq!(stores.copied(), ["a", "b"], "no backup is left");
}

#[test]
fn a_key_whose_backup_cannot_be_made_is_not_replaced() {
    let stores = Stores::new();
    stores.put("from", &[("b", 2)]);
    stores.put("to", &[("b", 20)]);
    // The names of all backups of the next minutes.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    for second in now..now + 300 {
        stores.put("to", &[(&format!("b--b{second}-"), 3)]);
    }
    let (code, summary) = stores.summary(&["--force"]);
    assert_eq!((code, counts(&summary), stores.get("b")), (Some(1), [0, 0, 0, 0, 1], stored(20)));
    let reason = summary["failed"]["entries"][0]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("it is not replaced: `b--b1") && reason.ends_with("-` is taken"), "{reason}");
}

#[test]
fn more_keys_than_the_archived_program_saw_arrive() {
    let stores = Stores::new();
    stores.put_many(1101);
    let text = stores.migrate(&["-q"]).run().ok();
    assert!(text.starts_with("Migrated   1101 keys successfully!\n\nCopied        1101\n"), "{text}");
    assert_eq!(stores.copied().len(), 1101);
    let text = kes(["tool", "migrate", "--from", "from.yaml", "--to", "to.yaml"]).in_directory(stores.0.path()).run();
    assert!(text.ok().contains("\nNothing was migrated: it is all there.\n\nCopied           0\nPresent       1101\n"));
}

#[test]
fn a_run_that_was_killed_is_run_again() {
    let stores = Stores::new();
    stores.put_many(1500);
    let mut child = stores.begun();
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let there = stores.copied().len() as u64;
    let (code, summary) = stores.summary(&[]);
    assert_eq!((code, counts(&summary)), (Some(0), [1500 - there, there, 0, 0, 0]));
    for number in 0..1500 {
        assert_eq!(stores.get(&format!("key-{number}")), stored(number));
    }
}

#[test]
fn ctrl_c_ends_it_with_a_table_of_what_was_done() {
    let stores = Stores::new();
    stores.put_many(1500);
    // On a busy machine it may have ended before it is told to: then once more.
    let output = loop {
        let child = stores.begun();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
        let output = child.wait_with_output().expect("it ends");
        if output.status.code() != Some(0) {
            break output;
        }
        fs::remove_dir_all(stores.path("to")).expect("removed");
        fs::create_dir(stores.path("to")).expect("a directory");
    };
    let stdout = String::from_utf8(output.stdout).expect("text");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(130), &b""[..]), "{stdout}");
    assert!(stdout.contains(&format!("\n\nCopied      {:6}\nPresent          0\n", stores.copied().len())), "{stdout}");
    assert!(!stdout.contains("successfully"), "{stdout}");
    assert_eq!(stores.summary(&[]).0, Some(0));
}

#[test]
fn patterns_select_keys_and_names_take_any() {
    let stores = Stores::new();
    stores.put("from", &[("my-a", 1), ("my-b", 2), ("my-b--v2-", 3), ("other", 4), ("old.key", 5), ("-x", 6)]);
    for (pattern, copied) in [
        ("my-[b-z]", vec!["my-b", "my-b--v2-"]),
        ("old.key", vec!["my-b", "my-b--v2-", "old.key"]),
        ("oth*", vec!["my-b", "my-b--v2-", "old.key", "other"]),
    ] {
        let (code, summary) = stores.summary(&[pattern]);
        assert_eq!((code, counts(&summary)[2]), (Some(0), 0), "{pattern}: {summary}");
        assert_eq!(stores.copied(), copied, "{pattern}");
    }
    assert_eq!(stores.summary(&["--", "-x"]).0, Some(0));
    assert_eq!(stores.get("-x"), stored(6));
    let (code, summary) = stores.summary(&["nope"]);
    assert_eq!((code, counts(&summary)), (Some(1), [0, 0, 0, 0, 1]));
    let (code, summary) = stores.summary(&["nope*"]);
    assert_eq!((code, counts(&summary)), (Some(0), [0; 5]));
}

#[test]
fn mistakes_in_the_arguments_name_the_cure() {
    let stores = Stores::new();
    let see = "See 'kes migrate --help'";
    let kms = format!("a MinIO KMS cannot be the target: '--to' names the configuration of another key store. {see}");
    for (arguments, expected) in [
        (&["a", "b"][..], format!("too many arguments. {see}")),
        (&["["], format!("'[' is a malformed pattern. {see}")),
        (&["a/b"], format!("'a/b' is neither a pattern nor the name of a key. {see}")),
        (&["--force", "--merge"], format!("--force and --merge cannot be used together. {see}")),
        (&["-s", "localhost:7373", "-e", "tenant", "-a", "k1:secret"], kms.clone()),
        (&["-k"], kms),
        (&["--color=x"], format!("invalid argument \"x\" for \"--color\" flag: expected auto, always or never. {see}")),
    ] {
        assert_eq!(stores.migrate(arguments).run().error(), expected, "{arguments:?}");
    }
    let missing = |store| format!("no {store} specified: '--{{}}' names the configuration of its server. {see}");
    assert_eq!(kes(["migrate", "a"]).run().error(), missing("source").replace("{}", "from"));
    assert_eq!(kes(["migrate", "--from", "from.yaml"]).run().error(), missing("target").replace("{}", "to"));
}

#[test]
fn a_store_is_no_target_of_itself() {
    let stores = Stores::new();
    symlink(stores.path("from"), stores.path("link")).expect("a link");
    for path in ["from", "./from/", "link"] {
        stores.configure("to", &stores.path(path).display().to_string());
        assert_eq!(stores.migrate(&[]).run().error(), "source and target are the same key store", "{path}");
    }
}

#[test]
fn stores_that_cannot_be_used_are_told_before_anything_is_copied() {
    let stores = Stores::new();
    stores.put("from", &[("a", 1)]);
    fs::write(stores.path("broken.yaml"), "version: v1\nkeystore: {nope: {}}\n").expect("a file");
    for arguments in [["--from", "broken.yaml"], ["--to", "broken.yaml"]] {
        let Outcome { code, stdout, stderr } = stores.migrate(&arguments).run();
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert!(stderr.contains("broken.yaml:2:") && stderr.contains("nope"), "{stderr}");
    }
    let error = stores.migrate(&["--from", "missing.yaml"]).run().error();
    assert!(error.starts_with("missing.yaml: the configuration cannot be read: "), "{error}");

    fs::rename(stores.path("to"), stores.path("elsewhere")).expect("renamed");
    let error = stores.migrate(&["--dry-run"]).run().error();
    assert!(error.starts_with("cannot connect to the target: ") && !stores.path("to").exists(), "{error}");
    fs::write(stores.path("to"), "a file").expect("a file");
    let error = stores.migrate(&[]).run().error();
    assert!(error.contains("is not a directory; hint: name one"), "{error}");
    fs::remove_file(stores.path("to")).expect("removed");

    fs::rename(stores.path("from"), stores.path("gone")).expect("renamed");
    let error = stores.migrate(&[]).run().error();
    assert!(error.starts_with("cannot connect to the source: "), "{error}");
    assert!(!stores.path("from").exists() && !stores.path("to").exists(), "nothing is made for nothing");

    fs::rename(stores.path("gone"), stores.path("from")).expect("renamed");
    assert_eq!(stores.summary(&[]).0, Some(0));
    assert_eq!(stores.get("a"), stored(1), "the target is made when it is needed");
}

#[test]
fn a_target_that_takes_nothing_fails_key_by_key() {
    let stores = Stores::new();
    stores.put("from", &[("a", 1), ("b", 2)]);
    // Not even root can make files there.
    stores.configure("to", "/proc/self");
    let (code, summary) = stores.summary(&["-q"]);
    assert_eq!((code, counts(&summary)), (Some(1), [0, 0, 0, 0, 2]));
    let reason = summary["failed"]["entries"][0]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("at the target: key store "), "{reason}");
}
