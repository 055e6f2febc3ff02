//! The limits by themselves, in time that passes when nothing else happens. With real clients: `tests/server/limits.rs`.

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::timeout;

use super::*;

const HEADER: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(90);

fn activity(multiplexed: bool) -> Arc<Activity> {
    Activity::new(ConnectionLimits { handshake: HEADER, header: HEADER, idle: IDLE }, multiplexed)
}

/// How long the connection lives from now on if nothing more happens, in whole seconds.
async fn rest(activity: &Activity) -> Duration {
    let now = Instant::now();
    activity.expired().await;
    Duration::from_secs(now.elapsed().as_secs())
}

/// Lets time pass, during which the connection must live.
async fn pass(expired: Pin<&mut impl Future<Output = ()>>, time: Duration) {
    timeout(time, expired).await.expect_err("the connection lives");
}

#[tokio::test(start_paused = true)]
async fn the_first_head_has_its_time_from_the_beginning() {
    for multiplexed in [false, true] {
        let activity = activity(multiplexed);
        let mut expired = pin!(activity.expired());
        for _ in 0..4 {
            pass(expired.as_mut(), Duration::from_secs(1)).await;
            activity.bytes_came(1);
        }
        assert_eq!(rest(&activity).await, Duration::from_secs(1), "bytes do not prolong it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_head_has_its_time_from_its_first_byte() {
    let activity = activity(false);
    drop(activity.begin());
    let mut expired = pin!(activity.expired());
    pass(expired.as_mut(), Duration::from_secs(30)).await;
    let first_byte = Instant::now();
    activity.bytes_came(1);
    pass(expired.as_mut(), Duration::from_secs(3)).await;
    activity.bytes_came(1);
    // The wait that has begun notices that its end came closer, because who polls it is woken by the bytes.
    expired.await;
    assert_eq!(first_byte.elapsed().as_secs(), HEADER.as_secs());
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_have_no_limit_here_and_the_idle_time_begins_with_the_last_answer() {
    for multiplexed in [false, true] {
        let activity = activity(multiplexed);
        let (one, other) = (activity.begin(), activity.begin());
        let mut expired = pin!(activity.expired());
        pass(expired.as_mut(), IDLE * 10).await;
        drop(one);
        pass(expired.as_mut(), IDLE * 10).await;
        activity.bytes_came(100);
        drop(other);
        assert_eq!(rest(&activity).await, IDLE);
        // What the other tasks of the connection did is noticed by the wait that has begun, if a little later.
        let ended = Instant::now();
        drop(activity.begin());
        expired.await;
        assert!((IDLE..=IDLE + HEADER).contains(&ended.elapsed()));
    }
}

#[tokio::test(start_paused = true)]
async fn over_http_2_only_the_preface_counts_and_a_farewell_is_short() {
    let activity = activity(true);
    activity.bytes_came(HTTP2_PREFACE_BYTES - 1);
    assert_eq!(rest(&activity).await, HEADER);
    activity.await_farewell();
    assert_eq!(rest(&activity).await, Duration::ZERO, "who did not even greet is not waited for");
    activity.bytes_came(1);
    let mut expired = pin!(activity.expired());
    pass(expired.as_mut(), IDLE / 2).await;
    activity.bytes_came(1000);
    assert_eq!(rest(&activity).await, IDLE / 2);
    activity.await_farewell();
    assert_eq!(rest(&activity).await, HEADER);
}

#[tokio::test(start_paused = true)]
async fn over_http_1_nobody_is_waited_for_to_say_farewell() {
    let activity = activity(false);
    drop(activity.begin());
    assert_eq!(rest(&activity).await, IDLE);
    activity.await_farewell();
    assert_eq!(rest(&activity).await, Duration::ZERO);
}

/// A pipe of 10 bytes stands for a client that does not read.
#[tokio::test(start_paused = true)]
async fn a_write_that_cannot_proceed_has_the_idle_time_whatever_else_goes_on() {
    let activity = activity(false);
    let _in_flight = activity.begin();
    let (ours, mut theirs) = duplex(10);
    let mut ours = Watched::new(ours, Arc::clone(&activity));
    ours.write_all(b"0123456789").await.expect("it fits");
    let mut expired = pin!(activity.expired());
    pass(expired.as_mut(), IDLE * 2).await;

    let mut more = pin!(ours.write_all(b"0123456789"));
    timeout(IDLE / 2, more.as_mut()).await.expect_err("it does not fit");
    theirs.read_exact(&mut [0; 5]).await.expect("bytes");
    timeout(IDLE / 2, more.as_mut()).await.expect_err("half of it does");
    assert_eq!(rest(&activity).await, IDLE / 2, "counted from when it last went on");
}

#[tokio::test(start_paused = true)]
async fn who_asks_early_is_not_pressed_while_the_last_answer_is_on_its_way() {
    let activity = activity(false);
    let (ours, mut theirs) = duplex(10);
    let mut ours = Watched::new(ours, Arc::clone(&activity));
    drop(activity.begin());
    timeout(Duration::ZERO, ours.write_all(b"an answer that does not fit")).await.expect_err("it waits");
    theirs.write_all(b"GET").await.expect("it fits");
    ours.read_exact(&mut [0; 3]).await.expect("bytes");
    assert_eq!(rest(&activity).await, IDLE);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_can_be_told_to_end() {
    for multiplexed in [false, true] {
        let activity = activity(multiplexed);
        assert_eq!(activity.idle_since(), None, "a head is expected");
        let answered = activity.begin();
        assert_eq!(activity.idle_since(), None);
        drop(answered);
        let begin = Instant::now();
        let mut expired = pin!(activity.expired());
        pass(expired.as_mut(), IDLE / 2).await;
        assert_eq!(activity.idle_since(), Some(begin));
        activity.end_idle_time();
        assert_eq!(activity.idle_since(), None, "once is enough");
        expired.await;
        assert_eq!(begin.elapsed().as_secs(), IDLE.as_secs() / 2);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_notices_at_once_that_it_is_told_to_end() {
    let activity = activity(true);
    drop(activity.begin());
    let waiting = Arc::clone(&activity);
    let waiting = tokio::spawn(async move { rest(&waiting).await });
    tokio::task::yield_now().await;
    activity.end_idle_time();
    assert_eq!(waiting.await.expect("no panic"), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn whoever_works_is_not_told_to_end() {
    let activity = activity(false);
    activity.end_idle_time();
    assert_eq!(rest(&activity).await, HEADER, "a head has its time");
    let in_flight = activity.begin();
    activity.end_idle_time();
    let mut expired = pin!(activity.expired());
    pass(expired.as_mut(), IDLE * 2).await;
    drop(in_flight);
    activity.end_idle_time();
    drop(activity.begin());
    assert_eq!(rest(&activity).await, IDLE, "a request that begins just in time counts");
}
