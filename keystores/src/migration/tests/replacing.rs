//! `Existing::Replace`: whatever fails, the old value is at the target, and the report says where.

use super::*;

/// The calls that a replacement makes to the target, in their order.
const CALLS: [Operation; 8] = [
    Operation::Create, // finds the name taken
    Operation::Get,    // finds another value
    Operation::Create, // the backup
    Operation::Get,    // reads it back
    Operation::Delete,
    Operation::Create,
    Operation::Get,    // reads it back
    Operation::Delete, // the backup
];

fn replacing(from: &Arc<FaultyStore>, to: &Arc<FaultyStore>) -> Migration {
    Migration { existing: Existing::Replace, ..migration(from, to) }
}

fn entries(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn an_entry_is_replaced_and_nothing_is_left_beside_it() {
    let (from, to) = (store(&[("a", "new"), ("a--v2-", "r")]).await, store(&[("a", "old"), ("a--v2-", "s")]).await);
    let report = run(&replacing(&from, &to)).await;
    assert_eq!((counts(&report), report.is_success()), ([2, 0, 0, 0, 0], true));
    assert_eq!(content(&to).await, entries(&[("a", "new"), ("a--v2-", "r")]));
}

#[tokio::test]
async fn a_failure_at_any_step_keeps_the_old_value_and_says_where() {
    for (step, operation) in CALLS.into_iter().enumerate() {
        let faults = [Fault::Unavailable, Fault::LostAnswer, Fault::Denied, Fault::Garbage(b"damaged".to_vec())];
        for fault in faults {
            let lie = matches!(fault, Fault::Garbage(_));
            // Only a get can lie, and who lies about the old value has it no more.
            if lie && (operation != Operation::Get || step == 1) {
                continue;
            }
            let (from, to) = (store(&[("a", "new")]).await, store(&[("a", "old")]).await);
            for _ in CALLS[..step].iter().filter(|before| **before == operation) {
                to.once(operation, Fault::Delay(std::time::Duration::ZERO));
            }
            to.once(operation, fault.clone());
            let report = run(&replacing(&from, &to)).await;
            let content = content(&to).await;
            let at = format!("step {step}, {fault:?}: {report:?}, {content:?}");
            let failure = reason(&report.failed, "a");
            let backup = content.iter().find(|(name, _)| name.starts_with("a--b"));
            // The last call is the one that takes it away.
            let taken_away = (step, &fault) == (7, &Fault::LostAnswer);
            assert!(taken_away || content.iter().any(|(_, value)| value == "old"), "{at}");
            if let Some((backup, value)) = backup {
                assert!(value == "old" && failure.contains(&format!("`{backup}`")), "{at}");
            }
            // Nothing that is left stands in the way of the next run, a second later.
            let later = Migration { existing: Existing::Replace, clock: Arc::new(Later), ..migration(&from, &to) };
            assert!(run(&later).await.is_success(), "{at}");
        }
    }
}

#[derive(Debug)]
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(NOW + 1, 0).expect("a time")
    }
}

#[tokio::test]
async fn without_a_name_for_the_backup_nothing_is_replaced() {
    let taken = format!("a--b{NOW}-");
    let long = format!("{}.", "x".repeat(75));
    let from = store(&[("a", "new"), (&long, "new")]).await;
    let to = store(&[("a", "old"), (&taken, "another"), (&long, "old")]).await;
    let before = content(&to).await;
    let report = run(&replacing(&from, &to)).await;
    assert_eq!(reason(&report.failed, "a"), format!("it is not replaced: `{taken}` is taken"));
    let selection = long.parse().expect("a name");
    let report = run(&Migration { selection, ..replacing(&from, &to) }).await;
    assert!(reason(&report.failed, &long).contains("no room"), "{report:?}");
    assert_eq!(content(&to).await, before);
}
