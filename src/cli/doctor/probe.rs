//! `--probe`: an entry is created, read and deleted in the key store itself.

use std::sync::Arc;
use std::time::Duration;

use kes_config::keystore::StoreCalls;
use kes_core::{KeyName, SecretBytes};
use kes_keystores::{Created, Deleted, Guard, KeyStore, StoreError};

use super::finding::Finding;
use super::store::failed;

/// What the entry says to whoever finds it.
const CONTENT: &[u8] = b"written by kes doctor --probe to see whether keys can be stored; it can be deleted";

/// Creates the entry, reads it and deletes it, each within `limit`, with the repetitions that a server would make. It is
/// deleted also if nobody knows whether it was created; where that fails it is named.
pub(super) async fn findings(
    store: &Arc<dyn KeyStore>,
    calls: &StoreCalls,
    limit: Duration,
    name: &KeyName,
) -> Vec<Finding> {
    // A store that is down was told of; nobody should wait for it to come back.
    let calls = StoreCalls { deadline: limit, outage_wait: limit, ..calls.clone() };
    let store = Guard::new(Arc::clone(store), calls);
    let value = SecretBytes::from(CONTENT);
    let mut findings = Vec::new();
    match store.create(name, &value).await {
        Ok(Created::New) => {
            findings.push(Finding::ok("create", format!("`{name}` was created")));
            findings.push(read(&store, name, &value).await);
        }
        Ok(Created::NameTaken) => {
            // Not ours, whoever made it in this very nanosecond.
            findings.push(Finding::problem("create", format!("`{name}` was there already"), "try again"));
            return findings;
        }
        // Nothing was done.
        Err(error @ (StoreError::Denied(_) | StoreError::Corrupt(_) | StoreError::Overloaded)) => {
            findings.push(failed("create", "keys cannot be created", &error));
            return findings;
        }
        Err(error @ (StoreError::Unavailable(_) | StoreError::Busy { .. })) => {
            findings.push(failed("create", "keys cannot be created", &error));
        }
    }
    findings.push(delete(&store, name).await);
    findings
}

async fn read(store: &Guard, name: &KeyName, value: &SecretBytes) -> Finding {
    match store.get(name).await {
        Ok(Some(stored)) if stored.same_as(value) => Finding::ok("verify", "it was read as it was written"),
        Ok(Some(_)) => {
            let hint = "nothing that is stored there can be relied on: look for what changes it";
            Finding::problem("verify", "what was read is not what was written", hint)
        }
        Ok(None) => {
            let hint = "several servers must see one key store at once: look for copies, caches and replicas of it";
            Finding::problem("verify", "what was created is not there", hint)
        }
        Err(error) => failed("verify", "what was created cannot be read", &error),
    }
}

async fn delete(store: &Guard, name: &KeyName) -> Finding {
    match store.delete(name).await {
        Ok(Deleted::Gone | Deleted::Absent) => Finding::ok("delete", "nothing of it is left"),
        Err(error) => {
            let hint = format!("delete `{name}` in the key store, if it is there; no client can see it or name it");
            Finding::problem("delete", format!("it cannot be deleted: {error}"), hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use kes_keystores::fault::{Fault, FaultyStore, Operation};

    use super::super::finding::State;
    use super::*;

    async fn probe(store: &Arc<FaultyStore>) -> Vec<(&'static str, State)> {
        let name = KeyName::stored("kes-doctor--p1700000000000000000-").expect("a name");
        let store: Arc<dyn KeyStore> = Arc::clone(store) as _;
        let found = findings(&store, &StoreCalls::default(), Duration::from_secs(5), &name).await;
        found.into_iter().map(|finding| (finding.check, finding.state)).collect()
    }

    async fn is_empty(store: &FaultyStore) -> bool {
        store.heal();
        store.list("", None, 10).await.expect("a list").names.is_empty()
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_works_is_as_it_was_before() {
        let store = FaultyStore::healthy();
        let expected = [("create", State::Ok), ("verify", State::Ok), ("delete", State::Ok)];
        assert_eq!(probe(&store).await, expected);
        assert!(is_empty(&store).await);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_left_when_the_first_delete_fails_or_its_answer_is_lost() {
        for fault in [Fault::Unavailable, Fault::LostAnswer] {
            let store = FaultyStore::healthy();
            store.once(Operation::Delete, fault);
            assert_eq!(probe(&store).await[2], ("delete", State::Ok));
            assert!(is_empty(&store).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_left_when_nobody_knows_of_the_create() {
        let store = FaultyStore::healthy();
        store.always(Operation::Create, Fault::LostAnswer);
        store.always(Operation::Get, Fault::Unavailable);
        let found = probe(&store).await;
        assert_eq!(found, [("create", State::Problem), ("delete", State::Ok)]);
        assert!(is_empty(&store).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_cannot_be_read_or_comes_back_changed_is_a_problem_and_goes() {
        for fault in [Fault::Denied, Fault::Garbage(b"other".to_vec())] {
            let store = FaultyStore::healthy();
            store.always(Operation::Get, fault);
            assert_eq!(probe(&store).await, [("create", State::Ok), ("verify", State::Problem), ("delete", State::Ok)]);
            assert!(is_empty(&store).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_stays_is_named() {
        let store: Arc<FaultyStore> = FaultyStore::healthy();
        store.always(Operation::Delete, Fault::Denied);
        let name = KeyName::stored("kes-doctor--p1700000000000000000-").expect("a name");
        let dynamic: Arc<dyn KeyStore> = Arc::clone(&store) as _;
        let found = findings(&dynamic, &StoreCalls::default(), Duration::from_secs(5), &name).await;
        let last = found.last().expect("a finding");
        assert_eq!((last.check, last.state), ("delete", State::Problem));
        assert!(last.hint.as_deref().is_some_and(|hint| hint.contains(name.as_str())), "{last:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_can_be_created_nothing_is_deleted() {
        let store = FaultyStore::healthy();
        store.always(Operation::Create, Fault::Denied);
        assert_eq!(probe(&store).await, [("create", State::Problem)]);
        assert_eq!(store.calls(Operation::Delete), 0);
    }
}
