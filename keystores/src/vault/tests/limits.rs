//! How long calls and logins may take.

use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use kes_config::keystore::StoreCalls;
use serde_json::json;
use tokio::time::timeout;

use super::fake::{Fake, Reply};
use crate::conformance::name;
use crate::vault::VaultStore;
use crate::{KeyStore, StoreError};

fn calls(deadline: Duration) -> StoreCalls {
    StoreCalls { deadline, ..StoreCalls::default() }
}

#[tokio::test]
async fn a_call_without_an_answer_ends_after_one_and_a_half_deadlines() {
    let fake = Fake::new(|_| {
        loop {
            thread::park();
        }
    });
    let store = VaultStore::connect(&fake.settings(), &calls(Duration::from_secs(2))).await.expect("a store");
    match store.get(&name("my-key")).await {
        Err(StoreError::Unavailable(reason)) => assert!(reason.ends_with("no answer within 3000 ms"), "{reason}"),
        other => panic!("{:?}", other.map(drop)),
    }
}

#[tokio::test]
async fn a_login_may_take_longer_than_a_call() {
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let fake = Fake::bare(move |seen| match seen.path.split('?').next().unwrap_or_default() {
        "/v1/sys/health" => Reply::Json(200, json!({"initialized": true, "sealed": false})),
        "/v1/auth/token/lookup-self" => {
            released.lock().expect("whole").recv().expect("released");
            Reply::Json(200, json!({"data": {"ttl": 0, "renewable": false}}))
        }
        _ => Reply::Json(403, json!({"errors": ["permission denied"]})),
    });
    let (settings, calls) = (fake.settings(), calls(Duration::from_secs(1)));
    let mut login = Box::pin(VaultStore::connect(&settings, &calls));
    assert!(timeout(Duration::from_secs(2), &mut login).await.is_err(), "it waits for more than 1.5 s");
    release.send(()).expect("it waits");
    login.await.expect("a store");
}
