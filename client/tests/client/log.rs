//! A log that is followed.

use super::*;

#[tokio::test]
async fn a_log_is_followed_event_by_event_however_it_is_cut_up() {
    const FIRST: &str = r#"{"time":"2026-01-02T03:04:05.678Z","request":{"ip":"192.0.2.7","path":"/v1/status"},"#;
    for protocols in [["h2"], ["http/1.1"]] {
        let server = Server::start_with(&protocols, Clients::Any, |_, asked| match asked.path.as_str() {
            "/v1/log/audit" => Reply::Stream(
                &[
                    FIRST,
                    "\"response\":{\"code\":200,\"time\":3}}\n\n{\"time\":\"2026-01-02T03:04:06Z\"",
                    ",\"request\":{\"path\":\"/version\",\"identity\":\"3ecf\"},\"response\":{\"code\":403}}\n",
                ],
                End::Clean,
            ),
            _ => Reply::Stream(&["{\"message\":\"a line\"}"], End::Clean),
        })
        .await;
        let client = client(&[&server]);
        let mut events = client.follow_audit_log().await.expect("a stream");
        let first = events.next().await.expect("no failure").expect("an event");
        assert_eq!(
            (&*first.request.ip, &*first.request.path, &*first.request.identity),
            ("192.0.2.7", "/v1/status", "")
        );
        assert_eq!((first.response.code, first.response.time), (200, 3));
        let second = events.next().await.expect("no failure").expect("an event");
        assert_eq!((&*second.request.ip, &*second.request.identity, second.response.code), ("", "3ecf", 403));
        for _ in 0..2 {
            assert_eq!(events.next().await.expect("no failure"), None, "it ended, and stays so");
        }
        let mut events = client.follow_error_log().await.expect("a stream");
        let line = events.next().await.expect("no failure").expect("an event without a newline");
        assert_eq!(line.message, "a line");
    }
}

#[tokio::test]
async fn a_log_that_is_refused_broken_or_garbled_says_so() {
    let server = Server::start(|number, _| match number {
        0 => error(403, "not authorized: insufficient permissions"),
        1 => Reply::Stream(&["{\"message\":\"a\"}\n{\"mess"], End::Broken),
        2 => ok("{}"),
        _ => Reply::Stream(&["no JSON\n", "{\"message\":\"b\"}\n"], End::Clean),
    })
    .await;
    let client = client(&[&server]);
    assert_eq!(client.follow_error_log().await.map(drop).unwrap_err(), Error::NotAllowed);
    let mut broken = client.follow_error_log().await.expect("a stream");
    assert_eq!(broken.next().await.expect("an event").expect("an event").message, "a");
    client.version().await.expect("a version");
    assert!(matches!(broken.next().await, Err(Error::Interrupted { .. })));
    assert_eq!(broken.next().await, Ok(None));
    let mut garbled = client.follow_error_log().await.expect("a stream");
    assert!(matches!(garbled.next().await, Err(Error::Protocol { .. })));
}
