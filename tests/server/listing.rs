//! Lists of keys: prefixes, order, and pages that lose nothing.

use std::sync::Arc;

use kes_client::wire::KeyNames;
use kes_core::{KeyName, SecretBytes};
use kes_keystores::{KeyStore, MemoryStore};

use crate::support::{Build, Client, TestServer, USER, error};

/// What an official client reads of one answer.
const CLIENT_LIMIT: usize = 1 << 20;

async fn store_of(names: &[String]) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    for name in names {
        let name: KeyName = name.parse().expect("a name");
        let _ = store.create(&name, &SecretBytes::from(&b"x"[..])).await.expect("stored");
    }
    store
}

async fn page(client: &Client, pattern: &str) -> KeyNames {
    let answer = client.get(&format!("/v1/key/list/{pattern}")).await;
    assert_eq!(answer.status, 200, "{pattern}");
    assert!(answer.body.len() < CLIENT_LIMIT, "{} bytes", answer.body.len());
    serde_json::from_str(&answer.body).expect("a page")
}

#[tokio::test]
async fn keys_are_listed_by_prefix_sorted_and_in_one_answer() {
    let names = ["b", "a", "my-key", "my-", "my_key", "Z", "0", "my-key-2"].map(str::to_owned);
    let server = TestServer::with(Build::default().store(store_of(&names[..3]).await)).await;
    for name in ["my_key", "Z", "0", "my-key-2"] {
        server.admin().create(name).await;
    }
    for admin in server.admin().over_both() {
        for (pattern, listed) in [
            ("", r#""0","Z","a","b","my-key","my-key-2","my_key""#),
            ("/", r#""0","Z","a","b","my-key","my-key-2","my_key""#),
            ("/*", r#""0","Z","a","b","my-key","my-key-2","my_key""#),
            ("/my*", r#""my-key","my-key-2","my_key""#),
            ("/my", r#""my-key","my-key-2","my_key""#),
            ("/my-", r#""my-key","my-key-2""#),
            ("/my-%2A", r#""my-key","my-key-2""#),
            ("/my-key-2", r#""my-key-2""#),
            ("/my-key-22", ""),
            ("/my~my-key-2", r#""my-key-2","my_key""#),
            ("/my~a", r#""my-key","my-key-2","my_key""#),
            ("/my~z", ""),
        ] {
            let answer = admin.get(&format!("/v1/key/list{pattern}")).await;
            assert_eq!(answer.line(), format!(r#"200 {{"names":[{listed}]}}"#), "{pattern}");
        }
    }
}

/// The archived server lost everything past its first page (D-08).
#[tokio::test]
async fn fifteen_thousand_of_the_longest_names_come_in_two_pages_and_none_is_lost() {
    let names: Vec<String> = (0..15_000).map(|number| format!("my-{number:077}")).collect();
    assert_eq!(names[0].len(), 80);
    let mut build = Build::default().store(store_of(&names).await);
    build.policies.clear();
    let server = TestServer::with(build.policy("lister", &["/v1/key/list/my-*"], &[], &[USER])).await;
    for (client, pattern, prefix) in [
        (server.admin(), "", ""),
        (server.admin().http2(), "*", ""),
        (server.admin(), "m*", "m"),
        (server.user(), "my-*", "my-"),
        (server.user().http2(), "my-0", "my-0"),
    ] {
        let first = page(&client, pattern).await;
        assert_eq!(first.continue_at, format!("{prefix}~{}", names[first.names.len()]), "{pattern}");
        assert!(first.names.len() > 12_000, "{} names", first.names.len());
        let second = page(&client, &first.continue_at).await;
        assert_eq!(second.continue_at, "", "{pattern}");
        assert!(first.names.iter().chain(&second.names).eq(&names), "{pattern}");
    }
    // A token is authorised as the prefix before its `~`.
    for token in ["~", "m~", "x-~"] {
        let denied = server.user().get(&format!("/v1/key/list/{token}{}", names[12_048])).await;
        assert_eq!(denied.line(), error(403, "not authorized: insufficient permissions"), "{token}");
    }
}

#[tokio::test]
async fn a_page_may_begin_at_a_name_that_is_gone() {
    let names: Vec<String> = (0..15_000).map(|number| format!("{number:080}")).collect();
    let store = store_of(&names).await;
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let first = page(&server.admin(), "").await;
    let gone: KeyName = names[first.names.len()].parse().expect("a name");
    assert_eq!(first.continue_at, format!("~{gone}"));
    let _ = store.delete(&gone).await.expect("deleted");
    let second = page(&server.admin(), &first.continue_at).await;
    assert_eq!(second.names, names[first.names.len() + 1..]);
}

/// A page of the store may hold nothing that is shown: the list goes on to where something is.
#[tokio::test]
async fn names_that_are_not_shown_end_no_list() {
    let store = store_of(&["a-key".to_owned(), "z-key".to_owned()]).await;
    for number in 0..20_000 {
        let name = KeyName::stored(&format!("b--v{number}-")).expect("a reserved name");
        let _ = store.create(&name, &SecretBytes::from(&b"x"[..])).await.expect("stored");
    }
    let server = TestServer::with(Build::default().store(store)).await;
    assert_eq!(server.admin().get("/v1/key/list/").await.line(), r#"200 {"names":["a-key","z-key"]}"#);
    assert_eq!(server.admin().get("/v1/key/list/b*").await.line(), r#"200 {"names":[]}"#);
}
