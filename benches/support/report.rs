//! What became of requests, in words.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::clients::Sample;

/// Tells of what began in an outage, and when the store was of use again: users of cached keys and of others apart.
pub fn tell_of_outage(samples: &[Sample], begin: Instant, end: Instant) {
    for (title, hot) in [("cached key", true), ("uncached key", false)] {
        let mut by_status: BTreeMap<String, Vec<&Sample>> = BTreeMap::new();
        for sample in samples.iter().filter(|sample| sample.hot == hot && began(sample, begin, end)) {
            let status = sample.status.map_or("no answer".to_owned(), |status| status.as_str().to_owned());
            by_status.entry(status).or_default().push(sample);
        }
        for (status, samples) in by_status {
            println!("  {title:<12} {status}: {}", told(samples.into_iter()));
        }
        let failed = samples.iter().filter(|sample| sample.hot == hot && sample.begin >= begin && !is_ok(sample));
        if let Some(first) = failed.map(|sample| sample.begin - begin).min() {
            println!("  {title:<12} the first request that failed began after {:.1} s", first.as_secs_f64());
        }
    }
    let answered =
        samples.iter().filter(|sample| !sample.hot && is_ok(sample)).map(|sample| sample.begin + sample.time);
    match answered.filter(|moment| *moment >= end).min() {
        Some(first) => {
            println!("  first success with an uncached key {} ms after the store's return", (first - end).as_millis())
        }
        None => println!("  no success with an uncached key after the store's return"),
    }
}

/// Whether it began between the two.
pub fn began(sample: &Sample, from: Instant, to: Instant) -> bool {
    (from..to).contains(&sample.begin)
}

fn is_ok(sample: &Sample) -> bool {
    sample.status.is_some_and(|status| status.is_success())
}

/// How many there were, and how long they took.
pub fn told<'a>(samples: impl Iterator<Item = &'a Sample>) -> String {
    let mut times = samples.map(|sample| sample.time).collect::<Vec<_>>();
    times.sort_unstable();
    let Some(most) = times.last() else { return "none".to_owned() };
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let (half, nearly) = (millis(at(50)), millis(at(99)));
    format!("{:>6} requests, p50 {half:.2} ms, p99 {nearly:.2} ms, max {:.2} ms", times.len(), millis(*most))
}
