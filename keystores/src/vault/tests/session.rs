//! The life of a token, on a clock that the test moves.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kes_core::SecretText;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::StoreError;
use crate::vault::session::{Authority, Grant, Session};
use crate::vault::token::Token;

const LIMIT: Duration = Duration::from_secs(30);

/// What Vault would do.
#[derive(Clone, Copy, Debug, Default)]
struct Terms {
    /// In seconds; 0: for ever.
    time: u64,
    renewable: bool,
    /// The time after a renewal, if it is another one.
    renewed_time: Option<u64>,
    is_down: bool,
    renews: bool,
}

/// Grants tokens by these terms and writes down when it was asked for what.
struct Script {
    terms: Mutex<Terms>,
    begin: Instant,
    asked: Mutex<Vec<(char, f64)>>,
    tokens: AtomicU32,
}

impl Script {
    fn note(&self, what: char) -> Result<Terms, StoreError> {
        self.asked.lock().expect("whole").push((what, self.begin.elapsed().as_secs_f64()));
        let terms = *self.terms.lock().expect("whole");
        if terms.is_down { Err(StoreError::Unavailable("it is down".to_owned())) } else { Ok(terms) }
    }
}

fn grant(token: Token, time: u64, renewable: bool) -> Grant {
    Grant { token, time: (time > 0).then(|| Duration::from_secs(time)), renewable }
}

#[async_trait]
impl Authority for Arc<Script> {
    async fn log_in(&self) -> Result<Grant, StoreError> {
        let terms = self.note('l')?;
        // Long enough for others to come meanwhile.
        sleep(Duration::from_millis(10)).await;
        let text = format!("token-{}", self.tokens.fetch_add(1, Ordering::Relaxed));
        Ok(grant(Token::new(SecretText::from(text))?, terms.time, terms.renewable))
    }

    async fn renew(&self, token: &Token) -> Result<Grant, StoreError> {
        let terms = self.note('r')?;
        if !terms.renews {
            return Err(StoreError::Denied("lease is not renewable".to_owned()));
        }
        Ok(grant(token.clone(), terms.renewed_time.unwrap_or(terms.time), true))
    }

    async fn revoke(&self, _: &Token) {
        let _ = self.note('x');
    }
}

/// A session that is kept until the end of the test.
struct Kept {
    script: Arc<Script>,
    session: Arc<Session>,
    keeper: JoinHandle<()>,
}

impl Kept {
    async fn new(terms: Terms) -> Self {
        let (asked, tokens) = (Mutex::default(), AtomicU32::new(0));
        let script = Arc::new(Script { terms: Mutex::new(terms), begin: Instant::now(), asked, tokens });
        let session = Arc::new(Session::begin(Box::new(Arc::clone(&script)), LIMIT).await.expect("a session"));
        let kept = Arc::clone(&session);
        let keeper = tokio::spawn(async move { kept.keep().await });
        Self { script, session, keeper }
    }

    fn change(&self, change: impl FnOnce(&mut Terms)) {
        change(&mut self.script.terms.lock().expect("whole"));
    }

    /// Lets so many seconds pass and tells what was asked for in them: kinds and times.
    async fn pass(&self, seconds: u64) -> (String, Vec<f64>) {
        self.script.asked.lock().expect("whole").clear();
        sleep(Duration::from_secs(seconds)).await;
        self.script.asked.lock().expect("whole").iter().copied().unzip()
    }

    fn token(&self) -> String {
        String::from_utf8(self.session.lease().token.header().as_bytes().to_vec()).expect("text")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

fn assert_near(time: f64, expected: f64, by: f64) {
    assert!((time - expected).abs() <= by, "{time} is not {expected} ± {by}");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_after_four_fifths_of_its_time() {
    let kept = Kept::new(Terms { time: 100, renewable: true, renews: true, ..Terms::default() }).await;
    let (what, when) = kept.pass(400).await;
    assert!(what.chars().all(|what| what == 'r') && (4..=5).contains(&what.len()), "{what}");
    assert_near(when[0], 80.0, 4.1);
    assert_eq!(kept.token(), "token-0");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_gains_nothing_is_not_one_for_ever() {
    let terms = Terms { time: 100, renewable: true, renews: true, renewed_time: Some(0), ..Terms::default() };
    let kept = Kept::new(terms).await;
    let (what, _) = kept.pass(95).await;
    assert_eq!((what.as_str(), kept.token().as_str()), ("rl", "token-1"));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_renewed_is_replaced_when_others_have_heard_of_the_next() {
    let kept = Kept::new(Terms { time: 100, ..Terms::default() }).await;
    let (what, when) = kept.pass(85).await;
    assert_eq!(what, "l");
    assert_near(when[0], 80.0, 4.1);
    assert_eq!(kept.token(), "token-0", "the next one waits for a tenth of its time");
    kept.pass(10).await;
    assert_eq!(kept.token(), "token-1");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_refused_or_gains_little_is_followed_by_a_login() {
    let refused = Kept::new(Terms { time: 100, renewable: true, ..Terms::default() }).await;
    assert_eq!(refused.pass(90).await.0, "rl");
    let terms = Terms { time: 100, renewable: true, renews: true, renewed_time: Some(49), ..Terms::default() };
    let near_its_end = Kept::new(terms).await;
    assert_eq!(near_its_end.pass(90).await.0, "rl");
}

#[tokio::test(start_paused = true)]
async fn a_token_without_an_end_is_left_alone() {
    let kept = Kept::new(Terms { renewable: true, ..Terms::default() }).await;
    assert_eq!(kept.pass(1_000_000).await.0, "");
}

#[tokio::test(start_paused = true)]
async fn tokens_for_a_moment_are_not_asked_for_without_end() {
    let kept = Kept::new(Terms { time: 1, ..Terms::default() }).await;
    let (what, _) = kept.pass(60).await;
    assert!((30..=70).contains(&what.len()), "{} logins in a minute", what.len());
}

#[tokio::test(start_paused = true)]
async fn logins_that_fail_come_less_and_less_often() {
    let kept = Kept::new(Terms { time: 100, ..Terms::default() }).await;
    kept.change(|terms| terms.is_down = true);
    let (what, when) = kept.pass(220).await;
    assert!(what.chars().all(|what| what == 'l'));
    let pauses: Vec<f64> = when.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (pause, expected) in pauses.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]) {
        assert_near(*pause, expected, expected * 0.051);
    }
    assert!(pauses.len() >= 7, "{pauses:?}");
    assert!(matches!(kept.session.check(), Err(StoreError::Unavailable(_))), "the token is over");
    kept.change(|terms| terms.is_down = false);
    kept.pass(40).await;
    assert_eq!(kept.token(), "token-1");
    assert!(kept.session.check().is_ok());
}

#[tokio::test(start_paused = true)]
async fn many_refused_calls_are_one_login() {
    let kept = Kept::new(Terms { time: 100, ..Terms::default() }).await;
    kept.pass(0).await;
    let refused = kept.session.lease();
    let calls = (0..20).map(|_| kept.session.replace(&refused));
    for lease in futures_util::future::join_all(calls).await {
        let lease = lease.expect("a login").expect("another token");
        assert_eq!(lease.token.header().as_bytes(), b"token-1");
        assert!(lease.may_be_unknown());
    }
    assert_eq!(kept.script.asked.lock().expect("whole").iter().map(|(what, _)| what).collect::<String>(), "lx");
    let (_, when) = kept.pass(90).await;
    assert_near(when[0], 80.0, 4.2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_a_login_does_not_change_stands_for_a_while() {
    let kept = Kept::new(Terms { time: 100, ..Terms::default() }).await;
    let lease = kept.session.replace(&kept.session.lease()).await.expect("a login").expect("another token");
    assert!(kept.session.replace(&lease).await.expect("no login").is_none());
    sleep(Duration::from_secs(5)).await;
    assert!(!lease.may_be_unknown());
    assert!(kept.session.replace(&lease).await.expect("a login").is_some());
}

/// The keeper is stopped, as one that a busy machine does not let run in time.
#[tokio::test(start_paused = true)]
async fn a_token_that_is_over_is_replaced_however_short_the_last_one_lived() {
    let kept = Kept::new(Terms { time: 2, ..Terms::default() }).await;
    kept.keeper.abort();
    for expected in ["token-1", "token-2", "token-3"] {
        // Vault counts from when it was asked, which may be before its answer is here.
        sleep(Duration::from_millis(1_995)).await;
        kept.session.replace(&kept.session.lease()).await.expect("a login").expect("another token");
        assert_eq!(kept.token(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn logins_that_fail_are_no_more_often_when_the_token_is_over() {
    let kept = Kept::new(Terms { time: 2, ..Terms::default() }).await;
    kept.keeper.abort();
    kept.change(|terms| terms.is_down = true);
    kept.pass(2).await;
    for _ in 0..3 {
        kept.session.replace(&kept.session.lease()).await.unwrap_err();
    }
    assert_eq!(kept.script.asked.lock().expect("whole").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_login_for_a_refused_call_that_fails_is_not_repeated_by_every_call() {
    let kept = Kept::new(Terms { time: 100, ..Terms::default() }).await;
    kept.change(|terms| terms.is_down = true);
    kept.pass(0).await;
    for _ in 0..3 {
        let error = kept.session.replace(&kept.session.lease()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    }
    assert_eq!(kept.script.asked.lock().expect("whole").len(), 1);
}
