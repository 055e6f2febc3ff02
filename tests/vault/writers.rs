//! Creates and deletes that go on while OpenBao is sealed and unsealed.

use std::sync::Arc;

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::engine::{Cache, Engine};
use crate::openbao::OpenBao;
use crate::server::PATIENCE;
use crate::support::{Answer, Client, beside};
use crate::traffic::{assert_opens, until_known};

/// Those who write at each server.
const WRITERS: usize = 4;

/// What a writer was told of a key that nobody else uses.
#[derive(Debug)]
struct Key {
    name: String,
    /// Sealed with it.
    sealed: Option<String>,
    told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Created,
    Deleted,
    /// That the create failed or, if something was sealed with the key before, the delete.
    Nothing,
}

/// How many requests of a writer succeeded and failed.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    done: usize,
    failed: usize,
}

/// Notes the answer to a change: whether it was made. It is made, or fails; nothing else has happened to the key.
fn is_done(answer: &Answer, count: &mut Count) -> bool {
    let is_done = answer.status == 200;
    assert!(is_done || answer.status.is_server_error(), "{}", answer.line());
    *(if is_done { &mut count.done } else { &mut count.failed }) += 1;
    is_done
}

/// Creates keys, and deletes half of them, until `counts` has nobody who looks at it.
async fn write(client: Client, writer: usize, counts: watch::Sender<Vec<Count>>) -> Vec<Key> {
    let (mut keys, mut count) = (Vec::<Key>::new(), Count::default());
    while !counts.is_closed() {
        let name = format!("key-{writer}-{}", keys.len());
        let mut key = Key { name, sealed: None, told: Told::Nothing };
        if is_done(&client.put(&format!("/v1/key/create/{}", key.name), "").await, &mut count) {
            key.told = Told::Created;
            let answer = client.put(&format!("/v1/key/generate/{}", key.name), "").await;
            key.sealed = (answer.status == 200).then(|| answer.member("ciphertext"));
        }
        keys.push(key);
        let is_usable = |key: &&mut Key| key.told == Told::Created && key.sealed.is_some();
        if keys.len() % 2 == 0
            && let Some(key) = keys.iter_mut().find(is_usable)
        {
            let answer = client.delete(&format!("/v1/key/delete/{}", key.name)).await;
            key.told = if is_done(&answer, &mut count) { Told::Deleted } else { Told::Nothing };
        }
        counts.send_modify(|counts| counts[writer] = count);
    }
    keys
}

/// Holds what a writer was told against what a server finds that has nothing in memory.
async fn assert_kept(client: &Client, key: &Key) {
    let found = client.get(&format!("/v1/key/describe/{}", key.name)).await;
    assert!(found.status == 200 || found.status == 404, "there whole, or not at all: {key:?} {}", found.line());
    let is_there = found.status == 200;
    match key.told {
        Told::Created => assert!(is_there, "lost: {key:?}"),
        Told::Deleted => assert!(!is_there, "back: {key:?}"),
        Told::Nothing => {}
    }
    match &key.sealed {
        Some(sealed) if is_there => assert_opens(client, &key.name, sealed).await,
        // Its name is free, or the key can be used.
        _ if key.told == Told::Nothing => {
            let path = if is_there { "generate" } else { "create" };
            assert_eq!(client.put(&format!("/v1/key/{path}/{}", key.name), "").await.status, 200, "{key:?}");
        }
        _ => {}
    }
}

/// Waits until each writer has come that far.
async fn until(counts: &mut watch::Receiver<Vec<Count>>, is_far: impl Fn(usize, &Count) -> bool) {
    let all = counts.wait_for(|counts| counts.iter().enumerate().all(|(writer, count)| is_far(writer, count)));
    timeout(PATIENCE, all).await.expect("everybody comes that far").expect("writers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_writers_are_told_around_a_seal_is_true() {
    let Some(bao) = OpenBao::start_node() else { return };
    let bao = Arc::new(bao);
    let (sender, mut counts) = watch::channel(vec![Count::default(); 2 * WRITERS]);
    let (mut servers, mut writers) = (Vec::new(), Vec::new());
    for version in [1, 2] {
        let engine = Engine::new(&bao, version).await;
        // Not for long: writers are to fail.
        let login = format!("{}\n  outage_wait: 200ms", engine.app_role(json!({})).await);
        let server = engine.server(&login, Cache::Long);
        for _ in 0..WRITERS {
            writers.push(beside(write(server.admin(), writers.len(), sender.clone())));
        }
        servers.push((engine, login, server));
    }

    until(&mut counts, |_, count| count.done >= 4).await;
    servers[0].0.admin.done(Method::PUT, "sys/seal", Value::Null).await;
    for (_, _, server) in &servers {
        until_known(server, false).await;
    }
    until(&mut counts, |_, count| count.failed >= 2).await;
    bao.unseal();
    let before = counts.borrow().clone();
    until(&mut counts, |writer, count| count.done >= before[writer].done + 4).await;
    drop(counts);
    let keys = timeout(PATIENCE, join_all(writers)).await.expect("writers end");
    let mut keys = keys.into_iter().map(|keys| keys.expect("nobody was told what cannot be"));

    for (engine, login, _) in &servers {
        let fresh = engine.server(login, Cache::None);
        let client = fresh.admin();
        for key in keys.by_ref().take(WRITERS).flatten() {
            assert_kept(&client, &key).await;
        }
    }
}
