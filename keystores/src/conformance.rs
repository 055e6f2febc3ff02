//! The contract of [`KeyStore`] as tests, written once and run for every backend (specification: `keystores.md` §14.2).
//!
//! A backend's tests implement [`Backend`], which reaches the data also beside the store, the way the vendor's own tools
//! do, and let [`conformance_suite!`](crate::conformance_suite) make one test of each rule:
//!
//! ```text
//! conformance_suite!(vault_kv2, VaultBackend::start().await);
//! ```

use std::sync::Arc;

use async_trait::async_trait;
use kes_config::keystore::StoreCalls;
use kes_core::{KeyName, SecretBytes};

use crate::fault::{Fault, FaultyStore, Operation};
use crate::{Created, Deleted, Guard, KeyStore, StoreError};

/// A stored key of the first generation (specification: `keystores.md` §1.4), as old servers wrote it.
pub const GENERATION_1: &str = r#"{"version":"v1","bytes":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","algorithm":"AES256-GCM_SHA256","created_at":"2023-03-14T23:42:00.729167884Z","created_by":"0011223344556677889900112233445566778899001122334455667788990011"}"#;

/// The specification's test vector of the second generation.
pub const GENERATION_2: &str = "CiQKIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fEAESJAogICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8QARoMCKX6zawGEPLr3MMCIkAwMDExMjIzMzQ0NTU2Njc3ODg5OWFhYmJjY2RkZWVmZjAwMTEyMjMzNDQ1NTY2Nzc4ODk5YWFiYmNjZGRlZWZm";

/// How many names the listing rules look at: the sizes around a page of the reference and well beyond it.
const LISTING_SIZES: [usize; 4] = [1, 1024, 1025, 5000];

/// How many creates of one name race, half of them from each instance.
const RACERS: usize = 32;

/// A value larger than any that a service writes, and small enough for every backend (specification: §1.4).
const LARGE: usize = 16 * 1024;

/// A backend with its data, empty at first.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Another instance of the store on the same data, as another server process would open it.
    async fn open(&self) -> Arc<dyn KeyStore>;

    /// Makes the entry `name` with exactly this content, past the store.
    async fn plant(&self, name: &str, value: &[u8]);

    /// The content of the entry `name`, past the store.
    async fn inspect(&self, name: &str) -> Option<Vec<u8>>;

    /// Puts what is not ours among the entries, if others can: names no key can have, folders, links. Returns the names
    /// that a listing could mistake for keys.
    async fn plant_foreign(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether of several creates at once exactly one succeeds. Where the vendor's API has no means for that, at most one
    /// may report success.
    fn creates_atomically(&self) -> bool {
        true
    }
}

/// A backend whose stores are behind a [`Guard`] with the default bounds.
#[derive(Debug)]
pub struct Guarded<B>(pub B);

#[async_trait]
impl<B: Backend> Backend for Guarded<B> {
    async fn open(&self) -> Arc<dyn KeyStore> {
        Arc::new(Guard::new(self.0.open().await, StoreCalls::default()))
    }

    async fn plant(&self, name: &str, value: &[u8]) {
        self.0.plant(name, value).await;
    }

    async fn inspect(&self, name: &str) -> Option<Vec<u8>> {
        self.0.inspect(name).await
    }

    async fn plant_foreign(&self) -> Vec<String> {
        self.0.plant_foreign().await
    }

    fn creates_atomically(&self) -> bool {
        self.0.creates_atomically()
    }
}

/// A name that a store can be asked for.
///
/// # Panics
/// If `text` is none.
#[must_use]
pub fn name(text: &str) -> KeyName {
    KeyName::stored(text).unwrap_or_else(|error| panic!("`{text}` {error}"))
}

fn value(text: &str) -> SecretBytes {
    SecretBytes::from(text.as_bytes())
}

async fn read(store: &dyn KeyStore, text: &str) -> Option<Vec<u8>> {
    let value = store.get(&name(text)).await.unwrap_or_else(|error| panic!("get of `{text}`: {error}"));
    value.map(|value| value.expose().to_vec())
}

/// 1: what was created is read, by both instances; a second create changes nothing.
pub async fn a_created_value_is_read_and_stays(backend: &dyn Backend) {
    let (one, other) = (backend.open().await, backend.open().await);
    assert_eq!(one.create(&name("my-key"), &value("first")).await.expect("create"), Created::New);
    assert_eq!(read(&*one, "my-key").await.as_deref(), Some(&b"first"[..]));
    assert_eq!(read(&*other, "my-key").await.as_deref(), Some(&b"first"[..]));
    for store in [&one, &other] {
        assert_eq!(store.create(&name("my-key"), &value("second")).await.expect("create"), Created::NameTaken);
    }
    assert_eq!(read(&*one, "my-key").await.as_deref(), Some(&b"first"[..]));
}

/// 2: absence is an answer, before a create and after a delete.
pub async fn a_missing_entry_is_absent(backend: &dyn Backend) {
    let (one, other) = (backend.open().await, backend.open().await);
    assert_eq!(read(&*one, "my-key").await, None);
    assert_eq!(one.delete(&name("my-key")).await.expect("delete"), Deleted::Absent);
    assert_eq!(one.create(&name("my-key"), &value("first")).await.expect("create"), Created::New);
    assert_eq!(other.delete(&name("my-key")).await.expect("delete"), Deleted::Gone);
    assert_eq!(read(&*one, "my-key").await, None);
    assert_eq!(one.delete(&name("my-key")).await.expect("delete"), Deleted::Absent);
    assert_eq!(one.create(&name("my-key"), &value("second")).await.expect("create"), Created::New);
    assert_eq!(read(&*other, "my-key").await.as_deref(), Some(&b"second"[..]));
}

/// 3: of many creates at once exactly one succeeds, and everybody reads its value from then on. Where creates are not
/// atomic at most one is told so, and then its value is kept.
pub async fn exactly_one_of_many_creates_succeeds(backend: &dyn Backend) {
    let stores = [backend.open().await, backend.open().await];
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..RACERS {
        let store = Arc::clone(&stores[racer % stores.len()]);
        racers.spawn(async move {
            let mine = format!("value of racer {racer}");
            let created = store.create(&name("contended"), &value(&mine)).await.expect("create");
            let seen = read(&*store, "contended").await.expect("whoever created it, it is there");
            (created, mine.into_bytes(), seen)
        });
    }
    let outcomes = racers.join_all().await;
    let winners: Vec<_> = outcomes.iter().filter(|(created, ..)| *created == Created::New).collect();
    if !backend.creates_atomically() {
        assert!(winners.len() <= 1, "{} creates that succeeded", winners.len());
        let kept = read(&*stores[0], "contended").await.expect("somebody created it");
        assert!(winners.iter().all(|(_, winner, _)| *winner == kept), "the value of whoever was told so is kept");
        return;
    }
    assert_eq!(winners.len(), 1, "creates that succeeded");
    let (_, winner, _) = winners[0];
    assert!(outcomes.iter().all(|(_, _, seen)| seen == winner), "everybody reads the winner's value");
    assert_eq!(read(&*stores[0], "contended").await.as_ref(), Some(winner));
}

/// 4: listings are complete, sorted bytewise and without anything foreign, at every size and over pages.
pub async fn listings_are_complete_and_sorted(backend: &dyn Backend) {
    let store = backend.open().await;
    assert_eq!(store.list("", None, 10).await.expect("list"), crate::Page::default(), "nothing is there yet");
    let mut planted = 0;
    for size in LISTING_SIZES {
        for number in planted..size {
            backend.plant(&numbered(number), GENERATION_2.as_bytes()).await;
        }
        planted = size;
        let mut expected: Vec<String> = (0..size).map(numbered).collect();
        expected.sort_unstable();
        for limit in [100, 1024, size, size + 1] {
            assert_eq!(all_names(&*store, "", limit).await, expected, "{size} entries by {limit}");
        }
    }
}

/// Names whose order as numbers, as letters without case and as bytes differ.
fn numbered(number: usize) -> String {
    let family = ["key", "Key", "KEY_", "key-"][number % 4];
    format!("{family}{number}")
}

async fn all_names(store: &dyn KeyStore, prefix: &str, limit: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut next: Option<KeyName> = None;
    loop {
        let page = store.list(prefix, next.as_ref().map(KeyName::as_str), limit).await.expect("list");
        assert!(page.names.len() <= limit, "a page of {} where {limit} is the limit", page.names.len());
        names.extend(page.names.iter().map(|name| name.as_str().to_owned()));
        match page.next {
            Some(following) => next = Some(following),
            None => return names,
        }
    }
}

/// 4: prefixes, a prefix that is a name, and a start that is none.
pub async fn listings_keep_to_prefix_and_start(backend: &dyn Backend) {
    let store = backend.open().await;
    for text in ["my-key", "my-key2", "my", "other", "MY-KEY", "my-key-a"] {
        assert_eq!(store.create(&name(text), &value("x")).await.expect("create"), Created::New);
    }
    assert_eq!(all_names(&*store, "", 2).await, ["MY-KEY", "my", "my-key", "my-key-a", "my-key2", "other"]);
    assert_eq!(all_names(&*store, "my-key", 1).await, ["my-key", "my-key-a", "my-key2"]);
    assert_eq!(all_names(&*store, "my-key2", 1).await, ["my-key2"]);
    assert_eq!(all_names(&*store, "none", 1).await, [""; 0]);
    let page = store.list("my", Some("my-key-"), 1).await.expect("list");
    assert_eq!(page.names, [name("my-key-a")]);
    assert_eq!(page.next, Some(name("my-key2")));
}

/// 4: foreign objects are not listed, are not in the way, and survive.
pub async fn foreign_objects_are_left_alone(backend: &dyn Backend) {
    let store = backend.open().await;
    assert_eq!(store.create(&name("mine"), &value("x")).await.expect("create"), Created::New);
    let foreign = backend.plant_foreign().await;
    assert_eq!(all_names(&*store, "", 3).await, ["mine"]);
    for text in &foreign {
        let name = name(text);
        if store.can_address(&name) {
            assert!(!matches!(store.get(&name).await, Ok(Some(_))), "`{name}` is no key");
            assert!(!matches!(store.delete(&name).await, Ok(Deleted::Gone)), "`{name}` was deleted");
        }
    }
    assert_eq!(read(&*store, "mine").await.as_deref(), Some(&b"x"[..]));
}

/// 5: keys that servers of all generations left are read as they are, and ours are stored as theirs.
pub async fn golden_entries_are_read_and_written(backend: &dyn Backend) {
    let store = backend.open().await;
    for (text, golden) in [("generation-1", GENERATION_1), ("generation-2", GENERATION_2)] {
        backend.plant(text, golden.as_bytes()).await;
        assert_eq!(read(&*store, text).await.as_deref(), Some(golden.as_bytes()), "{text}");
        assert_eq!(store.create(&name(text), &value("x")).await.expect("create"), Created::NameTaken);
    }
    assert_eq!(store.create(&name("ours"), &value(GENERATION_2)).await.expect("create"), Created::New);
    assert_eq!(backend.inspect("ours").await.as_deref(), Some(GENERATION_2.as_bytes()));
    assert_eq!(store.delete(&name("generation-1")).await.expect("delete"), Deleted::Gone);
    assert_eq!(backend.inspect("generation-1").await, None);
}

/// 5: keys under names that only older releases allowed are read and deleted, and not listed.
pub async fn keys_with_old_names_go_on_working(backend: &dyn Backend) {
    let store = backend.open().await;
    for text in ["my.key", "old-", "a b"] {
        if !store.can_address(&name(text)) {
            continue;
        }
        backend.plant(text, GENERATION_2.as_bytes()).await;
        assert_eq!(read(&*store, text).await.as_deref(), Some(GENERATION_2.as_bytes()), "{text}");
        assert_eq!(all_names(&*store, "", 10).await, [""; 0]);
        assert_eq!(store.delete(&name(text)).await.expect("delete"), Deleted::Gone);
        assert_eq!(read(&*store, text).await, None);
    }
}

/// 6: a newline that an editor appended is no reason not to return the value; the key's codec ignores it.
pub async fn a_trailing_newline_is_read(backend: &dyn Backend) {
    let store = backend.open().await;
    let edited = format!("{GENERATION_2}\n");
    backend.plant("edited", edited.as_bytes()).await;
    let read = read(&*store, "edited").await.expect("the entry");
    assert!(kes_core::key::stored::decode(&read).is_ok(), "the value is a key");
}

/// Values of some size pass; none that no store could return is stored.
pub async fn values_have_a_size(backend: &dyn Backend) {
    let store = backend.open().await;
    let large: Vec<u8> = (b'a'..=b'z').cycle().take(LARGE).collect();
    assert_eq!(store.create(&name("large"), &SecretBytes::from(&*large)).await.expect("create"), Created::New);
    assert_eq!(read(&*store, "large").await, Some(large));
    let beyond = SecretBytes::from(vec![b'x'; crate::MAX_VALUE_BYTES + 1]);
    for refused in [SecretBytes::default(), beyond] {
        assert!(matches!(store.create(&name("refused"), &refused).await, Err(StoreError::Denied(_))));
    }
    assert_eq!(read(&*store, "refused").await, None);
}

/// 9: if the answer to a create is lost, the guard finds out that it succeeded.
pub async fn a_create_whose_answer_is_lost_succeeds(backend: &dyn Backend) {
    let faulty = FaultyStore::new(backend.open().await);
    let guard = Guard::new(faulty.clone(), StoreCalls::default());
    faulty.once(Operation::Create, Fault::LostAnswer);
    assert_eq!(guard.create(&name("my-key"), &value("mine")).await.expect("create"), Created::New);
    assert_eq!(faulty.calls(Operation::Create), 2);
    assert_eq!(read(&guard, "my-key").await.as_deref(), Some(&b"mine"[..]));
}

/// 12: the service's own records are entries like any other, up to the longest name.
pub async fn reserved_names_are_names(backend: &dyn Backend) {
    let (one, other) = (backend.open().await, backend.open().await);
    let longest = format!("{}--v{}-", "k".repeat(80), "9".repeat(19));
    for text in ["my-key--v2-", "my-key--b1700000000-", longest.as_str()] {
        let record = name(text);
        assert!(one.can_address(&record), "{text}");
        assert_eq!(read(&*one, text).await, None);
        assert_eq!(one.create(&record, &value("a record")).await.expect("create"), Created::New);
        assert_eq!(other.create(&record, &value("another")).await.expect("create"), Created::NameTaken);
        assert_eq!(read(&*other, text).await.as_deref(), Some(&b"a record"[..]));
        assert_eq!(all_names(&*one, &text[..2], 10).await, [text]);
        assert_eq!(other.delete(&record).await.expect("delete"), Deleted::Gone);
        assert_eq!(one.delete(&record).await.expect("delete"), Deleted::Absent);
    }
    // Decision 33 allows for one byte more than the longest name of its grammar has.
    assert_eq!(longest.len(), kes_core::name::MAX_STORED_NAME_BYTES - 1);
}

/// Names at the limit of 80 bytes are names.
pub async fn the_longest_names_are_names(backend: &dyn Backend) {
    let store = backend.open().await;
    let longest = "k".repeat(kes_core::name::MAX_NAME_BYTES);
    assert_eq!(store.create(&name(&longest), &value("x")).await.expect("create"), Created::New);
    assert_eq!(read(&*store, &longest).await.as_deref(), Some(&b"x"[..]));
    assert_eq!(all_names(&*store, "", 1).await, [longest]);
}

/// 11: neither the store nor its errors show a value.
pub async fn values_are_not_shown(backend: &dyn Backend) {
    let store = backend.open().await;
    let canary = "canary-value-that-nobody-may-see";
    let created = store.create(&name("my-key"), &value(canary)).await;
    let again = store.create(&name("my-key"), &value(canary)).await;
    let read = store.get(&name("my-key")).await;
    let shown = format!("{store:?} {created:?} {again:?} {read:?} {}", store.label());
    assert!(!shown.contains("canary"), "{shown}");
}

/// The status of a store that works.
pub async fn a_working_store_says_so(backend: &dyn Backend) {
    let store = backend.open().await;
    assert!(store.status().await.is_ok());
    assert!(!store.label().is_empty());
}

/// 10: a store can be closed while another instance goes on.
pub async fn closing_one_instance_leaves_the_others(backend: &dyn Backend) {
    let (one, other) = (backend.open().await, backend.open().await);
    one.close().await;
    assert_eq!(other.create(&name("my-key"), &value("x")).await.expect("create"), Created::New);
    assert_eq!(read(&*backend.open().await, "my-key").await.as_deref(), Some(&b"x"[..]));
}

/// Makes a module with one test per rule of the contract. The second argument makes a [`Backend`] with nothing in it; it
/// is evaluated for every test, and may `.await`.
#[macro_export]
macro_rules! conformance_suite {
    ($module:ident, $backend:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "what the backend's expression needs is in the scope around the module")]
            use super::*;

            $crate::conformance_suite!(@tests $backend;
                a_created_value_is_read_and_stays,
                a_missing_entry_is_absent,
                exactly_one_of_many_creates_succeeds,
                listings_are_complete_and_sorted,
                listings_keep_to_prefix_and_start,
                foreign_objects_are_left_alone,
                golden_entries_are_read_and_written,
                keys_with_old_names_go_on_working,
                a_trailing_newline_is_read,
                values_have_a_size,
                a_create_whose_answer_is_lost_succeeds,
                reserved_names_are_names,
                the_longest_names_are_names,
                values_are_not_shown,
                a_working_store_says_so,
                closing_one_instance_leaves_the_others,
            );
        }
    };
    (@tests $backend:expr; $($rule:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let backend = $backend;
                $crate::conformance::$rule(&backend).await;
            }
        )+
    };
}
