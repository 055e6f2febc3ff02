//! The limits of a connection that the HTTP library does not know: how long it may be idle, how long the head of a
//! request may take, and how long a client may take to read.
//!
//! | state | limit | left by |
//! | --- | --- | --- |
//! | a head is expected: at first, and over HTTP/1.1 from the first byte after an idle time | header timeout | the head, when a request begins |
//! | requests are in flight | none here; they have deadlines of their own | the last answer, when it is complete |
//! | idle, or the answer is on its way | idle timeout | the next request |
//!
//! Over HTTP/2 the head that is expected at first is the connection preface. From then on a connection without an open
//! stream is idle whatever it sends (specification: `server-api.md` §1.4); but a head that it has begun has its time, as
//! over HTTP/1.1, whatever else is in flight. A write that cannot proceed has the idle timeout too, in every state.

mod frames;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

use frames::Frames;

/// Bytes of the HTTP/2 connection preface, RFC 9113 §3.4.
const HTTP2_PREFACE_BYTES: usize = 24;

/// How long a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// For the handshake.
    pub handshake: Duration,
    /// For the head of a request.
    pub header: Duration,
    /// Without a request, and for a client to take what it is sent.
    pub idle: Duration,
}

/// What a connection is at, told by its requests and its socket.
#[derive(Debug)]
pub struct Activity {
    limits: ConnectionLimits,
    /// HTTP/2 is spoken.
    multiplexed: bool,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// Requests in flight.
    requests: usize,
    expected: Expected,
    /// When the connection has had its time; means nothing while requests are in flight.
    deadline: Instant,
    /// When the write that cannot proceed has had its time.
    write_deadline: Option<Instant>,
    /// When the head that was begun over HTTP/2 has had its time.
    head_deadline: Option<Instant>,
    /// It is about to end, unless another request begins.
    leaving: bool,
    /// Wakes whoever waits for the connection to have had its time.
    waker: Option<Waker>,
}

/// What the client does next, once no request is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// It sends the rest of a head. Over HTTP/2, this many bytes of the preface.
    Head(usize),
    /// Nothing, or the beginning of a head.
    Nothing,
}

impl Activity {
    /// A fresh connection, of which a head is expected. `multiplexed`: HTTP/2 is spoken on it.
    #[must_use]
    pub fn new(limits: ConnectionLimits, multiplexed: bool) -> Arc<Self> {
        let progress = Progress {
            requests: 0,
            expected: Expected::Head(HTTP2_PREFACE_BYTES),
            deadline: Instant::now() + limits.header,
            write_deadline: None,
            head_deadline: None,
            leaving: false,
            waker: None,
        };
        Arc::new(Self { limits, multiplexed, progress: Mutex::new(progress) })
    }

    /// A request begins. It is in flight as long as the result lives.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.progress().requests += 1;
        InFlight(Arc::clone(self))
    }

    /// Since when the connection is idle, if it is and has not been told to end.
    #[must_use]
    pub fn idle_since(&self) -> Option<Instant> {
        let progress = self.progress();
        progress.is_idle().then(|| progress.deadline.checked_sub(self.limits.idle)).flatten()
    }

    /// Ends the idle time of a connection that is idle, as if it had passed.
    pub fn end_idle_time(&self) {
        let mut progress = self.progress();
        if progress.is_idle() {
            progress.leaving = true;
            progress.deadline = Instant::now();
            progress.waker.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Ends when the connection has had its time.
    ///
    /// To be polled after the connection and by the same task: what happened there then counts at once. What happens
    /// in other tasks (a request that is cancelled over HTTP/2) is noticed after the shorter of the limits.
    pub async fn expired(&self) {
        let look_again = self.limits.header.min(self.limits.idle);
        let mut timer = pin!(sleep_until(Instant::now() + look_again));
        poll_fn(|context| {
            loop {
                let mut progress = self.progress();
                let deadline = progress.deadline();
                match &mut progress.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    none => *none = Some(context.waker().clone()),
                }
                drop(progress);
                // Setting a timer costs more than one that fires too early now and then.
                if let Some(deadline) = deadline.filter(|deadline| *deadline < timer.deadline()) {
                    timer.as_mut().reset(deadline);
                }
                if timer.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                let now = Instant::now();
                match deadline {
                    Some(deadline) if deadline <= now => return Poll::Ready(()),
                    Some(deadline) => timer.as_mut().reset(deadline),
                    None => timer.as_mut().reset(now + look_again),
                }
            }
        })
        .await;
    }

    /// The client of an idle HTTP/2 connection is told that it ends, and gets the time of a head to agree.
    pub fn await_farewell(&self) {
        let mut progress = self.progress();
        progress.leaving = true;
        if self.multiplexed && progress.expected == Expected::Nothing {
            progress.deadline = Instant::now() + self.limits.header;
        }
    }

    fn bytes_came(&self, count: usize) {
        let mut progress = self.progress();
        match progress.expected {
            Expected::Head(missing) if self.multiplexed => {
                if let Some(missing) = missing.checked_sub(count).filter(|&missing| missing > 0) {
                    progress.expected = Expected::Head(missing);
                } else {
                    progress.expect_nothing_for(self.limits.idle);
                }
            }
            // Who sends the next request early is not pressed for it while the last answer is on its way.
            Expected::Nothing if !self.multiplexed && progress.write_deadline.is_none() => {
                progress.expected = Expected::Head(0);
                progress.deadline = Instant::now() + self.limits.header;
            }
            _ => {}
        }
    }

    /// Over HTTP/2: a head has begun, or is complete. Told once.
    fn head_is_open(&self, open: bool) {
        let mut progress = self.progress();
        progress.head_deadline = open.then(|| Instant::now() + self.limits.header);
    }

    /// A write cannot proceed, or none is in that state any more. Told once.
    fn write_waits(&self, waits: bool) {
        let mut progress = self.progress();
        progress.write_deadline = waits.then(|| Instant::now() + self.limits.idle);
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn expect_nothing_for(&mut self, idle: Duration) {
        self.expected = Expected::Nothing;
        self.leaving = false;
        self.deadline = Instant::now() + idle;
    }

    /// Whether nothing is under way, in either direction.
    fn is_idle(&self) -> bool {
        let awaits_nothing = self.requests == 0 && self.expected == Expected::Nothing;
        awaits_nothing && !self.leaving && self.write_deadline.is_none() && self.head_deadline.is_none()
    }

    fn deadline(&self) -> Option<Instant> {
        let next = (self.requests == 0).then_some(self.deadline);
        next.into_iter().chain(self.write_deadline).chain(self.head_deadline).min()
    }
}

/// A request in flight.
#[derive(Debug)]
pub struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut progress = self.0.progress();
        progress.requests -= 1;
        progress.expect_nothing_for(self.0.limits.idle);
    }
}

/// A socket that tells what happens on it.
#[derive(Debug)]
pub struct Watched<S> {
    socket: S,
    activity: Arc<Activity>,
    /// Only of HTTP/2.
    frames: Option<Frames>,
    /// What `activity` was told last: that a write waits, and that a head is open. It hears of changes only, which most
    /// reads and writes are not.
    write_waits: bool,
    head_is_open: bool,
}

impl<S> Watched<S> {
    /// Tells `activity` of `socket`.
    pub fn new(socket: S, activity: Arc<Activity>) -> Self {
        let frames = activity.multiplexed.then(Frames::new);
        Self { socket, activity, frames, write_waits: false, head_is_open: false }
    }

    fn wrote<T>(&mut self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if self.write_waits != result.is_pending() {
            self.write_waits = result.is_pending();
            self.activity.write_waits(self.write_waits);
        }
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.socket).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        if count > 0 {
            self.activity.bytes_came(count);
            let Self { activity, frames, head_is_open, .. } = &mut *self;
            if let Some(open) = frames.as_mut().map(|frames| frames.take(&buffer.filled()[before..]))
                && *head_is_open != open
            {
                *head_is_open = open;
                activity.head_is_open(open);
            }
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.socket).poll_flush(context);
        self.wrote(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.socket).poll_shutdown(context);
        self.wrote(result)
    }
}

#[cfg(test)]
mod tests;
