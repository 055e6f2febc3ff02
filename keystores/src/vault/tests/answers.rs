//! What the store makes of answers, and what it sends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kes_config::keystore::{CredentialSource, Login, Mount, StoreCalls, Vault as Settings};
use kes_core::SecretBytes;
use serde_json::{Value, json};

use super::fake::{Fake, Reply, TOKEN, nothing};
use super::vault;
use crate::conformance::name;
use crate::{ConnectError, Created, Guard, KeyStore, StoreError, VaultStore};

pub(super) async fn connect(fake: &Fake) -> VaultStore {
    vault(&fake.settings()).await.expect("a store")
}

fn entry(text: &str) -> Reply {
    Reply::Json(200, json!({"data": {"data": {"my-key": text}, "metadata": {"version": 1, "destroyed": false}}}))
}

pub(super) fn value() -> SecretBytes {
    SecretBytes::from(&b"canary-value"[..])
}

#[tokio::test]
async fn a_standbys_redirect_is_followed_with_everything_that_was_sent() {
    let active = Fake::new(|_| Reply::Json(200, json!({"data": {"version": 1}})));
    let target = active.url.clone();
    let standby = Fake::new(move |seen| Reply::With(307, "Location", format!("{target}{}", seen.path), ""));
    let created = connect(&standby).await.create(&name("my-key"), &value()).await;
    assert_eq!(created.expect("create"), Created::New);
    let calls = active.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].method.as_str(), calls[0].path.as_str()), ("PUT", "/v1/kv/data/my-key"));
    assert_eq!(calls[0].header("x-vault-token"), Some(TOKEN));
    assert_eq!(calls[0].body, json!({"options": {"cas": 0}, "data": {"my-key": "canary-value"}}));
}

#[tokio::test]
async fn redirects_in_a_circle_and_to_nowhere_are_unavailable() {
    for location in ["/v1/kv/data/my-key", "http://["] {
        let fake = Fake::new(move |_| Reply::With(307, "Location", location.to_owned(), ""));
        let answer = connect(&fake).await.get(&name("my-key")).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        assert!(fake.calls().len() <= 2);
    }
}

#[tokio::test]
async fn trouble_of_the_server_may_pass_and_says_when() {
    for (status, header, pause) in [
        (429, "", Some(1)),
        (429, "7", Some(7)),
        (503, "3", Some(3)),
        (412, "", None),
        (500, "", None),
        (502, "", None),
    ] {
        let fake = Fake::new(move |_| Reply::With(status, "Retry-After", header.to_owned(), "<html>"));
        let store = connect(&fake).await;
        let answers =
            [store.get(&name("my-key")).await.map(drop), store.create(&name("my-key"), &value()).await.map(drop)];
        for answer in answers {
            match (answer, pause) {
                (Err(StoreError::Busy { retry_after, .. }), Some(pause)) => {
                    assert_eq!(retry_after, Duration::from_secs(pause));
                }
                (Err(StoreError::Unavailable(_)), None) => {}
                (answer, _) => panic!("{status}: {answer:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_404_that_is_not_vaults_says_nothing_of_a_key() {
    let fake = Fake::new(|_| Reply::With(404, "Server", "a proxy".to_owned(), "<html>not found</html>"));
    let store = connect(&fake).await;
    assert!(store.get(&name("my-key")).await.is_err());
    assert!(store.delete(&name("my-key")).await.is_err());
    assert!(store.list("", None, 10).await.is_err());
}

/// Its time in whole seconds is 0, as that of a token without an end.
#[tokio::test]
async fn a_token_in_its_last_second_has_an_end() {
    for (expire_time, time) in [(json!("2026-11-21T17:39:14Z"), "Some(1s)"), (Value::Null, "None")] {
        let fake = Fake::bare(move |seen| match seen.path.as_str() {
            "/v1/auth/token/lookup-self" => {
                Reply::Json(200, json!({"data": {"ttl": 0, "renewable": false, "expire_time": expire_time}}))
            }
            "/v1/kv/config" | "/v1/sys/internal/ui/mounts/kv" => {
                Reply::Json(403, json!({"errors": ["permission denied"]}))
            }
            _ => Reply::Json(200, json!({"initialized": true, "sealed": false})),
        });
        let lease = format!("{:?}", connect(&fake).await.api.session.lease());
        assert!(lease.contains(&format!("time: {time}")), "{lease}");
    }
}

#[tokio::test]
async fn a_create_that_was_done_and_not_answered_has_succeeded() {
    for instead in [Reply::Cut, Reply::With(200, "Server", "a proxy".to_owned(), "<html>")] {
        let stored = Mutex::new(None::<Value>);
        let fake = Fake::new(move |seen| {
            let mut stored = stored.lock().expect("whole");
            match (seen.method.as_str(), &*stored) {
                ("PUT", None) => {
                    *stored = Some(seen.body["data"]["my-key"].clone());
                    instead.clone()
                }
                ("PUT", Some(_)) => {
                    Reply::Json(400, json!({"errors": ["check-and-set parameter did not match the current version"]}))
                }
                (_, Some(text)) => entry(text.as_str().expect("text")),
                _ => nothing(),
            }
        });
        let guard = Guard::new(std::sync::Arc::new(connect(&fake).await), StoreCalls::default());
        assert_eq!(guard.create(&name("my-key"), &value()).await.expect("create"), Created::New);
    }
}

#[tokio::test]
async fn one_connection_serves_many_calls() {
    let fake = Fake::new(|_| entry("x"));
    let store = connect(&fake).await;
    for _ in 0..20 {
        assert!(store.get(&name("my-key")).await.expect("get").is_some());
    }
    let calls = fake.calls();
    assert_eq!(calls.len(), 20, "one call for each");
    assert!(fake.seen().iter().all(|seen| seen.connection == 0), "and one connection for all");
    assert!(calls.iter().all(|seen| seen.path.ends_with("?version=1") && seen.header("x-vault-namespace").is_none()));
}

#[tokio::test]
async fn the_namespace_goes_with_everything_but_the_health() {
    let fake = Fake::new(|_| entry("x"));
    let mut settings = fake.settings();
    settings.namespace = Some("team/a".to_owned());
    settings.forward_active = true;
    let store = vault(&settings).await.expect("a store");
    assert!(store.get(&name("my-key")).await.expect("get").is_some());
    for seen in fake.seen() {
        let expected = if seen.path.starts_with("/v1/sys/health") { None } else { Some("team/a") };
        assert_eq!(seen.header("x-vault-namespace"), expected, "{}", seen.path);
    }
    assert_eq!(fake.calls()[0].header("x-vault-inconsistent"), Some("forward-active-node"));
}

#[tokio::test]
async fn a_server_that_cannot_serve_is_unavailable() {
    for (state, reason) in [
        (json!({"initialized": false, "sealed": true}), "not initialized"),
        (json!({"initialized": true, "sealed": true}), "sealed"),
        (json!({"initialized": true, "sealed": false, "replication_dr_mode": "secondary"}), "disaster recovery"),
    ] {
        let fake = Fake::bare(move |_| Reply::Json(299, state.clone()));
        match vault(&fake.settings()).await {
            Err(ConnectError::Unavailable(said)) => assert!(said.contains(reason), "{said}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(fake.seen().len(), 1, "it is asked nothing else");
    }
}

/// A performance standby may hear of a token after the node that issued it.
#[tokio::test]
async fn a_node_that_does_not_know_a_new_token_yet_is_asked_again() {
    let calls = AtomicUsize::new(0);
    let fake = Fake::new(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Reply::Json(403, json!({"errors": ["permission denied"]})),
        _ => entry("x"),
    });
    let guard = Guard::new(std::sync::Arc::new(connect(&fake).await), StoreCalls::default());
    assert!(guard.get(&name("my-key")).await.expect("get").is_some());
}

/// Answers logins at `auth/{engine}`, and refuses the first call, so that there are two of them.
fn with_logins(engine: &'static str) -> Fake {
    let calls = AtomicUsize::new(0);
    Fake::new(move |seen| {
        if seen.path == format!("/v1/auth/{engine}/login") {
            return Reply::Json(
                200,
                json!({"auth": {"client_token": TOKEN, "lease_duration": 3600, "renewable": true}}),
            );
        }
        match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::Json(403, json!({"errors": ["permission denied"]})),
            _ => entry("x"),
        }
    })
}

#[tokio::test]
async fn a_jwt_in_a_file_is_read_for_every_login() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, "first.jwt\n").expect("written");
    let mount = Mount { engine: "kubernetes".to_owned(), namespace: Some("identity".to_owned()) };
    let jwt = || CredentialSource::File(file.path().to_owned());
    let role = Some("kes".to_owned());
    for login in [
        Login::Kubernetes { mount: mount.clone(), role: role.clone(), jwt: jwt() },
        Login::Jwt { mount: mount.clone(), role: role.clone(), jwt: jwt() },
    ] {
        let fake = with_logins("kubernetes");
        std::fs::write(&file, "first.jwt\n").expect("written");
        let store = vault(&Settings { login, ..fake.settings() }).await.expect("a store");
        std::fs::write(&file, "second.jwt\n").expect("written");
        assert!(store.get(&name("my-key")).await.expect("get").is_some());
        let logins: Vec<_> = fake.seen().into_iter().filter(|seen| seen.path.ends_with("/login")).collect();
        let bodies: Vec<&Value> = logins.iter().map(|seen| &seen.body).collect();
        let expected = ["first.jwt", "second.jwt"].map(|jwt| json!({"role": "kes", "jwt": jwt}));
        assert_eq!(bodies, expected.iter().collect::<Vec<_>>());
        for seen in &logins {
            assert_eq!((seen.method.as_str(), seen.header("x-vault-namespace")), ("PUT", Some("identity")));
            assert_eq!(seen.header("x-vault-token"), None, "a login needs none");
        }
        let calls = fake.calls();
        assert!(calls.iter().all(|seen| seen.header("x-vault-namespace").is_none()), "keys are in the root");
    }
}

#[tokio::test]
async fn a_login_with_a_certificate_names_the_role_if_there_is_one() {
    for (role, body) in [(None, json!({})), (Some("kes".to_owned()), json!({"name": "kes"}))] {
        let fake = with_logins("cert");
        let mount = Mount { engine: "cert".to_owned(), namespace: None };
        let login = Login::Certificate { mount, role };
        vault(&Settings { login, ..fake.settings() }).await.expect("a store");
        let login = fake.seen().into_iter().find(|seen| seen.path.ends_with("/login")).expect("a login");
        assert_eq!(login.body, body);
    }
}

#[tokio::test]
async fn a_file_without_a_credential_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let fake = with_logins("jwt");
    let missing = std::path::PathBuf::from("/nonexistent/jwt");
    for path in [file.path().to_owned(), missing] {
        let mount = Mount { engine: "jwt".to_owned(), namespace: None };
        let login = Login::Jwt { mount, role: None, jwt: CredentialSource::File(path.clone()) };
        match vault(&Settings { login, ..fake.settings() }).await {
            Err(ConnectError::Refused(reason)) => assert!(reason.contains(&path.display().to_string()), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn neither_errors_nor_debug_output_show_tokens_or_values() {
    let fake = Fake::new(|_| Reply::Json(403, json!({"errors": ["permission denied"]})));
    let store = connect(&fake).await;
    let created = store.create(&name("my-key"), &value()).await;
    let again = store.create(&name("my-key"), &value()).await;
    let said = format!("{store:?} {:?} {created:?} {again:?}", store.api.session.lease());
    assert!(said.contains("permission denied") && !said.contains("canary"), "{said}");
}

#[tokio::test]
async fn a_server_without_pages_is_asked_for_the_whole_folder() {
    let fake = Fake::new(|_| Reply::Json(200, json!({"data": {"keys": ["a", "b", "c", "d/", "e"]}})));
    let store = connect(&fake).await;
    for (start, names, next) in [(None, ["a", "b"], Some("c")), (Some("c"), ["c", "e"], None)] {
        let page = store.list("", start, 2).await.expect("a page");
        assert_eq!(page.names, names.map(name));
        assert_eq!(page.next, next.map(name));
    }
    let asked = fake.calls().iter().filter(|seen| seen.path.contains("limit=")).count();
    assert_eq!((asked, fake.calls().len()), (1, 3), "pages are asked for once");
}
