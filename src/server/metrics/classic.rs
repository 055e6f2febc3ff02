//! The families that the archived server had, and that its SDK reads: names, types, help texts, buckets and labels
//! must not change, nor the number of samples.

use std::time::Duration;

use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::super::state::Shared;
use super::{PerStatus, Process, registered, set};

/// Upper bounds of the histogram, in seconds.
const RESPONSE_TIMES: [f64; 10] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 3.0, 5.0, 10.0];

/// See the module's text.
#[derive(Debug)]
pub(super) struct Classic {
    pub(super) registry: Registry,
    success: IntCounterVec,
    error: IntCounterVec,
    failure: IntCounterVec,
    by_status: PerStatus<IntCounter>,
    pub(super) active: IntGauge,
    response_time: Histogram,
    pub(super) error_events: IntCounter,
    pub(super) audit_events: IntCounter,
    up_time: Gauge,
    cpus: IntGauge,
    usable_cpus: IntGauge,
    threads: IntGauge,
    heap: IntGauge,
    heap_objects: IntGauge,
    stack: IntGauge,
}

impl Default for Classic {
    fn default() -> Self {
        let registry = Registry::new();
        let gauge = |name, help| registered(&registry, IntGauge::new(name, help));
        let counter = |name, help| registered(&registry, IntCounter::new(name, help));
        let by_code = |name, help| registered(&registry, IntCounterVec::new(Opts::new(name, help), &["code"]));
        let response_time = HistogramOpts::new(
            "kes_http_response_time",
            "Histogram of request response times spawning from 10ms to 10s.",
        );
        let response_time = Histogram::with_opts(response_time.buckets(RESPONSE_TIMES.to_vec()));
        let up_time = Gauge::new("kes_system_up_time", "The time the server has been up and running in seconds.");
        Self {
            success: by_code("kes_http_request_success", "Number of requests that have been served successfully."),
            error: by_code(
                "kes_http_request_error",
                "Number of request that failed due to some error. (HTTP 4xx status code)",
            ),
            failure: by_code(
                "kes_http_request_failure",
                "Number of request that failed due to some internal failure. (HTTP 5xx status code)",
            ),
            by_status: PerStatus::default(),
            active: gauge("kes_http_request_active", "Number of active requests that are not finished, yet."),
            response_time: registered(&registry, response_time),
            error_events: counter(
                "kes_log_error_events",
                "Number of error log events written to the error log targets.",
            ),
            audit_events: counter(
                "kes_log_audit_events",
                "Number of audit log events written to the audit log targets.",
            ),
            up_time: registered(&registry, up_time),
            cpus: gauge(
                "kes_system_num_cpu",
                "The number of logical CPUs available on the system. It may be larger than the number of usable CPUs.",
            ),
            usable_cpus: gauge(
                "kes_system_num_cpu_used",
                "The number of logical CPUs usable by the server. It may be smaller than the number of available CPUs.",
            ),
            threads: gauge(
                "kes_system_num_threads",
                "The number of concurrent co-routines/threads that currently exists.",
            ),
            heap: gauge(
                "kes_system_mem_heap_used",
                "The number of bytes that are currently allocated on the heap memory.",
            ),
            heap_objects: gauge(
                "kes_system_mem_heap_objects",
                "The number of objects that are currently allocated on the heap memory.",
            ),
            stack: gauge("kes_system_mem_stack_used", "The bytes of stack memory obtained from the OS."),
            registry,
        }
    }
}

impl Classic {
    /// A request of a counted route was answered.
    pub(super) fn answered(&self, code: u16, time: Duration) {
        let family = match code {
            0..400 => &self.success,
            400..500 => &self.error,
            _ => &self.failure,
        };
        self.by_status.with(code, |code| family.with_label_values(&[code]), IntCounter::inc);
        self.response_time.observe(time.as_secs_f64());
    }

    /// Looks at what is not counted but read.
    pub(super) fn read(&self, shared: &Shared, process: &Process) {
        // Whole hundredths, as always.
        let hundredths = u32::try_from(shared.started_at.elapsed().as_millis() / 10).unwrap_or(u32::MAX);
        self.up_time.set(f64::from(hundredths) / 100.0);
        set(&self.cpus, process.cpus);
        set(&self.usable_cpus, process.cpus);
        let tasks = tokio::runtime::Handle::try_current().map_or(0, |runtime| runtime.metrics().num_alive_tasks());
        set(&self.threads, process.threads + tasks as u64);
        set(&self.heap, process.heap);
        // The allocator does not count. Tasks and keys are what there is most of, and clients take 0 for a mistake.
        let keys = shared.state.load().keys.cache().len();
        set(&self.heap_objects, (tasks + keys).max(1) as u64);
        set(&self.stack, process.stack);
    }
}
