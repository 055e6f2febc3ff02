//! The limits of a connection that the HTTP library does not know: how long it may be idle, and how long the head of
//! a request may take.
//!
//! | state | limit | ends with |
//! | --- | --- | --- |
//! | a head is expected: at first, and from the first byte after an idle time | header timeout | the head, when a request begins |
//! | requests are in flight | none here; they have deadlines of their own | the last answer, sent |
//! | idle | idle timeout | the first byte |
//!
//! An answer that the client does not take is cut after the idle timeout too. Over HTTP/2 bytes do not begin a head:
//! a connection without an open stream is idle whatever it sends (specification: `server-api.md` §1.4).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// For the handshake.
    pub handshake: Duration,
    /// For the head of a request.
    pub header: Duration,
    /// Without a request.
    pub idle: Duration,
}

/// What a connection is at, told by the requests and read by the socket.
#[derive(Debug)]
pub struct Activity {
    epoch: Instant,
    requests: AtomicUsize,
    /// Milliseconds since `epoch` at which the connection has had its time; meaningless while requests are in flight.
    deadline: AtomicU64,
    /// Nothing is expected; over HTTP/1.1 the next bytes begin a head.
    is_idle: AtomicBool,
    limits: ConnectionLimits,
}

impl Activity {
    /// A fresh connection, of which a head is expected.
    #[must_use]
    pub fn new(limits: ConnectionLimits) -> Arc<Self> {
        let activity = Self {
            epoch: Instant::now(),
            requests: AtomicUsize::new(0),
            deadline: AtomicU64::new(0),
            is_idle: AtomicBool::new(false),
            limits,
        };
        activity.expect_end_in(limits.header);
        Arc::new(activity)
    }

    /// A request begins; it lasts until the answer to this is dropped.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.requests.fetch_add(1, Ordering::AcqRel);
        InFlight(Arc::clone(self))
    }

    fn expect_end_in(&self, limit: Duration) {
        let at = self.epoch.elapsed() + limit;
        self.deadline.store(u64::try_from(at.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// When the connection has had its time, unless a request is in flight.
    fn deadline(&self) -> Option<Instant> {
        (self.requests.load(Ordering::Acquire) == 0)
            .then(|| self.epoch + Duration::from_millis(self.deadline.load(Ordering::Acquire)))
    }

    fn bytes_came(&self, multiplexed: bool) {
        // HTTP/2 proves itself alive with the first bytes, and is idle from then on until a stream opens.
        if multiplexed {
            if !self.is_idle.swap(true, Ordering::AcqRel) && self.requests.load(Ordering::Acquire) == 0 {
                self.expect_end_in(self.limits.idle);
            }
        } else if self.is_idle.swap(false, Ordering::AcqRel) {
            self.expect_end_in(self.limits.header);
        }
    }
}

/// A request in flight.
#[derive(Debug)]
pub struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.expect_end_in(self.0.limits.idle);
        self.0.is_idle.store(true, Ordering::Release);
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A socket that ends when the connection has had its time.
#[derive(Debug)]
pub struct Limited<S> {
    socket: S,
    activity: Arc<Activity>,
    multiplexed: bool,
    timer: Pin<Box<Sleep>>,
    /// When the write that cannot proceed began.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Limited<S> {
    /// Limits `socket` as `activity` says. `multiplexed`: HTTP/2 is spoken on it.
    pub fn new(socket: S, activity: Arc<Activity>, multiplexed: bool) -> Self {
        let timer = Box::pin(tokio::time::sleep(activity.limits.header));
        Self { socket, activity, multiplexed, timer, stalled: None }
    }

    /// Whether the connection has had its time. Registers the task to be woken when it will have.
    fn poll_expired(&mut self, context: &mut Context<'_>) -> bool {
        loop {
            let deadline = self.activity.deadline();
            // A timer that fires early is set again then; only a limit that came closer needs it now.
            if let Some(deadline) = deadline.filter(|deadline| *deadline < self.timer.deadline()) {
                self.timer.as_mut().reset(deadline);
            }
            if self.timer.as_mut().poll(context).is_pending() {
                return false;
            }
            match deadline {
                Some(deadline) if deadline <= Instant::now() => return true,
                Some(deadline) => self.timer.as_mut().reset(deadline),
                // A request is in flight. Its end is followed by a read, which looks again.
                None => self.timer.as_mut().reset(Instant::now() + self.activity.limits.header),
            }
        }
    }

    fn after_write(&mut self, context: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        let idle = self.activity.limits.idle;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(timed_out())),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the connection has had its time")
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.socket).poll_read(context, buffer) {
            Poll::Ready(result) => {
                if buffer.filled().len() > before {
                    self.activity.bytes_came(self.multiplexed);
                    // A head that comes byte by byte always has bytes ready: look at the time here as well.
                    if self.poll_expired(context) {
                        return Poll::Ready(Err(timed_out()));
                    }
                }
                Poll::Ready(result)
            }
            Poll::Pending if self.poll_expired(context) => Poll::Ready(Err(timed_out())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.after_write(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.after_write(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.socket).poll_flush(context).map_ok(|()| 0);
        self.after_write(context, result).map_ok(drop)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.socket).poll_shutdown(context).map_ok(|()| 0);
        self.after_write(context, result).map_ok(drop)
    }
}

/// An answer's body. The request is in flight until it was sent.
#[derive(Debug)]
pub struct Tracked<B> {
    body: B,
    _request: InFlight,
}

impl<B> Tracked<B> {
    /// Keeps `request` in flight as long as `body`.
    pub fn new(body: B, request: InFlight) -> Self {
        Self { body, _request: request }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Tracked<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
