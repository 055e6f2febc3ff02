//! When it is asked for whom a proxy speaks: after the route is found and before anything else, on every route.

use http::Method;
use kes::server::ROUTES;

use super::{ABSENT, Fixture, UNREADABLE, insufficient, send, user};
use crate::support::{Build, PROXY_HEADER, error};

#[tokio::test]
async fn every_route_wants_to_know_for_whom() {
    let fixture = Fixture::with(Build::default().skip_auth("/v1/ready").skip_auth("/v1/status")).await;
    for route in ROUTES {
        let path = if route.takes_argument() { format!("{}x", route.path) } else { route.path.to_owned() };
        for proxy in fixture.proxy().over_both() {
            // The method is looked at later, so a wrong one gets the same answer.
            for method in [route.method.clone(), Method::PATCH] {
                let answer = send(&proxy, method.clone(), &path, &[]).await;
                assert_eq!(answer.line(), error(400, ABSENT), "{method} {path}");
                let answer = send(&proxy, method.clone(), &path, &[(PROXY_HEADER, "nobody")]).await;
                assert_eq!(answer.line(), error(400, UNREADABLE), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn paths_that_lead_nowhere_come_first() {
    let fixture = Fixture::start().await;
    for proxy in fixture.proxy().over_both() {
        for (path, status) in [("/v1/nope", 404), ("/v1/key/create", 301), ("/v1//status", 301)] {
            assert_eq!(send(&proxy, Method::GET, path, &[]).await.status, status, "{path}");
        }
    }
}

#[tokio::test]
async fn whoever_is_forwarded_meets_the_rules_of_each_route() {
    let fixture = Fixture::with(Build::default().skip_auth("/v1/ready")).await;
    let user = user();
    let headers = [(PROXY_HEADER, user.as_str())];
    for proxy in fixture.proxy().over_both() {
        for (method, path, answer) in [
            (Method::GET, "/v1/ready", "200".to_owned()),
            (Method::GET, "/v1/metrics", insufficient()),
            (Method::PATCH, "/v1/metrics", error(405, "received method 'PATCH' expected 'GET'")),
            (Method::GET, "/v1/key/describe/exact", error(404, "key does not exist")),
            (Method::GET, "/v1/key/describe/other", insufficient()),
        ] {
            assert_eq!(send(&proxy, method, path, &headers).await.line(), answer, "{path}");
        }
        assert_eq!(send(&proxy, Method::GET, "/version", &headers).await.status, 200);
    }
}

/// Probes go past the proxy.
#[tokio::test]
async fn clients_without_a_proxy_are_served_as_ever() {
    let fixture = Fixture::with(Build::default().skip_auth("/v1/ready")).await;
    let server = &fixture.server;
    for client in server.anonymous().over_both() {
        assert_eq!(client.get("/version").await.status, 200);
        assert_eq!(client.get("/v1/ready").await.line(), "200");
        assert_eq!(client.get("/v1/status").await.line(), error(400, "tls: client certificate is required"));
    }
    for client in server.user().over_both() {
        assert_eq!(client.get("/v1/status").await.status, 200);
        assert_eq!(client.get("/v1/metrics").await.line(), insufficient());
    }
}
