//! Every system call of a write fails in turn; then the directory is looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::io::Errno;

use super::scripted::{Call, Scripted, Verdict, WAYS, file_system};
use super::*;

/// What a disk, a kernel or a network file system may answer to anything.
const ERRORS: [Errno; 5] = [Errno::NOSPC, Errno::DQUOT, Errno::IO, Errno::ROFS, Errno::STALE];

/// A rule that lets `skip` calls pass after `armed` was set, then fails one.
fn fail_one(
    way: usize,
    armed: &Arc<AtomicBool>,
    skip: usize,
    error: Errno,
    failed: &Arc<Mutex<Option<Call>>>,
) -> Scripted {
    let (armed, failed, mut skip) = (Arc::clone(armed), Arc::clone(failed), skip);
    let base = file_system(way);
    Scripted::new(move |call| {
        let verdict = base(call);
        if !armed.load(Ordering::Relaxed) || verdict != Verdict::Proceed {
            return verdict;
        }
        if skip > 0 {
            skip -= 1;
            return verdict;
        }
        armed.store(false, Ordering::Relaxed);
        *failed.lock().expect("no panic") = Some(call);
        Verdict::Fail(error)
    })
}

#[tokio::test]
async fn a_create_whose_nth_call_fails_leaves_all_or_nothing() {
    for way in WAYS {
        for error in ERRORS {
            let mut failed_calls = Vec::new();
            for nth in 0.. {
                let place = Place::new();
                let armed = Arc::new(AtomicBool::new(false));
                let failed = Arc::default();
                let store = place.store_with(fail_one(way, &armed, nth, error, &failed)).await;
                armed.store(true, Ordering::Relaxed);
                let created = create(&store, "my-key", GENERATION_2).await;
                armed.store(false, Ordering::Relaxed);
                let Some(call) = *failed.lock().expect("no panic") else {
                    assert_eq!(created.expect("nothing failed"), Created::New);
                    break;
                };
                failed_calls.push(call);
                let what = format!("way {way}, call {nth} {call:?}, {error:?}: {created:?}");
                // A second name of the same file that cannot be removed is all that may be left over.
                let left_over = place.names().iter().filter(|name| name.starts_with(".kes-")).count();
                assert_eq!(left_over, usize::from(call == Call::Unlink), "{what}");
                match read(&place.store().await, "my-key").await.expect(&what) {
                    Some(found) => assert_eq!(found, GENERATION_2.as_bytes(), "{what}"),
                    None => assert!(created.is_err(), "{what}"),
                }
                if call == Call::SyncDirectory {
                    assert!(created.is_err() && place.entry("my-key").exists(), "published, and says so: {what}");
                }
                let again = create(&store, "my-key", GENERATION_2).await.expect(&what);
                assert_eq!(again == Created::NameTaken, created.is_ok() || call == Call::SyncDirectory, "{what}");
                assert_eq!(
                    read(&store, "my-key").await.expect(&what).as_deref(),
                    Some(GENERATION_2.as_bytes()),
                    "{what}"
                );
            }
            let last = if way < 2 { Call::SyncDirectory } else { Call::OpenTemporary };
            assert!(failed_calls.contains(&last) && failed_calls.contains(&Call::Write), "way {way}: {failed_calls:?}");
        }
    }
}

#[tokio::test]
async fn a_delete_whose_nth_call_fails_leaves_all_or_nothing() {
    for name in ["my-key", "old.key"] {
        for nth in 0.. {
            let place = Place::new();
            let armed = Arc::new(AtomicBool::new(false));
            let failed = Arc::default();
            let store = place.store_with(fail_one(0, &armed, nth, Errno::IO, &failed)).await;
            place.plant(name, GENERATION_2.as_bytes()).await;
            armed.store(true, Ordering::Relaxed);
            let deleted = store.delete(&crate::conformance::name(name)).await;
            armed.store(false, Ordering::Relaxed);
            let Some(call) = *failed.lock().expect("no panic") else {
                assert_eq!(deleted.expect("nothing failed"), Deleted::Gone);
                break;
            };
            assert!(matches!(deleted, Err(StoreError::Unavailable(_))), "{call:?}: {deleted:?}");
            assert_eq!(place.entry(name).exists(), call != Call::SyncDirectory, "{call:?}");
            let again = store.delete(&crate::conformance::name(name)).await.expect("a second delete");
            assert_eq!(again == Deleted::Absent, call == Call::SyncDirectory, "{call:?}");
        }
    }
}

#[tokio::test]
async fn a_get_whose_nth_call_fails_never_says_absent() {
    for (name, present) in [("my-key", true), ("old.key", true), ("missing", false)] {
        for nth in 0.. {
            let place = Place::new();
            let armed = Arc::new(AtomicBool::new(false));
            let failed = Arc::default();
            let store = place.store_with(fail_one(0, &armed, nth, Errno::STALE, &failed)).await;
            if present {
                place.plant(name, GENERATION_2.as_bytes()).await;
            }
            armed.store(true, Ordering::Relaxed);
            let got = read(&store, name).await;
            armed.store(false, Ordering::Relaxed);
            if failed.lock().expect("no panic").is_none() {
                assert_eq!(got.expect("nothing failed").is_some(), present);
                break;
            }
            assert!(matches!(got, Err(StoreError::Unavailable(_))), "call {nth}: {got:?}");
        }
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_during_the_write_leaves_nothing() {
    for way in WAYS {
        let place = Place::new();
        let writes = Arc::new(AtomicUsize::new(0));
        let armed = Arc::new(AtomicBool::new(false));
        let (counter, on) = (Arc::clone(&writes), Arc::clone(&armed));
        let base = file_system(way);
        let store = place
            .store_with(Scripted::new(move |call| match call {
                Call::Write if on.load(Ordering::Relaxed) => match counter.fetch_add(1, Ordering::Relaxed) {
                    0..3 => Verdict::Short,
                    _ => Verdict::Fail(Errno::NOSPC),
                },
                call => base(call),
            }))
            .await;
        armed.store(true, Ordering::Relaxed);
        assert!(matches!(create(&store, "my-key", GENERATION_2).await, Err(StoreError::Denied(_))), "way {way}");
        assert_eq!(place.names(), [""; 0], "way {way}");
        assert_eq!(read(&store, "my-key").await.expect("absent"), None);
        armed.store(false, Ordering::Relaxed);
        assert_eq!(create(&store, "my-key", GENERATION_2).await.expect("room again"), Created::New);
    }
}

#[tokio::test]
async fn the_content_is_durable_before_its_name_and_the_name_before_the_answer() {
    for way in WAYS {
        let place = Place::new();
        let (store, calls) = place.recorded_store(way).await;
        calls.lock().expect("no panic").clear();
        assert_eq!(create(&store, "my-key", GENERATION_2).await.expect("create"), Created::New);
        let calls = calls.lock().expect("no panic");
        let last =
            |wanted: Call| calls.iter().rposition(|call| *call == wanted).unwrap_or_else(|| panic!("{wanted:?}"));
        let named = last([Call::LinkByProc, Call::LinkByDescriptor, Call::Link, Call::Rename][way]);
        assert!(last(Call::Write) < last(Call::Sync), "way {way}: {calls:?}");
        assert!(last(Call::Sync) < named && named < last(Call::SyncDirectory), "way {way}: {calls:?}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_during_the_write_keeps_its_value() {
    for way in WAYS {
        let place = Place::new();
        let armed = Arc::new(AtomicBool::new(false));
        let (on, path, base) = (Arc::clone(&armed), place.entry("my-key"), file_system(way));
        let store = place
            .store_with(Scripted::new(move |call| {
                if call == Call::Sync && on.swap(false, Ordering::Relaxed) {
                    fs::write(&path, "theirs").expect("another server's key");
                }
                base(call)
            }))
            .await;
        armed.store(true, Ordering::Relaxed);
        assert_eq!(create(&store, "my-key", "ours").await.expect("create"), Created::NameTaken, "way {way}");
        assert_eq!(read(&store, "my-key").await.expect("get").as_deref(), Some(&b"theirs"[..]), "way {way}");
        assert_eq!(place.names(), ["my-key"], "way {way}");
    }
}

#[tokio::test]
async fn short_writes_are_continued() {
    let place = Place::new();
    let store = place
        .store_with(Scripted::new(|call| if call == Call::Write { Verdict::Short } else { Verdict::Proceed }))
        .await;
    assert_eq!(create(&store, "my-key", GENERATION_2).await.expect("create"), Created::New);
    assert_eq!(read(&store, "my-key").await.expect("get").as_deref(), Some(GENERATION_2.as_bytes()));
}

#[tokio::test]
async fn a_full_or_read_only_disk_still_knows_which_names_are_taken() {
    let place = Place::new();
    place.store().await;
    place.plant("my-key", GENERATION_2.as_bytes()).await;
    for error in [Errno::NOSPC, Errno::ROFS, Errno::ACCESS] {
        let store = place
            .store_with(Scripted::new(move |call| match call {
                Call::OpenUnnamed | Call::OpenTemporary | Call::Write | Call::Unlink => Verdict::Fail(error),
                _ => Verdict::Proceed,
            }))
            .await;
        assert!(matches!(create(&store, "new", "x").await, Err(StoreError::Denied(_))), "{error:?}");
        assert!(matches!(store.delete(&name("my-key")).await, Err(StoreError::Denied(_))), "{error:?}");
        assert_eq!(create(&store, "my-key", "x").await.expect("create"), Created::NameTaken);
        assert_eq!(read(&store, "my-key").await.expect("get").as_deref(), Some(GENERATION_2.as_bytes()));
    }
}

#[tokio::test]
async fn a_file_system_that_cannot_sync_directories_is_taken_as_it_is() {
    let place = Place::new();
    let store = place
        .store_with(Scripted::new(|call| match call {
            Call::SyncDirectory => Verdict::Fail(Errno::INVAL),
            _ => Verdict::Proceed,
        }))
        .await;
    assert_eq!(create(&store, "my-key", "x").await.expect("create"), Created::New);
    assert_eq!(store.delete(&name("my-key")).await.expect("delete"), Deleted::Gone);
}
