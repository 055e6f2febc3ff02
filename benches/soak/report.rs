//! What a run prints: a line of progress, and the table at its end.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

use crate::samples::{Exposition, MEASURES, Sample, Samples};
use crate::tally::{Counts, Times};

/// Time between two lines where they are not written over one another.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// What the server counted itself and is worth a line: families of its extended metrics.
const FAMILIES: [&str; 5] = [
    "kes_log_dropped_events_total",
    "kes_log_dropped_subscribers_total",
    "kes_store_errors_total",
    "kes_tls_handshake_failures_total",
    "kes_tls_handshakes_total",
];

/// The line of progress.
pub struct Progress {
    is_terminal: bool,
    last: Option<Instant>,
    /// Surprises that were told already.
    told: usize,
}

impl Progress {
    /// Nothing was printed yet.
    pub fn new() -> Self {
        Self { is_terminal: stdout().is_terminal(), last: None, told: 0 }
    }

    /// Prints what should not have happened since, and how far it is: in a terminal over the line before.
    pub fn show(&mut self, elapsed: Duration, sample: &Sample, counts: &Counts) {
        for surprise in &counts.first_surprises[self.told..] {
            println!("{}{surprise}", if self.is_terminal { "\n" } else { "" });
        }
        self.told = counts.first_surprises.len();
        if !self.is_terminal && self.last.is_some_and(|last| last.elapsed() < LINE_EVERY) {
            return;
        }
        self.last = Some(Instant::now());
        let seconds = elapsed.as_secs();
        let reloads = counts.events.get("reloads").copied().unwrap_or_default();
        let line = format!(
            "{:>3}:{:02}  {} requests  {reloads} reloads  {} unexpected  {} MiB  {} descriptors  {} tasks",
            seconds / 60,
            seconds % 60,
            counts.requests(),
            counts.surprises,
            sample[0] >> 20,
            sample[3],
            sample[4]
        );
        let mut out = stdout().lock();
        let _ = if self.is_terminal { write!(out, "\r\x1b[K{line}") } else { writeln!(out, "{line}") };
        let _ = out.flush();
    }

    /// Goes on below the line.
    pub fn end(&self) {
        if self.is_terminal {
            println!();
        }
    }
}

/// Prints everything.
pub fn print(counts: &Counts, samples: &Samples, metrics: Option<&Exposition>, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    println!("\nrequests: {} in {seconds:.0} s, by route and status", counts.requests());
    let mut routes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((route, status), count) in &counts.answers {
        routes.entry(route).or_default().push(format!("{status}: {count}"));
    }
    for (route, statuses) in routes {
        println!("  {route:<28} {}", statuses.join("  "));
    }
    println!("\nwhat else happened");
    for (what, count) in &counts.events {
        println!("  {count:>9}  {what}");
    }
    println!("\nthe server's own account");
    for (name, value) in
        FAMILIES.iter().flat_map(|family| metrics.into_iter().flat_map(|metrics| metrics.family(family)))
    {
        println!("  {value:>9}  {name}");
    }
    println!("\ndecrypt with a cached key");
    let [fair, failing] = &counts.cached_decrypt;
    print_times("while the store was well", fair);
    print_times("while the store failed", failing);
    print_samples(samples);
}

fn print_times(when: &str, times: &Times) {
    let [median, most, longest] = [0.5, 0.99, 1.0].map(|share| times.quantile(share).as_secs_f64() * 1000.0);
    println!(
        "  {when:<26} {:>8} requests  p50 {median:.1} ms  p99 {most:.1} ms  longest {longest:.1} ms",
        times.count()
    );
}

fn print_samples(samples: &Samples) {
    println!(
        "\n{:<14}{:>12}{:>12}{:>12}{:>12}{:>12}",
        "the process", "idle before", "start", "middle", "end", "idle after"
    );
    let thirds = samples.thirds().map_or([None; 3], |thirds| thirds.map(Some));
    let [before, after] = samples.idle;
    for (index, (name, ..)) in MEASURES.iter().enumerate() {
        let value = |sample: &Option<Sample>| match (sample, index) {
            (None, _) => "-".to_owned(),
            (Some(sample), 0) => format!("{:.1}", sample[index] as f64 / f64::from(1 << 20)),
            (Some(sample), 1) => format!("{}", sample[index] >> 10),
            (Some(sample), _) => sample[index].to_string(),
        };
        let columns: String =
            [before, thirds[0], thirds[1], thirds[2], after].iter().map(|s| format!("{:>12}", value(s))).collect();
        println!("{name:<14}{columns}");
    }
    println!("start, middle and end are the medians of each third after the warm-up");
}
