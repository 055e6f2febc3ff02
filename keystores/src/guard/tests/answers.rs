//! What a create or delete answers when the answer of an attempt was lost.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_create_whose_answer_was_lost_is_new() {
    let (store, guard) = guarded();
    store.once(Operation::Create, Fault::LostAnswer);
    assert_eq!(guard.create(&name("my-key"), &value("mine")).await.expect("create"), Created::New);
    assert_eq!((store.calls(Operation::Create), store.calls(Operation::Get)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_create_that_another_server_won_meanwhile_is_taken() {
    let (store, guard) = guarded();
    assert_eq!(store.create(&name("my-key"), &value("theirs")).await.expect("create"), Created::New);
    store.once(Operation::Create, Fault::Unavailable);
    assert_eq!(guard.create(&name("my-key"), &value("mine")).await.expect("create"), Created::NameTaken);
    assert_eq!(store.calls(Operation::Get), 1);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_was_answered_is_not_read_back() {
    let (store, guard) = guarded();
    assert_eq!(guard.create(&name("my-key"), &value("mine")).await.expect("create"), Created::New);
    assert_eq!(guard.create(&name("my-key"), &value("mine")).await.expect("create"), Created::NameTaken);
    assert_eq!(store.calls(Operation::Get), 0);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_cannot_be_read_back_is_not_answered() {
    for fault in [Fault::Denied, Fault::Unavailable] {
        let (store, guard) = guarded();
        store.once(Operation::Create, Fault::LostAnswer);
        store.always(Operation::Get, fault);
        assert!(guard.create(&name("my-key"), &value("mine")).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_finds_garbage_is_taken() {
    for fault in [Fault::Corrupt, Fault::Garbage(b"else".to_vec())] {
        let (store, guard) = guarded();
        store.once(Operation::Create, Fault::LostAnswer);
        store.once(Operation::Get, fault);
        assert_eq!(guard.create(&name("my-key"), &value("mine")).await.expect("create"), Created::NameTaken);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_whose_answer_was_lost_is_gone() {
    let (store, guard) = guarded();
    assert_eq!(store.create(&name("my-key"), &value("x")).await.expect("create"), Created::New);
    store.once(Operation::Delete, Fault::LostAnswer);
    assert_eq!(guard.delete(&name("my-key")).await.expect("delete"), Deleted::Gone);
    assert_eq!(store.calls(Operation::Delete), 2);
    assert_eq!(guard.delete(&name("my-key")).await.expect("delete"), Deleted::Absent);
}

/// One in the air after the answer would undo whatever is done next.
#[tokio::test(start_paused = true)]
async fn attempts_of_a_change_never_overlap() {
    let (store, guard) = guarded();
    for operation in [Operation::Create, Operation::Delete] {
        store.always(operation, Fault::Hang);
        let begin = Instant::now();
        let unavailable = match operation {
            Operation::Create => is_unavailable(&guard.create(&name("my-key"), &value("x")).await),
            _ => is_unavailable(&guard.delete(&name("my-key")).await),
        };
        assert!(unavailable, "{operation:?}");
        assert_eq!(store.calls(operation), 1, "{operation:?}");
        assert!(begin.elapsed() >= DEADLINE, "{operation:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_takes_its_time_does_not_bring_the_key_back_after_a_delete() {
    let (store, guard) = guarded();
    let (my_key, mine) = (name("my-key"), value("mine"));
    store.once(Operation::Create, Fault::Delay(ATTEMPT + SECOND));
    assert_eq!(guard.create(&my_key, &mine).await.expect("create"), Created::New);
    assert_eq!((store.calls(Operation::Create), store.running()), (1, 0), "no attempt is left behind");
    assert_eq!(guard.delete(&my_key).await.expect("delete"), Deleted::Gone);
    store.until_idle().await;
    assert!(guard.get(&my_key).await.expect("get").is_none());
}
