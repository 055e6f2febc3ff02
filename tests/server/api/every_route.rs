//! What holds for every route of the table: who is let in, which method is right, what becomes of a body.

use http::Method;
use kes::server::ROUTES;

use crate::support::{Build, Raw, TestServer, USER, error};

/// Anybody may call these; all others are for whom a policy lets in.
const UNPROTECTED: [&str; 2] = ["/version", "/v1/identity/self/describe"];

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE, Method::PATCH, Method::OPTIONS];

/// Path, with an argument where one follows, and method of every route.
fn routes() -> impl Iterator<Item = (String, Method)> {
    ROUTES.iter().map(|route| {
        let argument = if route.path.ends_with('/') { "x" } else { "" };
        (format!("{}{argument}", route.path), route.method.clone())
    })
}

fn protected_routes() -> impl Iterator<Item = (String, Method)> {
    routes().filter(|(path, _)| !UNPROTECTED.contains(&path.as_str()))
}

#[tokio::test]
async fn whoever_has_no_policy_is_let_in_nowhere() {
    let server = TestServer::start().await;
    for stranger in server.stranger().over_both() {
        let mut connection = stranger.connect().await.expect("a connection");
        for (path, method) in protected_routes() {
            let answer = connection.send(method, &path, "").await.expect("an answer");
            assert_eq!(answer.line(), error(403, "not authorized: insufficient permissions"), "{path}");
            assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        }
    }
}

#[tokio::test]
async fn an_empty_policy_lets_nobody_in() {
    let mut build = Build::default();
    build.policies.clear();
    let server = TestServer::with(build.policy("empty", &[], &[], &[USER])).await;
    let mut connection = server.user().connect().await.expect("a connection");
    for (path, method) in protected_routes() {
        let answer = connection.send(method, &path, "").await.expect("an answer");
        assert_eq!(answer.line(), error(403, "not authorized: insufficient permissions"), "{path}");
    }
}

/// An allow rule for everything, and for each route a deny rule as it would be written for that route.
#[tokio::test]
async fn a_deny_rule_wins_on_every_route() {
    let deny: Vec<&'static str> = ROUTES
        .iter()
        .filter(|route| !UNPROTECTED.contains(&route.path))
        .map(|route| &*format!("{}{}", route.path, if route.path.ends_with('/') { "x*" } else { "" }).leak())
        .collect();
    let mut build = Build::default();
    build.policies.clear();
    let server = TestServer::with(build.policy("all-but", &["*"], &deny, &[USER])).await;
    let mut connection = server.user().connect().await.expect("a connection");
    for (path, method) in protected_routes() {
        let denied = connection.send(method.clone(), &path, "").await.expect("an answer");
        assert_eq!(denied.line(), error(403, "not authorized: insufficient permissions"), "{path}");
        if path.ends_with('x') {
            let other = format!("{}y", &path[..path.len() - 1]);
            let allowed = connection.send(method, &other, "").await.expect("an answer");
            assert_ne!(allowed.status, 403, "{other}");
        }
    }
}

#[tokio::test]
async fn whoever_shows_no_certificate_is_told_so_on_every_protected_route() {
    let server = TestServer::with(Build::default().skip_auth("/v1/ready")).await;
    for anonymous in server.anonymous().over_both() {
        let mut connection = anonymous.connect().await.expect("a connection");
        for (path, method) in protected_routes().filter(|(path, _)| path != "/v1/ready") {
            let answer = connection.send(method, &path, "").await.expect("an answer");
            assert_eq!(answer.line(), error(400, "tls: client certificate is required"), "{path}");
        }
        for (path, line) in
            [("/v1/ready", "200".to_owned()), ("/v1/identity/self/describe", error(404, "identity does not exist"))]
        {
            let answer = connection.send(Method::GET, path, "").await.expect("an answer");
            assert_eq!(answer.line(), line, "{path}");
        }
        assert_eq!(connection.send(Method::GET, "/version", "").await.expect("an answer").status, 200);
    }
}

/// Redirects, 404 and 405 come before any look at who asks.
#[tokio::test]
async fn any_other_method_is_refused_before_anybody_is_asked_who_they_are() {
    let server = TestServer::with(Build::default().skip_auth("/v1/ready")).await;
    for client in server.anonymous().over_both() {
        let mut connection = client.connect().await.expect("a connection");
        for (path, want) in routes() {
            let wrong = |method: &&Method| **method != want && !(want == Method::PUT && **method == Method::POST);
            for method in METHODS.iter().filter(wrong) {
                let answer = connection.send(method.clone(), &path, "").await.expect("an answer");
                let line = match *method {
                    Method::HEAD => "405".to_owned(),
                    _ => error(405, &format!("received method '{method}' expected '{want}'")),
                };
                assert_eq!(answer.line(), line, "{method} {path}");
                let allow = if want == Method::PUT { "PUT, POST" } else { want.as_str() };
                assert_eq!(
                    (answer.header("accept"), answer.header("allow")),
                    (Some(want.as_str()), Some(allow)),
                    "{method} {path}"
                );
            }
        }
    }
}

/// A name that is none is said before a body that is none; both after the policy.
#[tokio::test]
async fn an_argument_that_is_no_name_is_400_on_every_route_that_takes_one() {
    let server = TestServer::start().await;
    for admin in server.admin().over_both() {
        let mut connection = admin.connect().await.expect("a connection");
        for route in ROUTES.iter().filter(|route| route.path.ends_with('/')) {
            let what = match route.path {
                path if path.ends_with("/list/") => "listing pattern",
                path if path.starts_with("/v1/policy/") => "policy name",
                path if path.starts_with("/v1/identity/") => "identity",
                _ => "key name",
            };
            let why = if what == "listing pattern" { "or is invalid" } else { "or contains invalid characters" };
            let message = format!("{what} 'a/b' is empty, too long {why}");
            let path = format!("{}a%2Fb", route.path);
            let answer = connection.send(route.method.clone(), &path, "{bad").await.expect("an answer");
            assert_eq!(answer.line(), error(400, &message), "{path}");
        }
    }
}

#[tokio::test]
async fn a_body_of_one_byte_too_many_is_400_on_every_route_that_has_one() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create("x").await;
    for route in ROUTES.iter().filter(|route| route.max_body > 0) {
        assert_eq!(route.max_body, 1_000_000, "{}", route.path);
        let message = match route.path {
            "/v1/key/import/" => "invalid import key request body",
            _ => "invalid request body",
        };
        let mut connection = Raw::open(&admin).await;
        let head = format!("PUT {}x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000001\r\n\r\n", route.path);
        let answer = connection.exchange(head).await;
        assert_eq!(answer.line(), error(400, message), "{}", route.path);
        assert_eq!(answer.header("connection"), Some("close"), "{}", route.path);
        assert_eq!(connection.rest().await, "", "{}", route.path);
    }
}

/// The archived server took what it did not read for the next request (D-11).
#[tokio::test]
async fn a_body_that_nobody_asked_for_changes_nothing_and_is_never_taken_for_a_request() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let smuggled = "GET /v1/nope HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(7000);
    assert!(smuggled.len() > 256 * 1024);
    for length in [0, 1, 46, 10_000, 200_000, smuggled.len()] {
        let mut connection = Raw::open(&admin).await;
        let head = format!("GET /v1/key/list/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
        let answer = connection.exchange(head + &smuggled[..length]).await;
        assert_eq!(answer.line(), r#"200 {"names":[]}"#, "{length} bytes");
        if answer.header("connection") == Some("close") {
            assert!(length > 256 * 1024, "{length} bytes can be read and dropped");
            assert_eq!(connection.rest().await, "", "{length} bytes");
        } else {
            let next = connection.exchange("GET /v1/ready HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            assert_eq!(next.line(), "200", "{length} bytes");
        }
    }
    // The same over HTTP/2, where a stream ends for itself.
    let mut connection = admin.http2().connect().await.expect("a connection");
    let answer = connection.send(Method::PUT, "/v1/key/create/my-key", &"x".repeat(2_000_000)).await;
    assert_eq!(answer.expect("an answer").line(), "200");
    assert_eq!(connection.send(Method::GET, "/v1/ready", "").await.expect("an answer").line(), "200");
}
