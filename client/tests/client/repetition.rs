//! Which requests are repeated, and for how long.

use super::*;

#[tokio::test]
async fn a_lost_answer_is_not_repeated_where_that_could_do_harm() {
    for protocols in [["h2"], ["http/1.1"]] {
        let server = Server::start_with(&protocols, Clients::Any, |_, _| Reply::HangUp).await;
        let other = Server::start(|_, _| ok("")).await;
        let client = client(&[&server]);
        let key = || SecretBytes::from(vec![0; 32]);
        for result in [
            client.create_key("k").await,
            client.import_key("k", key(), Algorithm::Aes256).await,
            client.delete_key("k").await,
        ] {
            assert!(matches!(result, Err(Error::Interrupted { .. })), "{result:?}");
        }
        assert_eq!(server.asked().len(), 3, "each was sent once");
        assert!(matches!(client.ready().await, Err(Error::Interrupted { .. })));
        assert_eq!(server.asked().len(), 3 + 3, "reading is tried three times");

        // One of the two is asked first by chance; whichever it is, the hanging one is asked once at the most.
        let both = self::client(&[&server, &other]);
        let before = server.asked().len();
        let result = both.create_key("k").await;
        let hung = server.asked().len() - before;
        assert_eq!((hung, other.asked().len()), if result.is_ok() { (0, 1) } else { (1, 0) });
    }
}

#[tokio::test]
async fn a_repeated_request_carries_its_whole_body_again() {
    let server = Server::start(|number, _| match number {
        0 => Reply::HangUp,
        1 => Reply::RetryAfter(503, "0"),
        _ => ok(r#"{"ciphertext":"Qg=="}"#),
    })
    .await;
    let plaintext = vec![7; 300_000];
    client(&[&server]).encrypt("k", &plaintext, b"context").await.expect("a ciphertext");
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    for attempt in &asked {
        assert!(attempt.body.len() > 400_000);
        assert_eq!(attempt.body, asked[0].body);
        assert_eq!(attempt.content_length, Some(asked[0].body.len().to_string()));
    }
}

#[tokio::test]
async fn status_503_is_repeated_even_for_a_create() {
    let server = Server::start(|number, _| if number < 2 { error(503, "busy") } else { ok("") }).await;
    client(&[&server]).create_key("k").await.expect("created");
    assert_eq!(server.asked().len(), 3);
    let server = Server::start(|_, _| error(503, "busy")).await;
    let result = client(&[&server]).create_key("k").await;
    assert_eq!(result, Err(Error::Api { status: 503, message: "busy".into() }));
    assert_eq!(server.asked().len(), 3, "and then it is enough");
}

#[tokio::test]
async fn a_call_ends_with_its_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = listener.local_addr().expect("an address").to_string();
    let limit = Duration::from_millis(50);
    let client = Client::builder().servers(&silent).expect("an address").insecure(true).timeout(limit);
    assert_eq!(client.build().expect("a client").ready().await, Err(Error::Timeout { limit }));
}

#[tokio::test]
async fn a_server_says_how_long_to_wait() {
    let server = Server::start(|number, _| if number == 0 { Reply::RetryAfter(503, "5") } else { ok("") }).await;
    // Without a pause the second attempt would succeed at once.
    let limit = Duration::from_millis(500);
    let result = builder(&[&server]).timeout(limit).build().expect("a client").ready().await;
    assert_eq!(result, Err(Error::Timeout { limit }));
    assert!(server.asked().len() <= 1);
}

#[tokio::test]
async fn clones_and_other_limits_share_the_connection() {
    let server = Server::start(|_, asked| match asked.path.as_str() {
        "/v1/ready" => ok(""),
        _ => Reply::RetryAfter(503, "5"),
    })
    .await;
    let client = client(&[&server]);
    client.ready().await.expect("ready");
    let connections = server.connections();
    client.clone().ready().await.expect("ready");
    client.with_timeout(Duration::from_secs(60)).ready().await.expect("ready");
    assert_eq!((connections, server.connections()), (1, 1));

    let limit = Duration::from_millis(100);
    assert_eq!(client.with_timeout(limit).status().await, Err(Error::Timeout { limit }));
}

#[tokio::test]
async fn no_setting_is_too_long_for_a_clock() {
    let long = Duration::MAX;
    let one = Server::start(|_, _| error(500, "oops")).await;
    let other = Server::start(|_, _| error(500, "oops")).await;
    let builder = builder(&[&one, &other]).park_time(long).timeout(long).connect_timeout(long).retry_pause(long, long);
    let client = builder.build().expect("a client");
    for _ in 0..2 {
        assert!(matches!(client.ready().await, Err(Error::Api { status: 500, .. })));
    }
    let busy = Server::start(|_, _| error(503, "busy")).await;
    let patient = self::builder(&[&busy]).retry_pause(long, long).timeout(Duration::from_millis(200));
    assert!(matches!(patient.build().expect("a client").ready().await, Err(Error::Timeout { .. })));
}
