//! A writer that is killed before, between and after its system calls.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::SystemTime;

use super::races::child;
use super::scripted::{Scripted, Verdict, WAYS, file_system};
use super::*;

/// Tells the test binary that it is a writer: `WAY CALL DIRECTORY`, where it is to die before the `CALL`th system call
/// of a create.
const PLAN: &str = "KES_TEST_CRASH_PLAN";

/// The writer's own test, which does nothing but in a child process.
#[tokio::test]
async fn writer() {
    let Ok(plan) = std::env::var(PLAN) else { return };
    let mut plan = plan.splitn(3, ' ');
    let mut number = || plan.next().expect("a number").parse::<usize>().expect("a number");
    let (way, mut left) = (number(), number());
    let path = PathBuf::from(plan.next().expect("a path"));
    let armed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (on, base) = (Arc::clone(&armed), file_system(way));
    let system = Scripted::new(move |call| {
        if on.load(std::sync::atomic::Ordering::Relaxed) {
            if left == 0 {
                return Verdict::Die;
            }
            left -= 1;
        }
        base(call)
    });
    let store = FileStore::open_with(path, Start::Reload, is_stored_key, Arc::new(system)).await.expect("a store");
    armed.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(create(&store, "my-key", GENERATION_2).await.expect("create"), Created::New);
}

#[tokio::test]
async fn a_writer_killed_at_any_moment_leaves_a_whole_key_or_none() {
    for way in WAYS {
        let mut left_behind = 0;
        for call in 0.. {
            let place = Place::new();
            place.store().await;
            let plan = format!("{way} {call} {}", place.path().display());
            let status =
                child("fs::tests::crashes::writer", &[(PLAN, &plan)]).stderr(Stdio::null()).status().expect("a child");
            if status.success() {
                assert!(call > 5, "the writer was killed at every call");
                break;
            }
            assert_eq!(status.signal(), Some(rustix::process::Signal::ABORT.as_raw()), "way {way}, call {call}");

            let temporary: Vec<_> = place.names().into_iter().filter(|name| name.starts_with('.')).collect();
            left_behind += temporary.len();
            let store = place.store().await;
            match read(&store, "my-key").await.expect("get") {
                Some(found) => assert_eq!(found, GENERATION_2.as_bytes(), "way {way}, call {call}"),
                None => assert_eq!(create(&store, "my-key", GENERATION_2).await.expect("create"), Created::New),
            }
            assert_eq!(create(&store, "my-key", "x").await.expect("create"), Created::NameTaken);

            for name in temporary {
                let file = fs::File::options().write(true).open(place.entry(&name)).expect("the file");
                file.set_modified(SystemTime::now() - Duration::from_secs(3601)).expect("a time");
            }
            place.store().await;
            assert_eq!(place.names(), ["my-key"], "way {way}, call {call}: a start cleans up");
            assert_eq!(read(&store, "my-key").await.expect("get").as_deref(), Some(GENERATION_2.as_bytes()));
        }
        assert_eq!(left_behind > 0, way >= 2, "way {way}: only named files are left behind");
    }
}
