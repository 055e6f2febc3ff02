//! The same cause of failure is told once in a while, and how often it was kept quiet.
//!
//! While a store is down every request fails for one reason; a line for each would bury the reason and fill the disk.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Causes that are told apart at the same time; further ones share one place.
const MAX_CAUSES: usize = 128;

/// Stands for all causes beyond [`MAX_CAUSES`].
const OTHERS: &str = "other causes";

/// Remembers what was told.
#[derive(Debug, Default)]
pub struct Repeats {
    causes: Mutex<HashMap<String, Cause>>,
}

#[derive(Debug)]
struct Cause {
    told: Instant,
    quiet: u64,
}

impl Repeats {
    /// Whether a cause is to be told now, since it was not within `interval`: then, how often it was kept quiet since it
    /// was told last. Causes that differ in numbers alone are the same one.
    pub fn tell(&self, cause: &str, interval: Duration) -> Option<u64> {
        if interval.is_zero() {
            return Some(0);
        }
        let cause = without_numbers(cause);
        let mut causes = self.causes();
        let is_known = causes.contains_key(&cause);
        if !is_known && causes.len() >= MAX_CAUSES {
            causes.retain(|_, cause| cause.quiet > 0 || cause.told.elapsed() < interval);
        }
        let has_room = is_known || causes.len() < MAX_CAUSES;
        let cause = if has_room { cause } else { OTHERS.to_owned() };
        match causes.get_mut(&cause) {
            Some(cause) if cause.told.elapsed() < interval => {
                cause.quiet += 1;
                None
            }
            known => {
                let quiet = known.map_or(0, |cause| cause.quiet);
                causes.insert(cause, Cause { told: Instant::now(), quiet: 0 });
                Some(quiet)
            }
        }
    }

    /// Takes out the causes that were kept quiet and have not come again within `interval`, with how often.
    pub fn overdue(&self, interval: Duration) -> Vec<(String, u64)> {
        let is_over = |cause: &Cause| cause.told.elapsed() >= interval;
        let over = self.causes().extract_if(|_, cause| is_over(cause)).collect::<Vec<_>>();
        over.into_iter().map(|(text, cause)| (text, cause.quiet)).filter(|(_, quiet)| *quiet > 0).collect()
    }

    fn causes(&self) -> MutexGuard<'_, HashMap<String, Cause>> {
        self.causes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `no answer within 5003 ms` and `no answer within 4998 ms` are one cause.
fn without_numbers(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::with_capacity(text.len());
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        plain.push_str(&rest[..start]);
        plain.push('…');
        rest = rest[start..].trim_start_matches(|c: char| c.is_ascii_digit());
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_cause_is_told_once_in_an_interval() {
        let repeats = Repeats::default();
        assert_eq!(repeats.tell("refused", INTERVAL), Some(0));
        assert_eq!(repeats.tell("refused", INTERVAL), None);
        assert_eq!(repeats.tell("disk full", INTERVAL), Some(0), "another cause is news");
        assert_eq!(repeats.tell("refused", INTERVAL), None);
        tokio::time::advance(INTERVAL).await;
        assert_eq!(repeats.tell("refused", INTERVAL), Some(2));
        assert_eq!(repeats.tell("refused", INTERVAL), None);
    }

    #[tokio::test(start_paused = true)]
    async fn numbers_make_no_other_cause() {
        let repeats = Repeats::default();
        assert_eq!(repeats.tell("no answer within 5003 ms", INTERVAL), Some(0));
        assert_eq!(repeats.tell("no answer within 498 ms", INTERVAL), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_kept_quiet_is_told_in_the_end() {
        let repeats = Repeats::default();
        for cause in ["once", "often", "often", "often"] {
            repeats.tell(cause, INTERVAL);
        }
        assert_eq!(repeats.overdue(INTERVAL), []);
        tokio::time::advance(INTERVAL).await;
        assert_eq!(repeats.overdue(INTERVAL), [("often".to_owned(), 2)]);
        assert_eq!(repeats.overdue(INTERVAL), []);
        assert_eq!(repeats.tell("often", INTERVAL), Some(0), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn memory_and_lines_are_bounded_however_many_causes_there_are() {
        let repeats = Repeats::default();
        let letters = |index: usize| index.to_string().bytes().map(|digit| char::from(digit + 49)).collect::<String>();
        let told = (0..10_000).filter(|index| repeats.tell(&letters(*index), INTERVAL).is_some()).count();
        assert_eq!(told, MAX_CAUSES + 1);
        assert_eq!(repeats.causes().len(), MAX_CAUSES + 1);
        tokio::time::advance(INTERVAL).await;
        assert_eq!(repeats.overdue(INTERVAL), [(OTHERS.to_owned(), (10_000 - MAX_CAUSES - 1) as u64)]);
    }

    #[test]
    fn without_an_interval_everything_is_told() {
        let repeats = Repeats::default();
        assert_eq!((repeats.tell("a", Duration::ZERO), repeats.tell("a", Duration::ZERO)), (Some(0), Some(0)));
        assert!(repeats.causes().is_empty());
    }
}
