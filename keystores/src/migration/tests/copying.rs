//! What is copied, what is left, and what is told of it.

use super::*;

#[tokio::test]
async fn everything_is_copied_and_a_second_run_finds_it_there() {
    let from = store(&[("a", "1"), ("a--v2-", "2"), ("b", "3"), ("☰", "4"), ("old.key", "5")]).await;
    let to = store(&[]).await;
    let report = run(&migration(&from, &to)).await;
    assert_eq!((counts(&report), &report.end), ([3, 0, 2, 0, 0], &End::Complete));
    assert!(reason(&report.skipped, "old.key").contains("copied when its name is given"));
    let copied = [("a", "1"), ("a--v2-", "2"), ("b", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(content(&to).await, copied);
    let report = run(&migration(&from, &to)).await;
    assert_eq!((counts(&report), report.is_success()), ([0, 3, 2, 0, 0], true));
}

#[tokio::test]
async fn a_name_takes_a_key_that_no_listing_shows_and_a_keys_records() {
    let from = store(&[("a", "1"), ("a--v2-", "2"), ("ab", "3"), ("old.key", "4")]).await;
    for (pattern, expected) in
        [("a", vec!["a", "a--v2-"]), ("a--v2-", vec!["a--v2-"]), ("old.key", vec!["old.key"]), ("a?", vec!["ab"])]
    {
        let to = store(&[]).await;
        let selection = pattern.parse().expect("a pattern");
        let report = run(&Migration { selection, ..migration(&from, &to) }).await;
        assert!(report.is_success() && report.skipped.count == 0, "{pattern}: {report:?}");
        let names: Vec<String> = content(&to).await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, expected, "{pattern}");
    }
    let to = store(&[]).await;
    let report = run(&Migration { selection: "nope".parse().expect("a name"), ..migration(&from, &to) }).await;
    assert_eq!(reason(&report.failed, "nope"), "it does not exist at the source");
}

#[tokio::test]
async fn the_records_of_a_key_are_there_before_it() {
    let from = store(&[("a", "1"), ("z--v2-", "2")]).await;
    let to = store(&[]).await;
    to.once(Operation::Create, Fault::Denied);
    let report = run(&migration(&from, &to)).await;
    assert_eq!(report.failed.entries[0].name, "z--v2-");
}

#[tokio::test]
async fn entries_with_another_value_stay() {
    let from = store(&[("a", "1"), ("b", "2\n"), ("c", "3")]).await;
    for (existing, expected) in [(Existing::Report, [1, 1, 0, 1, 0]), (Existing::Keep, [1, 1, 1, 0, 0])] {
        let to = store(&[("a", "other"), ("b", "2")]).await;
        let report = run(&Migration { existing, ..migration(&from, &to) }).await;
        assert_eq!((counts(&report), report.is_success()), (expected, existing == Existing::Keep), "{existing:?}");
        let noted = if existing == Existing::Keep { &report.skipped } else { &report.different };
        assert_eq!(reason(noted, "a"), "the target has another value");
        assert_eq!(content(&to).await[0], ("a".to_owned(), "other".to_owned()));
    }
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_changes_nothing() {
    let from = store(&[("a", "1"), ("b", "2"), ("c", "3"), ("old.key", "4")]).await;
    for existing in [Existing::Report, Existing::Keep, Existing::Replace] {
        let to = store(&[("a", "other"), ("b", "2")]).await;
        let before = content(&to).await;
        let wet = Migration { existing, ..migration(&from, &to) };
        let dry = run(&Migration { dry_run: true, ..migration(&from, &to) }).await;
        assert_eq!(counts(&dry)[1], 1);
        let dry = run(&Migration { dry_run: true, existing, ..migration(&from, &to) }).await;
        assert_eq!(content(&to).await, before, "{existing:?}");
        assert_eq!(dry, run(&wet).await, "{existing:?}");
    }
}

#[tokio::test]
async fn there_are_more_keys_than_a_page_has_and_than_can_be_noted() {
    let from = FaultyStore::healthy();
    let many = PAGE + MAX_NOTED + 1;
    for number in 0..many {
        put(&*from, &format!("k{number}"), "x").await;
    }
    let to = store(&[]).await;
    let progress = watch::Sender::default();
    let stop = watch::Sender::new(false);
    let migration = Migration { concurrency: 8, ..migration(&from, &to) };
    let report = migration.run(stop.subscribe(), &progress).await;
    let all = many as u64;
    assert_eq!((counts(&report), report.is_success()), ([all, 0, 0, 0, 0], true));
    assert_eq!(*progress.borrow(), Progress { total: Some(all), done: all, copied: all });
    to.always(Operation::Get, Fault::Garbage(b"y".to_vec()));
    let report = run(&migration).await;
    assert_eq!((report.different.count, report.different.entries.len()), (all, MAX_NOTED));
    assert!(report.different.entries.is_sorted());
}
