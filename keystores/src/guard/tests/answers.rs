//! What a create or delete answers when the answer of an attempt was lost.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_create_whose_answer_was_lost_is_new() {
    for fault in [Fault::LostAnswer, Fault::HangingAnswer] {
        let (store, guard) = guarded();
        store.once(Operation::Create, fault);
        assert_eq!(guard.create(&name("my-key"), &value("mine")).await.expect("create"), Created::New);
        assert_eq!((store.calls(Operation::Create), store.calls(Operation::Get)), (2, 1));
    }
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
async fn a_create_that_took_effect_late_is_new() {
    let (store, guard) = guarded();
    store.once(Operation::Create, Fault::Hang);
    store.once(Operation::Create, Fault::Delay(Duration::from_millis(100)));
    let (my_key, mine) = (name("my-key"), value("mine"));
    let mut creating = Box::pin(guard.create(&my_key, &mine));
    assert!(waits(&mut creating).await);
    let late = async {
        store.until_called(Operation::Create, 2).await;
        store.release();
    };
    assert_eq!(tokio::join!(creating, late).0.expect("create"), Created::New);
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

#[tokio::test(start_paused = true)]
async fn attempts_of_a_delete_never_overlap() {
    let (store, guard) = guarded();
    store.always(Operation::Delete, Fault::Hang);
    let begin = Instant::now();
    assert!(is_unavailable(&guard.delete(&name("my-key")).await));
    assert_eq!(store.calls(Operation::Delete), 1);
    assert!(begin.elapsed() >= DEADLINE);
}
