//! What an observer hears.

use super::*;

#[derive(Debug, Default)]
struct Notes(Mutex<Vec<(Operation, Duration, bool)>>);

impl Observer for Notes {
    fn called(&self, operation: Operation, time: Duration, result: Result<(), &StoreError>) {
        self.0.lock().expect("no panic").push((operation, time, result.is_ok()));
    }
}

#[tokio::test(start_paused = true)]
async fn every_attempt_and_every_probe_is_heard_of_with_its_time() {
    let (store, notes) = (FaultyStore::healthy(), Arc::new(Notes::default()));
    let guard = Guard::observed(store.clone(), StoreCalls::default(), notes.clone());
    store.until_called(Operation::Status, 1).await;
    store.once(Operation::Get, Fault::Hang);
    store.once(Operation::Get, Fault::Delay(SECOND));
    assert!(guard.get(&name("my-key")).await.is_ok());
    let notes = notes.0.lock().expect("no panic").clone();
    assert_eq!(notes[0], (Operation::Status, Duration::ZERO, true));
    let gets: Vec<_> = notes.into_iter().filter(|(operation, ..)| *operation == Operation::Get).collect();
    assert_eq!(gets.len(), 2, "{gets:?}");
    // The timer may be a millisecond late.
    for ((_, time, succeeded), (least, success)) in gets.into_iter().zip([(ATTEMPT, false), (SECOND, true)]) {
        assert!((least..=least + Duration::from_millis(1)).contains(&time), "{time:?}");
        assert_eq!(succeeded, success);
    }
}
