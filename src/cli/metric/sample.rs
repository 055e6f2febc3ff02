//! One look at the metrics of a server: Prometheus' text, read as far as it concerns us (specification: `cli.md` §11).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// The text is no metrics of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer has none of the metrics of a KES server")]
pub(super) struct NoMetrics;

/// What the families that every server has say, those with labels added up.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Sample {
    #[serde(rename = "kes_http_request_success")]
    pub(super) success: u64,
    #[serde(rename = "kes_http_request_error")]
    pub(super) error: u64,
    #[serde(rename = "kes_http_request_failure")]
    pub(super) failure: u64,
    #[serde(rename = "kes_http_request_active")]
    pub(super) active: u64,
    #[serde(rename = "kes_log_audit_events")]
    audit_events: u64,
    #[serde(rename = "kes_log_error_events")]
    error_events: u64,
    #[serde(rename = "kes_http_response_time")]
    pub(super) response_time: Buckets,
    /// Nanoseconds.
    #[serde(rename = "kes_system_up_time")]
    pub(super) up_time: u64,
    #[serde(rename = "kes_system_num_cpu")]
    num_cpu: u64,
    #[serde(rename = "kes_system_num_cpu_used")]
    pub(super) num_cpu_used: u64,
    #[serde(rename = "kes_system_num_threads")]
    pub(super) num_threads: u64,
    #[serde(rename = "kes_system_mem_heap_used")]
    pub(super) heap_used: u64,
    #[serde(rename = "kes_system_mem_heap_objects")]
    heap_objects: u64,
    #[serde(rename = "kes_system_mem_stack_used")]
    pub(super) stack_used: u64,
}

/// How many requests took at most so many nanoseconds, without the bucket of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Buckets(BTreeMap<u64, u64>);

impl Sample {
    /// Reads the text of `/v1/metrics`. Families and series that are not ours are passed over.
    pub(super) fn parse(text: &str) -> Result<Self, NoMetrics> {
        let mut sample = Self::default();
        let mut known = false;
        for (name, labels, value) in text.lines().filter_map(series) {
            let target = match name {
                "kes_http_request_success" => &mut sample.success,
                "kes_http_request_error" => &mut sample.error,
                "kes_http_request_failure" => &mut sample.failure,
                "kes_http_request_active" => &mut sample.active,
                "kes_log_audit_events" => &mut sample.audit_events,
                "kes_log_error_events" => &mut sample.error_events,
                "kes_system_up_time" => &mut sample.up_time,
                "kes_system_num_cpu" => &mut sample.num_cpu,
                "kes_system_num_cpu_used" => &mut sample.num_cpu_used,
                "kes_system_num_threads" => &mut sample.num_threads,
                "kes_system_mem_heap_used" => &mut sample.heap_used,
                "kes_system_mem_heap_objects" => &mut sample.heap_objects,
                "kes_system_mem_stack_used" => &mut sample.stack_used,
                "kes_http_response_time_bucket" => {
                    if let Some(bound) = bound(labels) {
                        // Whole numbers in floats, cut if somebody counted beyond what they can hold.
                        sample.response_time.0.insert(bound, value as u64);
                    }
                    continue;
                }
                _ => continue,
            };
            known = true;
            let unit = if name == "kes_system_up_time" { 1e9 } else { 1.0 };
            *target = target.saturating_add((value * unit) as u64);
        }
        if known { Ok(sample) } else { Err(NoMetrics) }
    }

    /// All requests that were answered.
    pub(super) fn requests(&self) -> u64 {
        self.success.saturating_add(self.error).saturating_add(self.failure)
    }

    /// The mean time of an answer as far as the buckets tell: each request took as long as its bucket allows. `None`
    /// before the first request.
    pub(super) fn latency(&self) -> Option<Duration> {
        let mut below = 0;
        let (mut total, mut nanoseconds) = (0_u128, 0_u128);
        for (bound, count) in &self.response_time.0 {
            let within = u128::from(count.saturating_sub(below));
            (total, nanoseconds) = (total + within, nanoseconds + within * u128::from(*bound));
            below = *count;
        }
        let mean = nanoseconds.checked_div(total)?;
        Some(Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)))
    }
}

/// Name, labels and value of a line, if it is a series with a value that counts something.
fn series(line: &str) -> Option<(&str, &str, f64)> {
    if line.starts_with('#') {
        return None;
    }
    let (name, labels, rest) = match line.split_once('{') {
        Some((name, rest)) => {
            let (labels, rest) = rest.rsplit_once('}')?;
            (name, labels, rest)
        }
        None => {
            let (name, rest) = line.split_once(' ')?;
            (name, "", rest)
        }
    };
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some((name.trim(), labels, value))
}

/// The upper bound of a bucket in nanoseconds; none for the bucket of all and for those below a millisecond.
fn bound(labels: &str) -> Option<u64> {
    let seconds: f64 =
        labels.split(',').find_map(|label| label.trim().strip_prefix("le=\"")?.strip_suffix('"')?.parse().ok())?;
    let nanoseconds = (seconds * 1e9).round();
    (nanoseconds.is_finite() && nanoseconds >= 1e6).then_some(nanoseconds as u64)
}

/// An object whose names are the bounds.
impl Serialize for Buckets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (bound, count) in &self.0 {
            map.serialize_entry(&bound.to_string(), count)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
# HELP kes_http_request_success Number of requests that have been served successfully.
# TYPE kes_http_request_success counter
kes_http_request_success{code="200"} 5
kes_http_request_success{code="206"} 1
kes_http_request_error{code="403"} 1
kes_http_request_active 1
kes_http_response_time_bucket{le="0.0005"} 3
kes_http_response_time_bucket{le="0.01"} 4
kes_http_response_time_bucket{le="0.05"} 6
kes_http_response_time_bucket{le="+Inf"} 7
kes_http_response_time_sum 0.1
kes_http_response_time_count 7
kes_log_audit_events 12
kes_system_up_time 14.25
kes_system_num_cpu 2
kes_system_num_cpu_used 2
kes_system_mem_heap_used 1.4e+06
another_family{path="/v1/a,b}"} 99
kes_system_num_threads NaN
"#;

    #[test]
    fn series_are_added_up_and_others_passed_over() {
        let sample = Sample::parse(TEXT).expect("metrics");
        assert_eq!((sample.success, sample.error, sample.failure, sample.requests()), (6, 1, 0, 7));
        assert_eq!((sample.up_time, sample.heap_used, sample.num_threads), (14_250_000_000, 1_400_000, 0));
        // Four of up to 10 ms and two of up to 50 ms.
        assert_eq!(sample.latency(), Some(Duration::from_nanos(23_333_333)));
        assert_eq!(Sample::default().latency(), None);
        for text in ["", "up 1\n", "<html>", "kes_system_num_cpu x\n"] {
            assert_eq!(Sample::parse(text), Err(NoMetrics), "{text}");
        }
    }

    #[test]
    fn programs_get_members_in_their_order() {
        let json = serde_json::to_string(&Sample::parse(TEXT).expect("metrics")).expect("JSON");
        let expected = concat!(
            r#"{"kes_http_request_success":6,"kes_http_request_error":1,"kes_http_request_failure":0,"#,
            r#""kes_http_request_active":1,"kes_log_audit_events":12,"kes_log_error_events":0,"#,
            r#""kes_http_response_time":{"10000000":4,"50000000":6},"kes_system_up_time":14250000000,"#,
            r#""kes_system_num_cpu":2,"kes_system_num_cpu_used":2,"kes_system_num_threads":0,"#,
            r#""kes_system_mem_heap_used":1400000,"kes_system_mem_heap_objects":0,"kes_system_mem_stack_used":0}"#
        );
        assert_eq!(json, expected);
    }
}
