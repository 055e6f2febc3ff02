//! The metrics for people, drawn over and over in the same lines.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::sample::Sample;
use crate::cli::output::{Colour, Style, one_line, size, width};

/// What was drawn last, and what the next rate is counted from.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Lines to go up before drawing again.
    lines: usize,
    before: Option<(Instant, u64)>,
}

impl View {
    /// The text that draws a sample.
    pub(super) fn show(&mut self, sample: Sample, style: Style) -> String {
        let now = Instant::now();
        let requests = sample.requests();
        let rate = self.before.and_then(|(then, before)| rate(requests, before, now.saturating_duration_since(then)));
        self.before = Some((now, requests));
        self.draw(&block(&sample, rate, style))
    }

    /// The text that draws a failure.
    pub(super) fn complain(&mut self, text: &str, style: Style) -> String {
        // A line that the terminal wraps is two, and would not be drawn over.
        let room = width().map_or(usize::MAX, |width| width.saturating_sub("Error: ".len()));
        let text: String = one_line(text).chars().take(room).collect();
        self.draw(&format!("\n{} {text}\n\n", style.paint(Colour::Error, "Error:")))
    }

    fn draw(&mut self, block: &str) -> String {
        let again = match self.lines {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        };
        self.lines = block.lines().count();
        again + block
    }
}

/// Requests per second. None of a server that was started anew in between.
fn rate(now: u64, before: u64, elapsed: Duration) -> Option<f64> {
    let requests = now.checked_sub(before)?;
    (!elapsed.is_zero()).then(|| requests as f64 / elapsed.as_secs_f64())
}

fn block(sample: &Sample, rate: Option<f64>, style: Style) -> String {
    let share = |part: u64| match sample.requests() {
        0 => "-".to_owned(),
        all => format!("{:.2}%", part as f64 * 100.0 / all as f64),
    };
    let rate = rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.2}"));
    let latency = sample.latency().map_or_else(|| "-".to_owned(), |latency| format!("{}ms", latency.as_millis()));
    let up_time = clock(Duration::from_nanos(sample.up_time));
    let mut text = String::from("\n");
    let head = |title: &str, columns: String| {
        format!("{}{}\n", style.paint(Colour::Bold, title), style.paint(Colour::Faint, &columns))
    };
    let request = head(
        "Request",
        format!("    {:>8}{:>16}{:>16}{:>11}{:>15}", "OK [2xx]", "Err [4xx]", "Err [5xx]", "Req/s", "Latency"),
    );
    let system =
        head("System", format!("       {:>6}{:>16}{:>16}{:>11}{:>15}", "UpTime", "Heap", "Stack", "CPUs", "Threads"));
    text.push_str(&request);
    // Writing to a string does not fail, here and below.
    let Sample { success, error, failure, .. } = sample;
    let _ = writeln!(text, "{success:>19}{error:>16}{failure:>16}{rate:>11}{latency:>15}");
    let _ = writeln!(text, "{:>19}{:>16}{:>16}\n", share(*success), share(*error), share(*failure));
    text.push_str(&system);
    let (heap, stack) = (size(sample.heap_used), size(sample.stack_used));
    let _ = writeln!(text, "{up_time:>19}{heap:>16}{stack:>16}{:>11}{:>15}\n", sample.num_cpu_used, sample.num_threads);
    text
}

/// `14s`, `2m3s`, `5h0m1s`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Sample {
        let text = "kes_http_request_success 6\nkes_http_request_error 1\n\
                    kes_http_response_time_bucket{le=\"0.01\"} 7\nkes_system_up_time 14.2\nkes_system_num_cpu_used 2\n\
                    kes_system_mem_heap_used 1400000\nkes_system_mem_stack_used 491520\nkes_system_num_threads 11\n";
        Sample::parse(text).expect("metrics")
    }

    #[test]
    fn the_view_has_eight_lines() {
        let expected = "
Request    OK [2xx]       Err [4xx]       Err [5xx]      Req/s        Latency
                  6               1               0       0.40           10ms
             85.71%          14.29%           0.00%

System       UpTime            Heap           Stack       CPUs        Threads
                14s           1.4MB         491.5KB          2             11

";
        assert_eq!(block(&sample(), Some(0.4), Style::Plain), expected);
    }

    #[test]
    fn what_nobody_knows_yet_is_a_dash() {
        let idle = Sample::parse("kes_system_num_cpu 2\n").expect("metrics");
        let text = block(&idle, None, Style::Plain);
        assert!(
            text.contains("                  0               0               0          -              -\n"),
            "{text}"
        );
        assert!(text.contains("                  -               -               -\n"), "{text}");
        assert_eq!(rate(5, 7, Duration::from_secs(1)), None, "the server was started anew");
        assert_eq!(rate(9, 7, Duration::from_secs(4)), Some(0.5));
    }

    #[test]
    fn it_is_drawn_over_itself_whatever_its_height() {
        let mut view = View::default();
        assert!(view.show(sample(), Style::Plain).starts_with("\nRequest"));
        assert!(view.complain("no connection", Style::Plain).starts_with("\x1b[8A\x1b[J\nError: no connection\n"));
        assert!(view.show(sample(), Style::Plain).starts_with("\x1b[3A\x1b[J\nRequest"));
        assert_eq!(view.complain("a\nb\x1b[9A", Style::Plain), "\x1b[8A\x1b[J\nError: a b\u{fffd}[9A\n\n");
        assert_eq!(clock(Duration::from_secs(3725)), "1h2m5s");
    }
}
