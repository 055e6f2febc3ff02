//! Clients that follow a log: each has a bounded queue of its own, and one that does not keep up is dropped.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};
use prometheus::{IntCounter, IntGauge};

use super::super::connection::InFlight;

/// Most clients that follow one log: each event is handed to all of them.
const MAX_SUBSCRIBERS: usize = 256;

/// Hands events to whoever follows.
#[derive(Debug)]
pub struct Hub {
    subscribers: Mutex<Vec<Arc<Subscriber>>>,
    /// How many there are, to look without a lock.
    count: AtomicUsize,
    is_closed: AtomicBool,
    /// Most events that wait for one subscriber.
    queue: AtomicUsize,
    present: IntGauge,
    drops: IntCounter,
}

#[derive(Debug, Default)]
struct Subscriber(Mutex<Waiting>);

/// What waits for a subscriber.
#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Bytes>,
    end: Option<End>,
    waker: Option<Waker>,
    /// Keeps the connection from being idle, as long as the client is wanted.
    request: Option<InFlight>,
}

#[derive(Clone, Copy, Debug)]
enum End {
    /// The server stops: there is no more to come.
    Complete,
    /// The client has missed something.
    TooSlow,
}

impl Hub {
    /// A hub without subscribers, for each of whom at most `queue` events wait.
    pub fn new(queue: usize, present: IntGauge, drops: IntCounter) -> Arc<Self> {
        Arc::new(Self {
            subscribers: Mutex::default(),
            count: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            queue: AtomicUsize::new(queue),
            present,
            drops,
        })
    }

    /// Changes how many events wait for one subscriber, from the next one on.
    pub fn set_queue(&self, queue: usize) {
        self.queue.store(queue, Ordering::Relaxed);
    }

    /// Whether somebody follows.
    pub fn is_followed(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Hands an event to everybody who follows: a line with its newline. Waits for nobody.
    pub fn publish(&self, event: &Bytes) {
        if !self.is_followed() {
            return;
        }
        let queue = self.queue.load(Ordering::Relaxed);
        let mut subscribers = self.subscribers();
        subscribers.retain(|subscriber| {
            let keeps_up = subscriber.waiting().events.len() < queue;
            if keeps_up {
                subscriber.take(event.clone());
            } else {
                subscriber.end(End::TooSlow);
                self.drops.inc();
            }
            keeps_up
        });
        self.counted(&subscribers);
    }

    /// A new subscriber's events from now on; `None` if there are too many already.
    pub fn subscribe(self: &Arc<Self>) -> Option<Subscription> {
        let subscriber = Arc::new(Subscriber::default());
        let mut subscribers = self.subscribers();
        if self.is_closed.load(Ordering::Relaxed) {
            subscriber.end(End::Complete);
        } else if subscribers.len() >= MAX_SUBSCRIBERS {
            return None;
        } else {
            subscribers.push(Arc::clone(&subscriber));
            self.counted(&subscribers);
        }
        Some(Subscription { hub: Arc::clone(self), subscriber })
    }

    /// Ends all subscriptions well, those to come included.
    pub fn close(&self) {
        let mut subscribers = self.subscribers();
        self.is_closed.store(true, Ordering::Relaxed);
        for subscriber in subscribers.drain(..) {
            subscriber.end(End::Complete);
        }
        self.counted(&subscribers);
    }

    fn counted(&self, subscribers: &[Arc<Subscriber>]) {
        self.count.store(subscribers.len(), Ordering::Relaxed);
        self.present.set(subscribers.len() as i64);
    }

    fn subscribers(&self) -> MutexGuard<'_, Vec<Arc<Subscriber>>> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, event: Bytes) {
        let mut waiting = self.waiting();
        waiting.events.push_back(event);
        let waker = waiting.waker.take();
        drop(waiting);
        waker.into_iter().for_each(Waker::wake);
    }

    fn end(&self, end: End) {
        let mut waiting = self.waiting();
        waiting.end = Some(end);
        if matches!(end, End::TooSlow) {
            // Nobody is going to read them; a client that stalls may never even learn that it was dropped.
            waiting.events = VecDeque::new();
        }
        let (waker, request) = (waiting.waker.take(), waiting.request.take());
        drop(waiting);
        drop(request);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// What one client follows, as the body of its answer. It ends when the server stops, and fails if the client does not
/// keep up.
#[derive(Debug)]
pub struct Subscription {
    hub: Arc<Hub>,
    subscriber: Arc<Subscriber>,
}

impl Subscription {
    /// Keeps `request` in flight until the end. A client that was dropped and stalls then has the time of an idle one.
    pub fn hold(&self, request: InFlight) {
        let mut waiting = self.subscriber.waiting();
        if waiting.end.is_none() {
            waiting.request = Some(request);
        }
    }
}

impl Body for Subscription {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut waiting = self.subscriber.waiting();
        if let Some(event) = waiting.events.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(event))));
        }
        match waiting.end {
            Some(End::Complete) => Poll::Ready(None),
            Some(End::TooSlow) => Poll::Ready(Some(Err(io::Error::other("the client does not keep up with the log")))),
            None => {
                waiting.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut subscribers = self.hub.subscribers();
        subscribers.retain(|subscriber| !Arc::ptr_eq(subscriber, &self.subscriber));
        self.hub.counted(&subscribers);
        drop(subscribers);
        // An end that nobody sees lets go of the request.
        self.subscriber.end(End::Complete);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt as _;
    use tokio::time::Instant;

    use super::super::super::connection::{Activity, ConnectionLimits};
    use super::super::super::reply;
    use super::*;

    const IDLE: Duration = Duration::from_secs(90);

    fn hub(queue: usize) -> Arc<Hub> {
        let present = IntGauge::new("present", "present").expect("a gauge");
        Hub::new(queue, present, IntCounter::new("drops", "drops").expect("a counter"))
    }

    fn event(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    async fn next(subscription: &mut Subscription) -> Option<Bytes> {
        let frame = subscription.frame().await?.expect("it keeps up");
        Some(frame.into_data().expect("data"))
    }

    #[tokio::test]
    async fn everybody_gets_what_happens_from_when_they_came() {
        let hub = hub(10);
        hub.publish(&event("before"));
        let mut first = hub.subscribe().expect("a place");
        hub.publish(&event("one"));
        let mut second = hub.subscribe().expect("a place");
        hub.publish(&event("two"));
        assert_eq!([next(&mut first).await, next(&mut first).await], [Some(event("one")), Some(event("two"))]);
        assert_eq!(next(&mut second).await, Some(event("two")));
        assert_eq!(hub.present.get(), 2);
        drop((first, second));
        assert_eq!((hub.present.get(), hub.is_followed(), hub.drops.get()), (0, false, 0));
    }

    #[tokio::test]
    async fn who_does_not_keep_up_is_dropped_and_nobody_else() {
        let hub = hub(2);
        let mut slow = hub.subscribe().expect("a place");
        let mut quick = hub.subscribe().expect("a place");
        for text in ["one", "two", "three"] {
            hub.publish(&event(text));
            assert_eq!(next(&mut quick).await, Some(event(text)));
        }
        assert!(slow.frame().await.expect("an end").is_err(), "it has to know that it missed something");
        assert_eq!((hub.drops.get(), hub.present.get()), (1, 1));
        assert_eq!(slow.subscriber.waiting().events.capacity(), 0, "nothing waits for it");
    }

    #[tokio::test]
    async fn the_end_of_the_server_is_a_clean_end_of_all_streams() {
        let hub = hub(2);
        let mut early = hub.subscribe().expect("a place");
        hub.publish(&event("last"));
        hub.close();
        let mut late = hub.subscribe().expect("a place");
        assert_eq!([next(&mut early).await, next(&mut early).await], [Some(event("last")), None]);
        assert_eq!(next(&mut late).await, None);
        assert_eq!(hub.present.get(), 0);
    }

    #[test]
    fn there_is_a_limit_to_subscribers() {
        let hub = hub(1);
        let all: Vec<_> = (0..MAX_SUBSCRIBERS).map(|_| hub.subscribe().expect("a place")).collect();
        assert!(hub.subscribe().is_none());
        drop(all);
        assert!(hub.subscribe().is_some());
    }

    /// A client that stalls is not told that it was dropped: its connection has the time of an idle one.
    #[tokio::test(start_paused = true)]
    async fn a_stream_keeps_its_connection_until_it_is_dropped() {
        let activity = Activity::new(ConnectionLimits { handshake: IDLE, header: IDLE, idle: IDLE }, true);
        let rest = async || {
            let now = Instant::now();
            activity.expired().await;
            now.elapsed().as_secs()
        };
        let whole = reply::Body::from("{}").answering(activity.begin());
        assert_eq!(rest().await, IDLE.as_secs(), "an answer that nobody takes does not keep the connection");
        drop(whole);
        let hub = hub(1);
        let stalled = reply::Body::Stream(hub.subscribe().expect("a place")).answering(activity.begin());
        tokio::time::timeout(IDLE * 10, activity.expired()).await.expect_err("it lives");
        hub.publish(&event("one"));
        hub.publish(&event("two"));
        assert_eq!(rest().await, IDLE.as_secs());
        drop(stalled);
    }
}
