//! `/version`, `/v1/ready`, `/v1/status`, `/v1/api`, and who may ask for them.

use std::time::Duration;

use http::Method;
use kes::server::ROUTES;
use serde_json::Value;

use crate::support::{Build, TestServer, error};

#[tokio::test]
async fn the_version_is_anybody_s_to_know() {
    let server = TestServer::with(Build::default().skip_auth("/v1/ready")).await;
    let version = server.admin().get("/version").await;
    let members: serde_json::Map<String, Value> = serde_json::from_str(&version.body).expect("JSON");
    assert_eq!(members.keys().collect::<Vec<_>>(), ["commit", "version"]);
    assert!(version.body.starts_with("{\"version\":\"") && version.body.ends_with("\"}\n"));
    assert!(version.body.len() < 1024, "clients read no more");
    for client in [server.anonymous(), server.stranger(), server.anonymous().http2()] {
        assert_eq!(client.get("/version").await.body, version.body);
    }
}

#[tokio::test]
async fn readiness_is_an_empty_answer() {
    let server = TestServer::start().await;
    for admin in server.admin().over_both() {
        let ready = admin.get("/v1/ready").await;
        assert_eq!(ready.line(), "200");
        assert_eq!((ready.header("content-length"), ready.header("content-type")), (Some("0"), None));
        assert!(ready.header("date").is_some() && ready.header("server").is_none());
    }
}

#[tokio::test]
async fn the_status_has_its_members_in_their_order_and_their_types() {
    let server = TestServer::start().await;
    for admin in server.admin().over_both() {
        let status = admin.get("/v1/status").await;
        assert_eq!((status.status.as_u16(), status.header("content-type")), (200, Some("application/json")));
        let mut places = Vec::new();
        for (name, is_right) in [
            ("version", Value::is_string as fn(&Value) -> bool),
            ("os", Value::is_string),
            ("arch", Value::is_string),
            ("uptime", Value::is_u64),
            ("num_cpu", is_positive),
            ("num_cpu_used", is_positive),
            ("mem_heap_used", is_positive),
            ("mem_stack_used", is_positive),
            ("keystore_latency", is_positive),
        ] {
            let members: Value = serde_json::from_str(&status.body).expect("JSON");
            assert!(is_right(&members[name]), "{name} in {}", status.body);
            places.push(status.body.find(&format!("\"{name}\":")).expect("the member"));
        }
        assert!(places.is_sorted(), "{}", status.body);
        let members: serde_json::Map<String, Value> = serde_json::from_str(&status.body).expect("JSON");
        assert_eq!(members.len(), places.len(), "and no other: {}", status.body);
        assert!(!["x86_64", "aarch64"].contains(&members["arch"].as_str().expect("text")), "as Go calls it");
    }
}

fn is_positive(value: &Value) -> bool {
    value.as_u64().is_some_and(|number| number > 0)
}

/// In the order of the table (D-27), with the configured times in whole seconds.
#[tokio::test]
async fn all_routes_are_told_with_the_times_that_hold() {
    let build = Build::default()
        .timeout("/v1/key/create/", Duration::from_millis(2900))
        .timeout("/v1/status", Duration::from_millis(500));
    let server = TestServer::with(build).await;
    let api = server.admin().get("/v1/api").await;
    for entry in [
        r#"[{"method":"GET","path":"/version","max_body":0,"timeout":10},"#,
        r#"{"method":"GET","path":"/v1/ready","max_body":0,"timeout":15},"#,
        r#"{"method":"GET","path":"/v1/status","max_body":0,"timeout":0},"#,
        r#"{"method":"GET","path":"/v1/metrics","max_body":0,"timeout":15},"#,
        r#"{"method":"GET","path":"/v1/api","max_body":0,"timeout":10},"#,
        r#"{"method":"PUT","path":"/v1/key/create/","max_body":0,"timeout":2},"#,
        r#"{"method":"PUT","path":"/v1/key/import/","max_body":1000000,"timeout":15},"#,
        r#"{"method":"GET","path":"/v1/key/describe/","max_body":0,"timeout":15},"#,
        r#"{"method":"GET","path":"/v1/key/list/","max_body":0,"timeout":15},"#,
        r#"{"method":"DELETE","path":"/v1/key/delete/","max_body":0,"timeout":15},"#,
        r#"{"method":"PUT","path":"/v1/key/encrypt/","max_body":1000000,"timeout":15},"#,
        r#"{"method":"PUT","path":"/v1/key/generate/","max_body":1000000,"timeout":15},"#,
        r#"{"method":"PUT","path":"/v1/key/decrypt/","max_body":1000000,"timeout":15},"#,
        r#"{"method":"PUT","path":"/v1/key/hmac/","max_body":1000000,"timeout":15},"#,
        r#"{"method":"GET","path":"/v1/policy/describe/","max_body":0,"timeout":15},"#,
        r#"{"method":"GET","path":"/v1/policy/read/","max_body":0,"timeout":15},"#,
        r#"{"method":"GET","path":"/v1/policy/list/","max_body":0,"timeout":15},"#,
        r#"{"method":"GET","path":"/v1/identity/describe/","max_body":0,"timeout":15},"#,
        r#"{"method":"GET","path":"/v1/identity/list/","max_body":0,"timeout":15},"#,
        r#"{"method":"GET","path":"/v1/identity/self/describe","max_body":0,"timeout":15},"#,
        r#"{"method":"GET","path":"/v1/log/error","max_body":0,"timeout":0},"#,
        r#"{"method":"GET","path":"/v1/log/audit","max_body":0,"timeout":0}]"#,
    ] {
        assert!(api.body.contains(entry), "{entry} in {}", api.body);
    }
    let told: Vec<Value> = serde_json::from_str(&api.body).expect("JSON");
    let paths: Vec<&str> = told.iter().map(|entry| entry["path"].as_str().expect("text")).collect();
    assert_eq!(paths, ROUTES.iter().map(|route| route.path).collect::<Vec<_>>());
}

#[tokio::test]
async fn routes_that_skip_the_policy_are_open_to_all_and_the_others_are_not() {
    let open = ["/v1/ready", "/v1/status", "/v1/metrics", "/v1/api"];
    let build = open.into_iter().fold(Build::default(), Build::skip_auth);
    let server = TestServer::with(build).await;
    for client in [server.anonymous(), server.stranger(), server.user(), server.admin(), server.anonymous().http2()] {
        for path in open {
            assert_eq!(client.get(path).await.status, 200, "{path}");
        }
    }
    assert_eq!(server.anonymous().get("/v1/key/list/").await.line(), error(400, "tls: client certificate is required"));
    assert_eq!(server.stranger().get("/v1/key/list/").await.status, 403);
}

/// Were a configuration to open a key route after all, nobody would get in by it (D-24).
#[tokio::test]
async fn no_other_route_can_skip_the_policy() {
    for route in
        ROUTES.iter().filter(|route| route.path.starts_with("/v1/key/") || route.path.starts_with("/v1/policy"))
    {
        let server = TestServer::with(Build::default().skip_auth(route.path)).await;
        let answer = server.anonymous().send(route.method.clone(), &format!("{}x", route.path), "{}").await;
        assert_eq!(answer.line(), error(403, "not authorized: insufficient permissions"), "{}", route.path);
    }
}

#[tokio::test]
async fn enclaves_of_old_clients_are_ignored() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create("my-key").await;
    assert_eq!(admin.get("/v1/key/list/?enclave=tenant-1").await.line(), r#"200 {"names":["my-key"]}"#);
    assert_eq!(admin.put("/v1/key/generate/my-key?enclave=tenant-1", "").await.status, 200);
    let mut connection = admin.connect().await.expect("a connection");
    let request = http::Request::builder()
        .method(Method::GET)
        .uri("/v1/key/list/")
        .header("host", "localhost")
        .header("kes-enclave", "tenant-1");
    let request = request.body(http_body_util::Full::default()).expect("a request");
    assert_eq!(connection.request(request).await.expect("an answer").line(), r#"200 {"names":["my-key"]}"#);
}
