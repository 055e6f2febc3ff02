//! A disk that takes only part of an entry.
//!
//! The limit of a file's size does the same as a disk that fills up, to every process and without rights: a write
//! takes what still fits, and the next one fails. Since it binds the whole process, the test runs in one of its own;
//! since the system also sends a signal that ends the process, a shell switches that off before. What each error of a
//! write does is tested with the store itself.

use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::store::Directory;

/// Says that this is the process of its own.
const LIMITED: &str = "KES_ROBUSTNESS_TEST_LIMITED";

/// Less than an entry has.
const ROOM_BYTES: u64 = 100;

#[test]
fn an_entry_that_does_not_fit_is_a_failure_and_leaves_nothing() {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("sh")
        .args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#])
        .arg(program)
        .args(["--exact", "full_disk::creates_fail_while_there_is_no_room", "--nocapture"])
        .env(LIMITED, "1")
        .output()
        .expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("there was no room"), "{text}");
}

/// What the other process does. In this one it has nothing to do.
#[tokio::test]
async fn creates_fail_while_there_is_no_room() {
    if std::env::var_os(LIMITED).is_none() {
        return;
    }
    let directory = Directory::new();
    let server = directory.server().await;
    let admin = server.admin();
    admin.create("before").await;
    let unlimited = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(ROOM_BYTES), ..unlimited }).expect("a lower limit");
    let import = r#"{"bytes":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#;
    for (path, body) in [("/v1/key/create/too-much", ""), ("/v1/key/import/too-much", import)] {
        assert_eq!(admin.put(path, body).await.line(), r#"502 {"message":"failed to create key"¶}"#);
        assert_eq!(directory.names(), ["before"]);
    }
    assert_eq!(admin.get("/v1/key/describe/too-much").await.line(), r#"404 {"message":"key does not exist"¶}"#);
    // What is there can be used, and a name that is taken is known to be without writing anything.
    assert_eq!(admin.get("/v1/key/describe/before").await.status, 200);
    assert_eq!(admin.put("/v1/key/create/before", "").await.line(), r#"400 {"message":"key already exists"¶}"#);
    setrlimit(Resource::Fsize, unlimited).expect("the old limit");
    admin.create("too-much").await;
    assert_eq!(admin.get("/v1/key/describe/too-much").await.status, 200);
    assert_eq!(directory.names(), ["before", "too-much"]);
    println!("there was no room");
}
