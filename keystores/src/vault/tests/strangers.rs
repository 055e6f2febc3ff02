//! What answers in Vault's place, or not as Vault does.

use serde_json::json;

use super::answers::{connect, value};
use super::fake::{Fake, Reply};
use super::vault;
use crate::conformance::name;
use crate::vault::transport::MAX_ANSWER_BYTES;
use crate::{ConnectError, KeyStore, StoreError};

#[tokio::test]
async fn only_the_same_request_is_made_where_a_redirect_leads() {
    let other = Fake::new(|_| Reply::Json(200, json!({"data": {"data": {"a+b": "x"}, "metadata": {}}})));
    for (location, is_same) in [
        ("/login?next=%2Fv1%2Fkv%2Fdata%2Fa%2Bb", false),
        ("/v1/kv/data/a", false),
        ("/v1/kv/data/a+b?version=1", true),
        ("/below/v1/kv/data/a%2Bb", true),
    ] {
        let before = other.seen().len();
        let target = format!("{}{location}", other.url);
        let standby = Fake::new(move |_| Reply::With(302, "Location", target.clone(), ""));
        let answer = connect(&standby).await.get(&name("a+b")).await;
        assert_eq!(answer.is_ok(), is_same, "{location}: {answer:?}");
        assert_eq!(other.seen().len() - before, usize::from(is_same), "the token goes nowhere else");
    }
}

/// What stands between here and Vault answers in its place: a proxy that has lost it, a page to log in at.
#[tokio::test]
async fn an_answer_that_is_not_vaults_does_not_tell_what_became_of_the_request() {
    for (status, body) in
        [(200, "<html>log in</html>"), (200, ""), (404, "404 page not found"), (400, "<html>"), (200, "[1]")]
    {
        let fake = Fake::new(move |_| Reply::With(status, "Server", "a proxy".to_owned(), body));
        let mut settings = fake.settings();
        settings.exact_delete = false;
        let store = vault(&settings).await.expect("a store");
        let mut answers = vec![
            store.get(&name("my-key")).await.map(drop),
            store.create(&name("my-key"), &value()).await.map(drop),
            store.list("", None, 10).await.map(drop),
        ];
        // A delete has nothing to say.
        if !body.is_empty() {
            answers.push(store.delete(&name("my-key")).await.map(drop));
        }
        for answer in answers {
            let Err(StoreError::Unavailable(reason)) = answer else { panic!("{status} {body}: {answer:?}") };
            assert!(
                reason.contains(&format!("{}/v1/kv/", fake.url)) && reason.contains("not one of Vault's"),
                "{reason}"
            );
        }
        let fake = Fake::bare(move |_| Reply::With(status, "Server", "a proxy".to_owned(), body));
        let connected = vault(&fake.settings()).await;
        let Err(ConnectError::Unavailable(reason)) = connected else { panic!("{connected:?}") };
        assert!(reason.contains("hint: `keystore.vault.endpoint` has to be that of vault"), "{reason}");
    }
}

#[tokio::test]
async fn an_engine_of_version_1_that_took_an_entry_of_version_2_has_created_no_key() {
    let fake = Fake::new(|_| Reply::With(204, "Server", "Vault".to_owned(), ""));
    let created = connect(&fake).await.create(&name("my-key"), &value()).await;
    let Err(StoreError::Denied(reason)) = created else { panic!("{created:?}") };
    assert!(reason.contains("has version 1; hint: `version: v1`"), "{reason}");
}

#[tokio::test]
async fn an_answer_without_end_is_an_entry_that_cannot_be_one_or_a_create_that_may_be_done() {
    let fake = Fake::new(|_| Reply::Json(200, json!({"data": "x".repeat(MAX_ANSWER_BYTES)})));
    let store = connect(&fake).await;
    let got = store.get(&name("my-key")).await;
    assert!(matches!(got, Err(StoreError::Corrupt(_))), "{got:?}");
    let created = store.create(&name("my-key"), &value()).await;
    assert!(matches!(created, Err(StoreError::Unavailable(_))), "{created:?}");
}
