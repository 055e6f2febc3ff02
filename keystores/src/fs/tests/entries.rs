//! What may lie in the directory beside keys, and how the store behaves towards it.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::scripted::{Call, Scripted, Verdict};
use super::*;
use crate::MAX_VALUE_BYTES;

/// What is no value: it is corrupt to read, its name is taken, and unless it is a regular file it is not deleted.
async fn assert_no_value(place: &Place, store: &FileStore, text: &str) {
    assert!(matches!(read(store, text).await, Err(StoreError::Corrupt(_))), "get of `{text}`");
    assert_eq!(create(store, text, "x").await.expect("create"), Created::NameTaken, "`{text}`");
    assert!(fs::symlink_metadata(place.entry(text)).is_ok(), "`{text}` is still there");
}

async fn assert_not_deleted(place: &Place, store: &FileStore, text: &str) {
    assert!(matches!(store.delete(&name(text)).await, Err(StoreError::Corrupt(_))), "delete of `{text}`");
    assert!(fs::symlink_metadata(place.entry(text)).is_ok(), "`{text}` is still there");
}

#[tokio::test]
async fn a_file_holds_the_value_and_nothing_else_for_its_owner_alone() {
    let place = Place::new();
    let store = place.store().await;
    assert_eq!(create(&store, "my-key", GENERATION_2).await.expect("create"), Created::New);
    assert_eq!(fs::read(place.entry("my-key")).expect("the file"), GENERATION_2.as_bytes());
    let mode = fs::metadata(place.entry("my-key")).expect("the file").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(place.names(), ["my-key"]);
}

#[tokio::test]
async fn empty_files_are_corrupt_and_can_be_deleted() {
    let place = Place::new();
    let store = place.store().await;
    place.plant("empty", b"").await;
    assert_no_value(&place, &store, "empty").await;
    assert_eq!(store.delete(&name("empty")).await.expect("delete"), Deleted::Gone);
    assert_eq!(create(&store, "empty", "x").await.expect("create"), Created::New);
}

#[tokio::test]
async fn files_up_to_a_mebibyte_are_values_and_longer_ones_are_corrupt() {
    let place = Place::new();
    let store = place.store().await;
    place.plant("longest", &vec![b'x'; MAX_VALUE_BYTES]).await;
    assert_eq!(read(&store, "longest").await.expect("get").map(|value| value.len()), Some(MAX_VALUE_BYTES));
    place.plant("too-long", &vec![b'x'; MAX_VALUE_BYTES + 1]).await;
    assert_no_value(&place, &store, "too-long").await;
    // One that would not fit into memory.
    let huge = fs::File::create(place.entry("huge")).expect("a file");
    huge.set_len(1 << 40).expect("a sparse file");
    assert_no_value(&place, &store, "huge").await;
}

#[tokio::test]
async fn links_are_never_followed() {
    let place = Place::new();
    let store = place.store().await;
    place.plant("target", GENERATION_2.as_bytes()).await;
    fs::write(place.beside("outside"), GENERATION_2).expect("a file");
    for (link, target) in
        [("inside", "target".into()), ("outside", place.beside("outside")), ("dangling", "nowhere".into())]
    {
        symlink(target, place.entry(link)).expect("a link");
        assert_no_value(&place, &store, link).await;
        assert_not_deleted(&place, &store, link).await;
    }
    assert_eq!(store.list("", None, 10).await.expect("list").names, [name("target")]);
    assert!(place.beside("outside").exists());
}

#[tokio::test]
async fn folders_are_no_keys_and_stay() {
    let place = Place::new();
    let store = place.store().await;
    fs::create_dir(place.entry("empty")).expect("a directory");
    fs::create_dir(place.entry("old.folder")).expect("a directory");
    for folder in ["empty", "old.folder"] {
        assert_no_value(&place, &store, folder).await;
        assert_not_deleted(&place, &store, folder).await;
    }
}

#[tokio::test]
async fn pipes_and_sockets_do_not_hang() {
    let place = Place::new();
    let store = place.store().await;
    mknodat(CWD, place.entry("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    let _socket = UnixListener::bind(place.entry("socket")).expect("a socket");
    for special in ["pipe", "socket"] {
        assert_no_value(&place, &store, special).await;
        assert_not_deleted(&place, &store, special).await;
    }
    assert_eq!(store.list("", None, 10).await.expect("list").names, []);
}

#[tokio::test]
async fn a_file_under_an_old_name_is_a_key_only_if_it_holds_one() {
    let place = Place::new();
    let store = place.store().await;
    for text in ["README.md", "old-", "☰"] {
        place.plant(text, b"not a key").await;
        assert_no_value(&place, &store, text).await;
        assert_not_deleted(&place, &store, text).await;
        place.plant(text, GENERATION_2.as_bytes()).await;
        assert!(read(&store, text).await.expect("get").is_some());
        assert_eq!(store.delete(&name(text)).await.expect("delete"), Deleted::Gone);
    }
    place.plant("strict", b"anything").await;
    assert!(read(&store, "strict").await.expect("get").is_some());
}

#[tokio::test]
async fn names_that_hide_are_refused_and_their_files_untouched() {
    let place = Place::new();
    let store = place.store().await;
    for text in [".hidden", "a\\b", ".kes-1-0123456789abcdef"] {
        place.plant(text, GENERATION_2.as_bytes()).await;
        assert!(!store.can_address(&name(text)));
        assert!(matches!(read(&store, text).await, Err(StoreError::Denied(_))));
        assert!(matches!(create(&store, text, "x").await, Err(StoreError::Denied(_))));
        assert!(matches!(store.delete(&name(text)).await, Err(StoreError::Denied(_))));
        assert_eq!(fs::read(place.entry(text)).expect("the file"), GENERATION_2.as_bytes());
    }
}

#[tokio::test]
async fn listings_show_files_only_even_if_the_directory_does_not_tell() {
    let place = Place::new();
    let store = place
        .store_with(Scripted::new(|call| if call == Call::Entries { Verdict::Untyped } else { Verdict::Proceed }))
        .await;
    place.plant("my-key", b"x").await;
    fs::create_dir(place.entry("folder")).expect("a directory");
    symlink("my-key", place.entry("link")).expect("a link");
    assert_eq!(store.list("", None, 10).await.expect("list").names, [name("my-key")]);
}

#[tokio::test]
async fn what_no_listing_shows_is_told_when_asked_for() {
    let place = Place::new();
    let store = place.store().await;
    for (text, content) in [("my-key", GENERATION_2), ("my.key", GENERATION_2), ("README.md", "# keys")] {
        place.plant(text, content.as_bytes()).await;
    }
    place.plant(&names::temporary(), b"being written").await;
    fs::create_dir(place.entry("directory")).expect("a directory");
    symlink("my-key", place.entry("link")).expect("a link");
    assert_eq!(store.unlisted().await.expect("unlisted"), ["README.md", "directory", "link", "my.key"]);
}
