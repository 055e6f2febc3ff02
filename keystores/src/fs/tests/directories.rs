//! A directory that goes, comes back, or is another one.

use std::sync::atomic::{AtomicU64, Ordering};

use super::scripted::{Call, Scripted, Verdict};
use super::*;

/// Every operation on a store whose directory is away: none says that a key is absent, or there.
async fn assert_unavailable(store: &FileStore) {
    assert!(matches!(create(store, "new", "x").await, Err(StoreError::Unavailable(_))), "create");
    assert!(matches!(read(store, "my-key").await, Err(StoreError::Unavailable(_))), "get");
    assert!(matches!(store.delete(&name("my-key")).await, Err(StoreError::Unavailable(_))), "delete");
    assert!(matches!(store.list("", None, 1).await, Err(StoreError::Unavailable(_))), "list");
    assert!(matches!(store.status().await, Err(StoreError::Unavailable(_))), "status");
}

#[tokio::test]
async fn a_directory_that_is_away_is_never_an_empty_store() {
    let place = Place::new();
    let store = place.store().await;
    assert_eq!(create(&store, "my-key", "x").await.expect("create"), Created::New);
    fs::rename(place.path(), place.beside("away")).expect("rename");
    assert_unavailable(&store).await;
    assert!(!place.path().exists(), "no operation makes the directory");
    fs::write(place.path(), "a file").expect("a file");
    assert_unavailable(&store).await;
    fs::remove_file(place.path()).expect("remove");
    fs::rename(place.beside("away"), place.path()).expect("rename");
    assert_eq!(read(&store, "my-key").await.expect("get").as_deref(), Some(&b"x"[..]));
    assert!(store.status().await.is_ok());
}

#[tokio::test]
async fn a_directory_that_goes_during_a_get_is_no_absent_key() {
    let place = Place::new();
    let path = place.path();
    let armed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let on = Arc::clone(&armed);
    let store = place
        .store_with(Scripted::new(move |call| {
            if call == Call::OpenEntry && on.swap(false, Ordering::Relaxed) {
                fs::remove_dir(&path).expect("remove");
            }
            Verdict::Proceed
        }))
        .await;
    armed.store(true, Ordering::Relaxed);
    assert!(matches!(read(&store, "my-key").await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_directory_that_is_replaced_during_a_get_is_no_absent_key() {
    let place = Place::new();
    let (path, aside) = (place.path(), place.beside("aside"));
    let armed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let on = Arc::clone(&armed);
    let store = place
        .store_with(Scripted::new(move |call| {
            if call == Call::OpenEntry && on.swap(false, Ordering::Relaxed) {
                fs::rename(&path, &aside).expect("rename");
                fs::create_dir(&path).expect("a directory");
            }
            Verdict::Proceed
        }))
        .await;
    armed.store(true, Ordering::Relaxed);
    assert!(matches!(read(&store, "my-key").await, Err(StoreError::Unavailable(_))));
    assert_eq!(read(&store, "my-key").await.expect("the same device, so an answer"), None);
}

#[tokio::test]
async fn another_device_is_the_store_only_if_it_holds_a_key() {
    let place = Place::new();
    let device = Arc::new(AtomicU64::new(1));
    let current = Arc::clone(&device);
    let store = place
        .store_with(Scripted::new(move |call| match call {
            Call::StatOpen => Verdict::Device(current.load(Ordering::Relaxed)),
            _ => Verdict::Proceed,
        }))
        .await;
    assert_eq!(read(&store, "my-key").await.expect("an empty store"), None);

    // The mount is gone: what is seen is the directory below it, with a folder and somebody's file.
    device.store(2, Ordering::Relaxed);
    fs::create_dir(place.entry("folder")).expect("a directory");
    place.plant("lost+found", b"x").await;
    assert_unavailable(&store).await;

    // Mounted anew, on yet another device, with keys.
    device.store(3, Ordering::Relaxed);
    place.plant("other-key", b"x").await;
    assert_eq!(read(&store, "my-key").await.expect("the store has returned"), None);
    assert_eq!(store.delete(&name("other-key")).await.expect("delete"), Deleted::Gone);
    assert_eq!(read(&store, "my-key").await.expect("the last key may be deleted"), None);

    // And gone again: the first device is no longer the store's.
    device.store(1, Ordering::Relaxed);
    assert_unavailable(&store).await;
}
