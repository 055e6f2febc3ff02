//! What a start does and refuses.

use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use rustix::io::Errno;

use super::scripted::{Call, Scripted, Verdict, WAYS, file_system};
use super::*;

/// Older than the hour after which a temporary file is nobody's.
const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);

fn age(path: &Path) {
    let file = fs::File::options().write(true).open(path).expect("the file");
    file.set_modified(SystemTime::now() - TWO_HOURS).expect("a time");
}

async fn open(path: PathBuf, start: Start) -> Result<FileStore, ConnectError> {
    FileStore::open(path, start, is_stored_key).await
}

#[tokio::test]
async fn only_the_start_of_the_process_makes_the_directory() {
    let place = Place::new();
    let deep = place.path().join("a/b");
    assert!(matches!(open(deep.clone(), Start::Reload).await, Err(ConnectError::Unavailable(_))));
    assert!(!place.path().exists());
    let store = open(deep.clone(), Start::Process).await.expect("a store");
    for path in [&deep, &place.path().join("a"), &place.path()] {
        let mode = fs::metadata(path).expect("the directory").permissions().mode();
        assert_eq!(mode & 0o7777, 0o700, "{}", path.display());
    }
    assert_eq!(store.label(), format!("Filesystem: {}", deep.display()));
    assert!(open(deep, Start::Reload).await.is_ok());
}

#[tokio::test]
async fn a_path_that_is_no_directory_is_refused() {
    let place = Place::new();
    fs::write(place.path(), "a file").expect("a file");
    for start in [Start::Process, Start::Reload] {
        let refused = open(place.path(), start).await.expect_err("a file is no store");
        assert!(matches!(refused, ConnectError::Refused(_)), "{refused}");
        assert!(refused.to_string().ends_with("is not a directory; hint: name one"), "{refused}");
    }
    symlink("nowhere", place.beside("dangling")).expect("a link");
    assert!(open(place.beside("dangling"), Start::Process).await.is_err());
}

#[tokio::test]
async fn a_directory_behind_a_link_and_one_that_others_may_read_are_stores() {
    let place = Place::new();
    fs::create_dir(place.path()).expect("a directory");
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    symlink(place.path(), place.beside("link")).expect("a link");
    let store = open(place.beside("link"), Start::Process).await.expect("a store");
    assert_eq!(create(&store, "my-key", "x").await.expect("create"), Created::New);
    assert_eq!(place.names(), ["my-key"]);
    let mode = fs::metadata(place.path()).expect("the directory").permissions().mode();
    assert_eq!(mode & 0o7777, 0o755, "it is warned of, not changed");
}

#[tokio::test]
async fn a_start_removes_old_temporary_files_and_nothing_else() {
    let place = Place::new();
    fs::create_dir(place.path()).expect("a directory");
    let kept =
        [".kes-1-0123456789abcde", ".kes-1-fedcba9876543210", ".kes-2-0123456789abcdef", ".kes-3-0123456789abcdef"];
    for name in ["my-key", ".hidden", ".kes-99-0123456789abcdef", kept[0], kept[1]] {
        place.plant(name, b"x").await;
        if name != kept[1] {
            age(&place.entry(name));
        }
    }
    fs::create_dir(place.entry(kept[2])).expect("a directory");
    symlink(place.entry("my-key"), place.entry(kept[3])).expect("a link");
    place.store().await;
    let mut expected = [&[".hidden", "my-key"], &kept[..]].concat();
    expected.sort_unstable();
    assert_eq!(place.names(), expected);
}

#[tokio::test]
async fn the_way_that_the_file_system_has_is_found_and_used() {
    let used = [Call::LinkByProc, Call::LinkByDescriptor, Call::Link, Call::Rename];
    for way in WAYS {
        let place = Place::new();
        let (store, calls) = place.recorded_store(way).await;
        assert_eq!(place.names(), [""; 0], "the probe leaves nothing");
        assert!(calls.lock().expect("no panic").contains(&used[way]));
        calls.lock().expect("no panic").clear();
        assert_eq!(create(&store, "my-key", "x").await.expect("create"), Created::New);
        let calls = calls.lock().expect("no panic");
        assert!(calls.contains(&used[way]), "way {way}: {calls:?}");
        // What the probe found missing is not tried again.
        let missing = [Call::OpenUnnamed, Call::Link];
        for (from, call) in [2, 3].into_iter().zip(missing) {
            assert_eq!(calls.contains(&call), way < from && (call != Call::Link || way == 2), "way {way}: {calls:?}");
        }
    }
}

#[tokio::test]
async fn a_link_that_fails_for_an_odd_reason_leads_to_the_next_way() {
    let place = Place::new();
    let store = place
        .store_with(Scripted::new(|call| match call {
            Call::LinkByProc => Verdict::Fail(Errno::ACCESS),
            _ => Verdict::Proceed,
        }))
        .await;
    assert_eq!(create(&store, "my-key", "x").await.expect("create"), Created::New);
    assert_eq!(create(&store, "my-key", "y").await.expect("create"), Created::NameTaken);
    assert_eq!(place.names(), ["my-key"]);
}

#[tokio::test]
async fn a_file_system_without_atomic_names_is_refused() {
    let place = Place::new();
    let system = Arc::new(Scripted::new(file_system(4)));
    let refused = FileStore::open_with(place.path(), Start::Process, is_stored_key, system).await.expect_err("refused");
    assert!(matches!(refused, ConnectError::Refused(_)));
    let path = place.path();
    assert_eq!(refused.to_string(), format!("the file system of '{}' cannot create a name atomically", path.display()));
    assert_eq!(place.names(), [""; 0]);
}
