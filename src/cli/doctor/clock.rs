//! Whether the server's clock and ours agree.

use std::time::{Duration, SystemTime};

use super::finding::Finding;

/// A difference that is worth a word. What stays below it, networks and rounding make.
const NOTABLE: Duration = Duration::from_secs(10);

/// A difference that breaks things: the certificate that a client makes from its API key begins a minute in the past.
const BREAKING: Duration = Duration::from_secs(60);

/// An answer tells its second only, and servers may write it once a second.
const PRECISION: Duration = Duration::from_secs(2);

/// How far `server`, told in an answer to a request of `asked` that came at `answered`, is certainly away from our clock:
/// whether it is ahead, and by how much.
fn skew(asked: SystemTime, server: SystemTime, answered: SystemTime) -> (bool, Duration) {
    if let Ok(ahead) = server.duration_since(answered) {
        return (true, ahead);
    }
    (false, asked.duration_since(server + PRECISION).unwrap_or_default())
}

/// What to say of it.
pub(super) fn finding(asked: SystemTime, server: Option<SystemTime>, answered: SystemTime) -> Finding {
    let Some(server) = server else { return Finding::skipped("clock", "the server does not tell its time") };
    let (ahead, difference) = skew(asked, server, answered);
    if difference < NOTABLE {
        return Finding::ok("clock", "agrees with this machine's");
    }
    let way = if ahead { "ahead of" } else { "behind" };
    let message = format!("the server's is {} s {way} this machine's", difference.as_secs());
    let hint = "set both by NTP: certificates that are valid on one of them may not be on the other";
    if difference < BREAKING {
        Finding::warning("clock", message, hint)
    } else {
        Finding::problem("clock", message, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn at(seconds: f64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn only_what_is_certain_counts_as_a_difference() {
        // Asked at 1000.5, answered at 1001.2.
        for (server, ahead, seconds) in [
            (1000.0, false, 0.0),
            (999.0, false, 0.0),
            (1001.0, false, 0.0),
            (1011.2, true, 10.0),
            (900.5, false, 98.0),
            (1101.2, true, 100.0),
        ] {
            let (is_ahead, difference) = skew(at(1000.5), at(server), at(1001.2));
            assert!((difference.as_secs_f64() - seconds).abs() < 0.001, "{server}: {difference:?}");
            assert!(is_ahead == ahead, "{server}");
        }
        let slow = skew(at(1000.0), at(1005.0), at(1020.0));
        assert_eq!(slow.1, Duration::ZERO, "a slow answer is no skew");
    }

    #[test]
    fn a_difference_is_told_with_its_direction() {
        let said = |server| finding(at(1000.0), Some(at(server)), at(1000.1));
        assert_eq!(said(1000.0).state, State::Ok);
        let late = said(970.0);
        assert_eq!((late.state, late.message.as_str()), (State::Warning, "the server's is 28 s behind this machine's"));
        let early = said(4600.5);
        assert_eq!(
            (early.state, early.message.as_str()),
            (State::Problem, "the server's is 3600 s ahead of this machine's")
        );
        assert_eq!(finding(at(0.0), None, at(0.0)).state, State::Skipped);
    }
}
