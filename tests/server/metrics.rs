//! What the server tells of itself in numbers (`server-api.md` §13).

use std::time::Duration;

use http::Method;
use kes_keystores::fault::{Fault, FaultyStore, Operation};

use crate::support::{Build, Exposition, Raw, TestServer, beside, error};

/// The families of every exposition: name, type and help text, as clients know them.
const CLASSIC: [(&str, &str, &str); 11] = [
    ("kes_http_request_active", "gauge", "Number of active requests that are not finished, yet."),
    ("kes_http_response_time", "histogram", "Histogram of request response times spawning from 10ms to 10s."),
    ("kes_log_audit_events", "counter", "Number of audit log events written to the audit log targets."),
    ("kes_log_error_events", "counter", "Number of error log events written to the error log targets."),
    ("kes_system_mem_heap_objects", "gauge", "The number of objects that are currently allocated on the heap memory."),
    ("kes_system_mem_heap_used", "gauge", "The number of bytes that are currently allocated on the heap memory."),
    ("kes_system_mem_stack_used", "gauge", "The bytes of stack memory obtained from the OS."),
    (
        "kes_system_num_cpu",
        "gauge",
        "The number of logical CPUs available on the system. It may be larger than the number of usable CPUs.",
    ),
    (
        "kes_system_num_cpu_used",
        "gauge",
        "The number of logical CPUs usable by the server. It may be smaller than the number of available CPUs.",
    ),
    ("kes_system_num_threads", "gauge", "The number of concurrent co-routines/threads that currently exists."),
    ("kes_system_up_time", "gauge", "The time the server has been up and running in seconds."),
];

/// Those that appear with their first sample.
const REQUESTS: [(&str, &str, &str); 3] = [
    ("kes_http_request_error", "counter", "Number of request that failed due to some error. (HTTP 4xx status code)"),
    (
        "kes_http_request_failure",
        "counter",
        "Number of request that failed due to some internal failure. (HTTP 5xx status code)",
    ),
    ("kes_http_request_success", "counter", "Number of requests that have been served successfully."),
];

#[tokio::test]
async fn the_families_are_those_that_clients_know() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone())).await;
    assert_eq!(Exposition::classic(&server).await.families(), CLASSIC);

    server.admin().create("my-key").await;
    assert_eq!(server.admin().get("/v1/key/describe/none").await.status, 404);
    store.once(Operation::Create, Fault::Unavailable);
    assert_eq!(server.admin().put("/v1/key/create/other", "").await.status, 502);
    let mut all: Vec<_> = CLASSIC.into_iter().chain(REQUESTS).collect();
    all.sort_unstable();
    assert_eq!(Exposition::classic(&server).await.families(), all);
}

/// The official client gives up on metrics altogether if it finds two.
#[tokio::test]
async fn every_family_but_the_request_counters_has_one_sample() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create("my-key").await;
    assert_eq!(admin.put("/v1/key/create/my-key", "").await.status, 400);
    assert_eq!(admin.get("/v1/key/describe/none").await.status, 404);
    let metrics = Exposition::classic(&server).await;
    assert_eq!(metrics.samples("kes_http_request_success"), [r#"{code="200"} 1"#]);
    assert_eq!(metrics.samples("kes_http_request_error"), [r#"{code="400"} 1"#, r#"{code="404"} 1"#]);
    for (name, kind, _) in CLASSIC {
        if kind != "histogram" {
            assert_eq!(metrics.samples(name).len(), 1, "{name}");
        }
    }
    let buckets = metrics.samples("kes_http_response_time_bucket");
    let bounds: Vec<&str> = buckets.iter().filter_map(|sample| sample.split('"').nth(1)).collect();
    assert_eq!(bounds, ["0.01", "0.05", "0.1", "0.25", "0.5", "1", "1.5", "3", "5", "10", "+Inf"]);
    assert_eq!(metrics.value("kes_http_response_time_count"), 3.0);
    assert!(metrics.value("kes_http_response_time_sum") > 0.0);
    for used in ["num_cpu", "num_cpu_used", "num_threads", "mem_heap_used", "mem_heap_objects", "mem_stack_used"] {
        assert!(metrics.value(&format!("kes_system_{used}")) >= 1.0, "{used}");
    }
}

#[tokio::test]
async fn every_answer_of_a_key_policy_or_identity_route_is_counted() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone()).skip_auth("/v1/ready")).await;
    let admin = server.admin();
    let mut code = 0;
    for (client, method, path, body, status) in [
        (&admin, Method::PUT, "/v1/key/create/my-key", "", 200),
        (&admin, Method::PUT, "/v1/key/create/my-key", "", 400),
        (&admin, Method::PUT, "/v1/key/encrypt/my-key", "no JSON", 400),
        (&server.user(), Method::PUT, "/v1/key/create/not-mine", "", 403),
        (&server.anonymous(), Method::GET, "/v1/key/describe/my-key", "", 400),
        (&admin, Method::GET, "/v1/policy/read/none", "", 404),
        (&admin, Method::GET, "/v1/identity/self/describe", "", 200),
        (&admin, Method::GET, "/v1/key/create/my-key", "", 405),
    ] {
        assert_eq!(client.send(method, path, body).await.status, status, "{path}");
        code += 1;
        assert_eq!(Exposition::classic(&server).await.value("kes_http_response_time_count"), f64::from(code), "{path}");
    }
    store.once(Operation::List, Fault::Unavailable);
    assert_eq!(admin.get("/v1/key/list/").await.status, 502);
    let metrics = Exposition::classic(&server).await;
    assert_eq!(metrics.samples("kes_http_request_success"), [r#"{code="200"} 2"#]);
    let errors = [r#"{code="400"} 3"#, r#"{code="403"} 1"#, r#"{code="404"} 1"#, r#"{code="405"} 1"#];
    assert_eq!(metrics.samples("kes_http_request_error"), errors);
    assert_eq!(metrics.samples("kes_http_request_failure"), [r#"{code="502"} 1"#]);
    assert_eq!(metrics.value("kes_http_request_active"), 0.0);
}

#[tokio::test]
async fn what_only_looks_on_is_not_counted() {
    let server = TestServer::start().await;
    for path in ["/version", "/v1/ready", "/v1/status", "/v1/metrics", "/v1/api", "/v1/nope", "/v1/key/create"] {
        server.admin().get(path).await;
    }
    let metrics = Exposition::classic(&server).await;
    assert_eq!(metrics.value("kes_http_response_time_count"), 0.0);
    assert_eq!(metrics.families(), CLASSIC);
}

#[tokio::test]
async fn requests_that_run_are_active_until_they_end() {
    let store = FaultyStore::healthy();
    store.always(Operation::Create, Fault::Hang);
    let server = TestServer::with(Build::default().store(store.clone())).await;
    let admin = server.admin();
    let running = beside({
        let admin = admin.clone();
        async move { admin.put("/v1/key/create/my-key", "").await.line() }
    });
    store.until_called(Operation::Create, 1).await;
    let metrics = Exposition::extended(&server).await;
    assert_eq!(metrics.value("kes_http_request_active"), 1.0);
    assert_eq!(metrics.value("kes_requests_in_flight"), 2.0, "the request for metrics runs too");
    store.release();
    assert_eq!(running.await.expect("it ends"), "200");
    assert_eq!(Exposition::classic(&server).await.value("kes_http_request_active"), 0.0);
}

#[tokio::test]
async fn who_waits_for_a_place_is_told_from_who_has_one() {
    let store = FaultyStore::healthy();
    store.always(Operation::Get, Fault::Hang);
    let build = Build { requests: 1, ..Build::default() }.skip_auth("/v1/metrics");
    let server = TestServer::with(build.store(store.clone())).await;
    let admin = server.admin();
    let ask = |name: &str| {
        let (admin, path) = (admin.clone(), format!("/v1/key/describe/{name}"));
        beside(async move { admin.get(&path).await.status })
    };
    let first = ask("first");
    store.until_called(Operation::Get, 1).await;
    let waiting = |metrics: &Exposition| metrics.value(r#"kes_requests_waiting{for="place"}"#);
    assert_eq!(waiting(&Exposition::extended(&server).await), 0.0, "it has a place");
    let second = ask("second");
    let metrics = Exposition::until(&server, |metrics| waiting(metrics) == 1.0).await;
    assert_eq!(metrics.value("kes_requests_in_flight"), 3.0, "who waits is in flight, and so is this one");
    store.heal();
    store.release();
    for answer in [first, second] {
        assert_eq!(answer.await.expect("it ends"), 404);
    }
    assert_eq!(waiting(&Exposition::extended(&server).await), 0.0);
}

#[tokio::test]
async fn bodies_that_arrive_hold_memory_until_they_are_answered() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create("my-key").await;
    let mut slow = Raw::open(&admin).await;
    let head = "PUT /v1/key/encrypt/my-key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1002\r\n\r\n";
    slow.send(&format!("{head}{}", " ".repeat(1000))).await;
    Exposition::until(&server, |metrics| metrics.value("kes_request_body_bytes") == 1000.0).await;
    assert_eq!(slow.exchange("{}").await.status, 200);
    let metrics = Exposition::extended(&server).await;
    assert_eq!(metrics.value("kes_request_body_bytes"), 0.0);
    assert_eq!(metrics.value("kes_request_body_limit_bytes"), 268_435_456.0);
    assert_eq!(metrics.value(r#"kes_requests_waiting{for="memory"}"#), 0.0);
}

/// Who leaves before the answer gets around nothing.
#[tokio::test]
async fn a_client_that_leaves_is_counted() {
    let store = FaultyStore::healthy();
    store.always(Operation::Create, Fault::Hang);
    let server = TestServer::with(Build { requests: 1, ..Build::default() }.store(store.clone())).await;
    let mut raw = Raw::open(&server.admin()).await;
    raw.send("PUT /v1/key/create/my-key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
    store.until_called(Operation::Create, 1).await;
    drop(raw);
    // There is one place, so that whoever gets it comes after.
    let metrics = Exposition::classic(&server).await;
    assert_eq!(metrics.samples("kes_http_request_error"), [r#"{code="499"} 1"#]);
    store.heal();
    store.release();
}

#[tokio::test]
async fn a_panic_is_counted_as_a_failure() {
    let store = FaultyStore::healthy();
    let server = TestServer::with(Build::default().store(store.clone())).await;
    for client in server.admin().over_both() {
        store.once(Operation::List, Fault::Panic);
        assert_eq!(client.get("/v1/key/list/").await.line(), error(500, "internal server error"));
    }
    let metrics = Exposition::classic(&server).await;
    assert_eq!(metrics.samples("kes_http_request_failure"), [r#"{code="500"} 2"#]);
}

#[tokio::test]
async fn a_deadline_is_counted_as_a_failure() {
    let store = FaultyStore::healthy();
    store.always(Operation::Create, Fault::Hang);
    let build = Build::default().store(store.clone()).timeout("/v1/key/create/", Duration::from_millis(100));
    let server = TestServer::with(build).await;
    assert_eq!(server.admin().put("/v1/key/create/my-key", "").await.status, 504);
    assert_eq!(Exposition::classic(&server).await.samples("kes_http_request_failure"), [r#"{code="504"} 1"#]);
    store.release();
}

#[tokio::test]
async fn metrics_need_the_right_to_them_in_either_form() {
    let server = TestServer::with(Build::default().policy("scraper", &["/v1/metrics"], &[], &[])).await;
    for path in ["/v1/metrics", "/v1/metrics?format=extended"] {
        let refused = error(403, "not authorized: insufficient permissions");
        assert_eq!(server.user().get(path).await.line(), refused, "{path}");
    }
    let server = TestServer::with(Build::default().skip_auth("/v1/metrics")).await;
    for path in ["/v1/metrics", "/v1/metrics?format=extended"] {
        assert_eq!(server.anonymous().get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_extended_form_has_routes_cache_and_connections() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create("my-key").await;
    for _ in 0..3 {
        assert_eq!(admin.get("/v1/key/describe/my-key").await.status, 200);
    }
    assert_eq!(admin.get("/v1/key/describe/none").await.status, 404);
    let metrics = Exposition::extended(&server).await;
    let names = metrics.families();
    assert!(CLASSIC.iter().all(|family| names.contains(family)), "{names:?}");
    assert!(names.is_sorted(), "{names:?}");
    for (sample, value) in [
        (r#"kes_route_response_seconds_count{code="200",route="/v1/key/describe/"}"#, 3.0),
        (r#"kes_route_response_seconds_count{code="404",route="/v1/key/describe/"}"#, 1.0),
        ("kes_cache_hits_total", 2.0),
        ("kes_cache_misses_total", 2.0),
        ("kes_cache_keys", 1.0),
        (r#"kes_store_state{state="up"}"#, 1.0),
        (r#"kes_store_state{state="down"}"#, 0.0),
        (r#"kes_tls_handshakes_total{group="X25519MLKEM768",version="1.3"}"#, 6.0),
    ] {
        assert_eq!(metrics.value(sample), value, "{sample}");
    }
    let days = metrics.value("kes_tls_certificate_expiry_seconds") / 86_400.0;
    assert!(days > 1.0 && days < 400.0, "{days} days");
    for sample in ["kes_connections_open", "kes_open_descriptors", "kes_tasks", "kes_memory_resident_bytes"] {
        assert!(metrics.value(sample) >= 1.0, "{sample}");
    }
}

#[tokio::test]
async fn the_extended_form_can_be_switched_off() {
    let server = TestServer::with(Build { extended_metrics: false, ..Build::default() }).await;
    assert_eq!(server.admin().get("/v1/metrics?format=extended").await.status, 200);
    assert_eq!(Exposition::extended(&server).await.families(), CLASSIC);
}
