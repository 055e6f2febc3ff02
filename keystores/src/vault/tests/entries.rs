//! Entries in the states that they can be in, and what creates and deletes make of them.

use std::time::{Duration, Instant};

use kes_config::keystore::KvVersion::{V1, V2};
use kes_core::SecretBytes;
use reqwest::Method;
use serde_json::{Value, json};

use super::site::Site;
use super::site_or_return;
use super::vault;
use crate::conformance::{Backend, name};
use crate::vault::{dangers, kv1};
use crate::{ConnectError, Created, Deleted, KeyStore, StoreError, VaultStore};

/// How many rounds of creates race, and how many creates are in each.
const ROUNDS: usize = 10;
const RACERS: usize = 32;

fn value(text: &str) -> SecretBytes {
    text.as_bytes().into()
}

fn denied<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Denied(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_engine_of_another_version_is_refused_when_connecting() {
    for (there, hint) in [(V1, "write `version: v1`"), (V2, "write `version: v2`")] {
        let site = site_or_return!(version: there);
        let mut settings = site.settings();
        settings.version = if there == V1 { V2 } else { V1 };
        match vault(&settings).await {
            Err(ConnectError::Refused(reason)) => assert!(reason.contains(hint), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_engine_that_may_not_be_asked_for_is_taken_as_configured() {
    let site = site_or_return!(version: V2);
    let mut settings = site.settings();
    settings.engine = "another".to_owned();
    let store = vault(&settings).await.expect("only a warning");
    let refused = store.get(&name("my-key")).await.unwrap_err().to_string();
    assert!(refused.contains("permission denied"), "{refused}");
}

/// What somebody did to a key past the server, and what the server says of it.
async fn spoiled(site: &Site, kind: &str, body: Value) -> (VaultStore, String) {
    let store = site.store().await;
    assert_eq!(store.create(&name("my-key"), &value("x")).await.expect("create"), Created::New);
    site.admin.done(Method::POST, &site.path(kind, "my-key"), body).await;
    assert!(store.get(&name("my-key")).await.expect("an answer").is_none());
    let reason = denied(store.create(&name("my-key"), &value("y")).await);
    assert_eq!(store.delete(&name("my-key")).await.expect("an answer"), Deleted::Absent);
    (store, reason)
}

#[tokio::test]
async fn a_soft_deleted_key_is_not_found_not_made_anew_and_can_be_brought_back() {
    let site = site_or_return!(version: V2);
    let (store, reason) = spoiled(&site, "delete", json!({"versions": [1]})).await;
    assert!(reason.contains("soft-deleted"), "{reason}");
    site.admin.done(Method::POST, &site.path("undelete", "my-key"), json!({"versions": [1]})).await;
    assert_eq!(store.get(&name("my-key")).await.expect("get").expect("the key").expose(), b"x");
}

#[tokio::test]
async fn a_destroyed_key_is_not_found_and_not_made_anew() {
    let site = site_or_return!(version: V2);
    let (_, reason) = spoiled(&site, "destroy", json!({"versions": [1]})).await;
    assert!(reason.contains("was destroyed"), "{reason}");
}

#[tokio::test]
async fn further_versions_do_not_count_until_they_push_the_first_one_out() {
    let site = site_or_return!(version: V2);
    let store = site.store().await;
    assert_eq!(store.create(&name("my-key"), &value("x")).await.expect("create"), Created::New);
    for version in 2..=10 {
        site.put("my-key", json!({"my-key": format!("version {version}")})).await;
    }
    assert_eq!(store.get(&name("my-key")).await.expect("get").expect("the key").expose(), b"x");
    site.put("my-key", json!({"my-key": "one too many"})).await;
    assert!(store.get(&name("my-key")).await.expect("an answer").is_none());
    let reason = denied(store.create(&name("my-key"), &value("y")).await);
    assert!(reason.contains("too many versions"), "{reason}");
}

#[tokio::test]
async fn what_no_listing_shows_can_be_told() {
    for version in [V1, V2] {
        let site = site_or_return!(version: version);
        let store = site.store().await;
        assert_eq!(store.unlisted().await.expect("nothing"), [""; 0]);
        for entry in ["my-key", "my.key", "old-", "folder/inner"] {
            site.put(entry, json!({entry: "x"})).await;
        }
        assert_eq!(store.unlisted().await.expect("names"), ["folder/", "my.key", "old-"]);
    }
}

#[tokio::test]
async fn an_entry_with_metadata_alone_is_none() {
    let site = site_or_return!(version: V2);
    // To vault this is a change of something that is there.
    site.allow(&site.policy().replace(r#""create""#, r#""create", "update""#)).await;
    let store = site.store().await;
    site.admin.done(Method::POST, &site.path("metadata", "my-key"), json!({"max_versions": 5})).await;
    assert!(store.get(&name("my-key")).await.expect("an answer").is_none());
    assert_eq!(store.create(&name("my-key"), &value("x")).await.expect("create"), Created::New);
}

#[tokio::test]
async fn an_engine_that_demands_check_and_set_is_served() {
    let site = site_or_return!(version: V2);
    site.admin.done(Method::POST, &format!("{}/config", site.engine), json!({"cas_required": true})).await;
    let store = site.store().await;
    assert_eq!(store.create(&name("my-key"), &value("x")).await.expect("create"), Created::New);
    assert_eq!(store.create(&name("my-key"), &value("y")).await.expect("create"), Created::NameTaken);
}

#[tokio::test]
async fn what_is_no_entry_is_neither_read_nor_overwritten_nor_deleted() {
    for version in [V1, V2] {
        let site = site_or_return!(version: version);
        let store = site.store().await;
        site.put("my-key", json!({"another": "copied here"})).await;
        assert!(matches!(store.get(&name("my-key")).await, Err(StoreError::Corrupt(_))));
        assert!(matches!(store.delete(&name("my-key")).await, Err(StoreError::Corrupt(_))));
        assert!(!matches!(store.create(&name("my-key"), &value("x")).await, Ok(Created::New)));
        assert_eq!(site.members("my-key").await, Some(json!({"another": "copied here"})));
    }
}

#[tokio::test]
async fn a_token_that_may_overwrite_still_never_does() {
    for version in [V1, V2] {
        let site = site_or_return!(version: version);
        site.allow(&site.policy().replace(r#""create""#, r#""create", "update""#)).await;
        let store = site.store().await;
        assert_eq!(store.create(&name("my-key"), &value("x")).await.expect("create"), Created::New);
        assert_eq!(store.create(&name("my-key"), &value("y")).await.expect("create"), Created::NameTaken);
        assert_eq!(site.inspect("my-key").await.as_deref(), Some(&b"x"[..]));
    }
}

#[tokio::test]
async fn a_delete_that_does_not_look_first_is_done_whatever_is_there() {
    for version in [V1, V2] {
        let site = site_or_return!(version: version);
        let mut settings = site.settings();
        settings.exact_delete = false;
        let store = vault(&settings).await.expect("a store");
        assert_eq!(store.delete(&name("my-key")).await.expect("delete"), Deleted::Gone);
        assert_eq!(store.create(&name("my-key"), &value("x")).await.expect("create"), Created::New);
        assert_eq!(store.delete(&name("my-key")).await.expect("delete"), Deleted::Gone);
        assert_eq!(site.members("my-key").await, None);
    }
}

/// Of version 1, where every token may overwrite: the worst case. Only a create that is held up between looking and writing
/// for longer than others wait can come after them, and then it waits for twice as long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_told_that_a_race_was_won_has_the_key_that_is_kept() {
    let site = site_or_return!(version: V1);
    site.allow(&site.policy().replace(r#""create""#, r#""create", "update""#)).await;
    let stores = [site.open().await, site.open().await];
    let mut won = 0;
    for round in 0..ROUNDS {
        let key = name(&format!("round-{round}"));
        let creates = (0..RACERS).map(|racer| {
            let (store, key, mine) = (stores[racer % 2].clone(), key.clone(), format!("value {racer}"));
            tokio::spawn(async move {
                let begin = Instant::now();
                (store.create(&key, &value(&mine)).await.expect("create"), mine, begin.elapsed())
            })
        });
        let outcomes = futures_util::future::join_all(creates).await;
        let (winners, times): (Vec<String>, Vec<Duration>) = outcomes
            .into_iter()
            .map(|outcome| outcome.expect("no panic"))
            .filter_map(|(created, mine, time)| (created == Created::New).then_some((mine, time)))
            .unzip();
        if winners.len() > 1 {
            assert!(times.iter().any(|time| *time > 3 * kv1::PAUSE), "round {round}: {winners:?} in {times:?}");
            continue;
        }
        let kept = stores[0].get(&key).await.expect("get").expect("somebody's");
        assert!(winners.iter().all(|winner| winner.as_bytes() == kept.expose()), "round {round}");
        won += winners.len();
    }
    assert!(won > 0, "nobody ever wins");
}

#[tokio::test]
async fn a_folder_is_listed_in_pages_and_foreign_entries_do_not_end_it() {
    let site = site_or_return!(version: V2);
    let store = site.store().await;
    let mut names: Vec<String> = (0..20).map(|number| format!("key-{number:02}")).collect();
    for entry in names.iter().map(String::as_str).chain(["key-0.5", "key-1~", "key-a/inner", "other"]) {
        site.put(entry, json!({entry: "x"})).await;
    }
    names.sort_unstable();
    for limit in [1, 3, 100] {
        let (mut seen, mut start) = (Vec::new(), None::<String>);
        loop {
            let page = store.list("key-", start.as_deref(), limit).await.expect("a page");
            assert!(page.names.len() <= limit);
            seen.extend(page.names.iter().map(|name| name.as_str().to_owned()));
            start = page.next.map(|name| name.as_str().to_owned());
            if start.is_none() {
                break;
            }
        }
        assert_eq!(seen, names, "{limit}");
    }
    assert!(!store.kv.sends_all.load(std::sync::atomic::Ordering::Relaxed), "the server has pages");
}

#[tokio::test]
async fn settings_under_which_keys_are_lost_are_told_where_they_may_be_seen() {
    let site = site_or_return!(version: V2, transit: true);
    let (engine, transit) = (&site.engine, format!("transit-{}", site.engine));
    let dangers = async || {
        let store = site.store().await;
        dangers::found(&store.api, &store.kv.folder, store.transit.as_ref()).await
    };
    let config = json!({"max_versions": 1, "delete_version_after": "720h"});
    site.admin.done(Method::POST, &format!("{engine}/config"), config).await;
    let config = json!({"deletion_allowed": true});
    site.admin.done(Method::POST, &format!("{transit}/keys/kes/config"), config).await;
    assert_eq!(dangers().await, [""; 0], "the token may not see them");
    let more = format!(
        r#"{} path "{engine}/config" {{ capabilities = ["read"] }} path "{transit}/keys/kes" {{ capabilities = ["read"] }}"#,
        site.policy()
    );
    site.allow(&more).await;
    let told = dangers().await.join("\n");
    for danger in ["keeps 1 versions", "deletes what is `720h0m0s` old", "may be deleted"] {
        assert!(told.contains(danger), "{told}");
    }
    site.admin
        .done(Method::POST, &format!("{engine}/config"), json!({"max_versions": 0, "delete_version_after": "0s"}))
        .await;
    site.admin.done(Method::POST, &format!("{transit}/keys/kes/config"), json!({"deletion_allowed": false})).await;
    assert_eq!(dangers().await, [""; 0]);
}
