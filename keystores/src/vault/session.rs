//! The token in use: who gets it, when it is renewed or replaced, and what happens when Vault refuses it
//! (specification: `keystores.md` §4.8).
//!
//! ```text
//!   log in ──> in use ── 80 % of its time ──> renew ──────────> in use, for longer
//!                │                              │ not renewable, refused, or little gained
//!                │                              ▼
//!                │                            log in ── pause ─> in use: the new one
//!                └── a call is refused ───────> log in ────────> in use at once: the new one
//! ```
//!
//! Only one login is under way at any time. One that fails is tried again after 1 s, then 2 s, up to every 30 s.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use super::token::Token;
use crate::StoreError;

/// The part of its time after which a token is renewed or replaced, and how far that is strewn, so that servers that
/// started together do not log in together.
const DUE: f64 = 0.8;
const JITTER: f64 = 0.05;

/// The least time from one token to the next, whatever Vault grants.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// How often a renewal is tried before a login takes its place.
const RENEWALS: usize = 3;

/// How long a new token waits to be used, as part of its time and at most: other nodes may hear of it late.
const LAG: f64 = 0.1;
const MOST_LAG: Duration = Duration::from_secs(30);

/// Pauses after logins that failed.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The least time between logins for the sake of refused calls, unless the token has just come to its end.
const LEAST_BETWEEN: Duration = Duration::from_secs(5);

/// How long a node may not know a token that was issued for the sake of a refused call.
const UNKNOWN_FOR: Duration = Duration::from_secs(2);

/// How long revoking a token may take: nobody needs it.
const REVOCATION_LIMIT: Duration = Duration::from_secs(2);

/// What Vault grants.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) token: Token,
    /// How long the token is valid; `None`: for ever.
    pub(super) time: Option<Duration>,
    pub(super) renewable: bool,
}

/// Who grants tokens.
#[async_trait]
pub(super) trait Authority: Send + Sync {
    /// Logs in.
    async fn log_in(&self) -> Result<Grant, StoreError>;
    /// Has a token prolonged.
    async fn renew(&self, token: &Token) -> Result<Grant, StoreError>;
    /// Ends a token that a login granted. Nobody waits for what comes of it.
    async fn revoke(&self, token: &Token);
}

/// A token and what is known of it.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) token: Token,
    time: Option<Duration>,
    renewable: bool,
    since: Instant,
    due: Option<Instant>,
    /// What the login granted in the beginning.
    granted: Option<Duration>,
    /// Whether it took the place of a token that was refused.
    forced: bool,
}

impl Lease {
    /// What was asked for at `since`: Vault counts from a little later, so that a token is never over there and not here.
    fn new(grant: Grant, since: Instant, granted: Option<Duration>, forced: bool) -> Self {
        let part = DUE * (1.0 + JITTER * (2.0 * fastrand::f64() - 1.0));
        let due = grant.time.map(|time| since + time.mul_f64(part).max(LEAST_TIME));
        Self { token: grant.token, time: grant.time, renewable: grant.renewable, since, due, granted, forced }
    }

    fn ends(&self) -> Option<Instant> {
        self.time.map(|time| self.since + time)
    }

    fn is_over(&self) -> bool {
        self.ends().is_some_and(|end| end <= Instant::now())
    }

    /// Whether a node that refuses it may just not have heard of it.
    pub(super) fn may_be_unknown(&self) -> bool {
        self.forced && self.since.elapsed() < UNKNOWN_FOR
    }
}

/// See the module's text.
pub(super) struct Session {
    authority: Box<dyn Authority>,
    limit: Duration,
    current: Mutex<Arc<Lease>>,
    replaced: Notify,
    /// Held by whoever logs in, with what came of the last login for the sake of a refused call.
    login: tokio::sync::Mutex<Option<(Instant, Result<(), StoreError>)>>,
    /// Why there is no valid token.
    trouble: Mutex<Option<StoreError>>,
}

impl Session {
    /// Logs in, within `limit` as every login.
    ///
    /// # Errors
    /// Those of the login.
    pub(super) async fn begin(authority: Box<dyn Authority>, limit: Duration) -> Result<Self, StoreError> {
        let current = Mutex::new(Arc::new(log_in(&*authority, limit, false).await?));
        let (replaced, login, trouble) = (Notify::new(), tokio::sync::Mutex::default(), Mutex::default());
        Ok(Self { authority, limit, current, replaced, login, trouble })
    }

    /// The token in use.
    pub(super) fn lease(&self) -> Arc<Lease> {
        Arc::clone(&lock(&self.current))
    }

    /// Whether there is a valid token, as far as time tells.
    ///
    /// # Errors
    /// Why the last login failed.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match &*lock(&self.trouble) {
            Some(error) if self.lease().is_over() => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// The token to use after `refused` was: the one that took its place meanwhile, or that of a login now. `None` if a
    /// login a moment ago did not help, so that the refusal stands.
    ///
    /// # Errors
    /// Those of the login.
    pub(super) async fn replace(&self, refused: &Arc<Lease>) -> Result<Option<Arc<Lease>>, StoreError> {
        let mut last = self.login.lock().await;
        let current = self.lease();
        if !Arc::ptr_eq(&current, refused) && current.token != refused.token {
            return Ok(Some(current));
        }
        match &*last {
            // A token that has come to its end is refused for that, whatever the last login was for: some live shorter.
            Some((_, Ok(()))) if refused.is_over() => {}
            Some((when, result)) if when.elapsed() < LEAST_BETWEEN => return result.clone().map(|()| None),
            _ => {}
        }
        tracing::debug!("vault refused a call; logging in again");
        let lease = log_in(&*self.authority, self.limit, true).await;
        *last = Some((Instant::now(), lease.as_ref().map(drop).map_err(Clone::clone)));
        if let Err(error) = &lease {
            tracing::error!("vault refuses the token, and a login fails: {error}");
            self.note(Some(error));
        }
        let lease = self.put(lease?);
        drop(last);
        // It may be valid: a call can be refused for other reasons.
        let _ = timeout(REVOCATION_LIMIT, self.authority.revoke(&current.token)).await;
        Ok(Some(lease))
    }

    /// Keeps a valid token in use, for ever.
    pub(super) async fn keep(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let lease = self.lease();
            let Some(due) = lease.due else {
                self.replaced.notified().await;
                continue;
            };
            if timeout_at(due, self.replaced.notified()).await.is_ok() {
                pause = FIRST_PAUSE;
                continue;
            }
            match self.next(&lease).await {
                Ok(next) => {
                    pause = FIRST_PAUSE;
                    if let Some(next) = next {
                        self.use_next(&lease, next).await;
                    }
                }
                Err(error) => {
                    tracing::warn!("no new token from vault, trying again in {} s: {error}", pause.as_secs());
                    self.note(Some(&error));
                    let _ = timeout(pause.mul_f64(1.0 - JITTER * fastrand::f64()), self.replaced.notified()).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// A renewed token, or that of a login; `None` if `lease` is no longer in use.
    async fn next(&self, lease: &Arc<Lease>) -> Result<Option<Lease>, StoreError> {
        let _one = self.login.lock().await;
        if !Arc::ptr_eq(&self.lease(), lease) {
            return Ok(None);
        }
        if lease.renewable {
            for _ in 0..RENEWALS {
                let since = Instant::now();
                match within(self.limit, self.authority.renew(&lease.token)).await {
                    // With the end of its longest time near, a token gains less each time; in its last second nothing,
                    // which is not for ever.
                    Ok(grant) if grant.time.unwrap_or_default() * 2 < lease.granted.unwrap_or_default() => break,
                    Ok(grant) => return Ok(Some(Lease::new(grant, since, lease.granted, false))),
                    Err(StoreError::Unavailable(_)) => {}
                    Err(_) => break,
                }
            }
        }
        log_in(&*self.authority, self.limit, false).await.map(Some)
    }

    /// Takes the next token into use: a new one when other nodes will have heard of it, unless the one in use ends before.
    async fn use_next(&self, lease: &Arc<Lease>, next: Lease) {
        self.note(None);
        if next.token != lease.token {
            let lag = next.time.map_or(MOST_LAG, |time| time.mul_f64(LAG).min(MOST_LAG));
            let until = Instant::now() + lag;
            let until = lease.ends().map_or(until, |end| until.min(end));
            if timeout_at(until, self.replaced.notified()).await.is_ok() {
                return; // A refused call has brought another one.
            }
        }
        let _one = self.login.lock().await;
        if Arc::ptr_eq(&self.lease(), lease) {
            self.put(next);
        }
    }

    /// Ends the session with Vault, if that is quick. The token is of no use afterwards.
    pub(super) async fn end(&self) {
        let _ = timeout(REVOCATION_LIMIT, self.authority.revoke(&self.lease().token)).await;
    }

    fn put(&self, lease: Lease) -> Arc<Lease> {
        let lease = Arc::new(lease);
        *lock(&self.current) = Arc::clone(&lease);
        if lease.forced {
            self.note(None);
            self.replaced.notify_one();
        }
        lease
    }

    fn note(&self, trouble: Option<&StoreError>) {
        *lock(&self.trouble) = trouble.cloned();
    }
}

/// Nothing that holds one of the locks can leave it half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn log_in(authority: &dyn Authority, limit: Duration, forced: bool) -> Result<Lease, StoreError> {
    let since = Instant::now();
    let grant = within(limit, authority.log_in()).await?;
    let granted = grant.time;
    Ok(Lease::new(grant, since, granted, forced))
}

async fn within<T>(limit: Duration, login: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(limit, login).await.unwrap_or_else(|_| {
        let reason = format!("no login within {} ms (`keystore.vault.login_timeout`)", limit.as_millis());
        Err(StoreError::Unavailable(reason))
    })
}
