//! What the audit log says of requests that came through a proxy: the client's identity and address, never the proxy's
//! own, and never what somebody else claims.

use http::Method;
use serde_json::Value;

use super::{Fixture, Headers, admin, send, user};
use crate::support::{Build, Client, Follow, PROXY_HEADER, USER};

const FORWARDED_FOR: &str = "X-Forwarded-For";

/// Sends a request that is audited and returns its event.
async fn event(events: &mut Follow, client: &Client, headers: Headers<'_>) -> Value {
    send(client, Method::GET, "/v1/status", headers).await;
    events.next_of("/v1/status").await
}

async fn follow(fixture: &Fixture) -> Follow {
    Follow::open(&fixture.server.admin(), "/v1/log/audit").await
}

#[tokio::test]
async fn the_first_address_of_the_header_is_the_clients() {
    let fixture = Fixture::start().await;
    let mut events = follow(&fixture).await;
    let user = user();
    for (value, address) in [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:49152", "203.0.113.7"),
        ("203.0.113.7, 10.0.0.1, 10.0.0.2", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:443, 10.0.0.1", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("unknown, 203.0.113.7", "127.0.0.1"),
        (", 203.0.113.7", "127.0.0.1"),
        ("203.0.113.999", "127.0.0.1"),
        ("\" onload=\"", "127.0.0.1"),
    ] {
        for proxy in fixture.proxy().over_both() {
            let event = event(&mut events, &proxy, &[(PROXY_HEADER, &user), (FORWARDED_FOR, value)]).await;
            assert_eq!(event["request"]["ip"], address, "{value}");
            assert_eq!((&event["request"]["identity"], &event["response"]["code"]), (&USER.into(), &200.into()));
        }
    }
    let event = event(&mut events, &fixture.proxy(), &[(PROXY_HEADER, &user)]).await;
    assert_eq!(event["request"]["ip"], "127.0.0.1", "without the header");
}

/// Of several headers the first is the one that began the list.
#[tokio::test]
async fn several_headers_are_one_list() {
    let fixture = Fixture::start().await;
    let mut events = follow(&fixture).await;
    let user = user();
    let headers = [(PROXY_HEADER, user.as_str()), (FORWARDED_FOR, "203.0.113.7"), (FORWARDED_FOR, "203.0.113.8")];
    let event = event(&mut events, &fixture.proxy(), &headers).await;
    assert_eq!(event["request"]["ip"], "203.0.113.7");
}

#[tokio::test]
async fn a_request_for_nobody_is_nobodys() {
    let fixture = Fixture::start().await;
    let mut events = follow(&fixture).await;
    for proxy in fixture.proxy().over_both() {
        for headers in [&[][..], &[(PROXY_HEADER, "nobody")], &[(PROXY_HEADER, "a"), (PROXY_HEADER, "b")]] {
            let event = event(&mut events, &proxy, &[headers, &[(FORWARDED_FOR, "203.0.113.7")]].concat()).await;
            assert_eq!((&event["request"]["ip"], &event["response"]["code"]), (&"203.0.113.7".into(), &400.into()));
            assert_eq!(event["request"].get("identity"), None);
        }
    }
}

#[tokio::test]
async fn nobody_but_a_proxy_chooses_what_is_recorded() {
    let fixture = Fixture::with(Build::default().skip_auth("/v1/ready")).await;
    let mut events = follow(&fixture).await;
    let (server, admin) = (&fixture.server, admin());
    let headers = [(PROXY_HEADER, admin.as_str()), (FORWARDED_FOR, "203.0.113.7")];
    for (client, identity) in [(server.user(), Some(USER)), (server.anonymous(), None)] {
        for client in client.over_both() {
            let event = event(&mut events, &client, &headers).await;
            assert_eq!(event["request"]["ip"], "127.0.0.1");
            assert_eq!(event["request"]["identity"].as_str(), identity);
        }
    }
}
