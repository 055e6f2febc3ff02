//! The client against a server that answers as it is told, over real TLS on a free port.

#![allow(missing_docs, reason = "a test program has no readers of its documentation")]

mod server;

use std::time::Duration;

use kes_client::{Builder, Client, ClientIdentity, Error};
use kes_core::{Algorithm, ApiKey, SecretBytes};

use server::{Clients, End, Reply, Server, error, ok};

fn api_key() -> ApiKey {
    "kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc".parse().expect("an API key")
}

/// A client of these servers that does not wait between attempts.
fn builder(servers: &[&Server]) -> Builder {
    let mut builder = Client::builder()
        .identity(ClientIdentity::from_api_key(&api_key()).expect("an identity"))
        .retry_pause(Duration::ZERO, Duration::ZERO);
    for server in servers {
        builder = builder.server(server.address.parse().expect("an address")).ca(server.certificate.path());
    }
    builder
}

fn client(servers: &[&Server]) -> Client {
    builder(servers).build().expect("a client")
}

/// An address on which nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address").to_string()
}

#[tokio::test]
async fn requests_look_as_servers_expect_them() {
    let server = Server::start(|_, asked| match asked.path.split('/').nth(3) {
        Some("generate") => ok(r#"{"plaintext":"QQ==","ciphertext":"Qg=="}"#),
        Some("encrypt") => ok(r#"{"ciphertext":"Qg=="}"#),
        Some("decrypt") => ok(r#"{"plaintext":"QQ=="}"#),
        Some("hmac") => ok(r#"{"hmac":"TQ=="}"#),
        _ => Reply::Answer(200, "text/plain", Vec::new()),
    })
    .await;
    let client = client(&[&server]);
    client.create_key("a b").await.expect("created");
    client.import_key("k", SecretBytes::from(vec![0; 32]), Algorithm::Aes256).await.expect("imported");
    client.delete_key("k").await.expect("deleted");
    let key = client.generate_key("k", b"").await.expect("a data key");
    assert_eq!((key.plaintext.expose(), key.ciphertext.expose()), (b"A".as_slice(), b"B".as_slice()));
    assert_eq!(client.encrypt("k", b"A", b"C").await.expect("a ciphertext").expose(), b"B");
    assert_eq!(client.decrypt("k", b"B", b"C").await.expect("a plaintext").expose(), b"A");
    assert_eq!(client.hmac("k", b"M").await.expect("a mac").expose(), b"M");
    client.ready().await.expect("ready");

    let zeros = format!("{{\"key\":\"{}=\",\"cipher\":\"AES256\"}}", "A".repeat(43));
    let expected = [
        ("POST", "/v1/key/create/a%20b", ""),
        ("POST", "/v1/key/import/k", zeros.as_str()),
        ("DELETE", "/v1/key/delete/k", ""),
        ("POST", "/v1/key/generate/k", "{}"),
        ("POST", "/v1/key/encrypt/k", r#"{"plaintext":"QQ==","context":"Qw=="}"#),
        ("POST", "/v1/key/decrypt/k", r#"{"ciphertext":"Qg==","context":"Qw=="}"#),
        ("PUT", "/v1/key/hmac/k", r#"{"message":"TQ=="}"#),
        ("GET", "/v1/ready", ""),
    ];
    let asked = server.asked();
    assert_eq!(asked.len(), expected.len());
    for (asked, (method, path, body)) in asked.iter().zip(expected) {
        assert_eq!((asked.method.as_str(), asked.path.as_str()), (method, path));
        assert_eq!(String::from_utf8_lossy(&asked.body), body);
        assert_eq!(asked.content_type.as_deref(), (!body.is_empty()).then_some("application/json"), "{path}");
        let length = (method != "GET").then(|| body.len().to_string());
        assert_eq!(asked.content_length, length, "{path}");
        assert_eq!(asked.version, hyper::Version::HTTP_2);
        assert_eq!(asked.identity, Some(api_key().identity()), "offered although the server names other CAs");
    }
}

#[tokio::test]
async fn http_1_works_where_the_server_has_nothing_else() {
    let server = Server::start_with(&["http/1.1"], Clients::Any, |_, _| ok(r#"{"version":"v","commit":"c"}"#)).await;
    assert_eq!(client(&[&server]).version().await.expect("a version").version, "v");
    assert_eq!(server.asked()[0].version, hyper::Version::HTTP_11);
}

#[tokio::test]
async fn answers_become_typed_errors() {
    let server = Server::start(|number, _| match number {
        0 => error(400, "key already exists"),
        1 => error(403, "not authorized: insufficient permissions"),
        2 => error(404, "key does not exist"),
        3 => error(400, "decryption failed: ciphertext is not authentic"),
        4 => Reply::Answer(404, "text/plain; charset=utf-8", b"404 page not found\n".to_vec()),
        5 => error(501, "key does not support HMAC"),
        6 => Reply::Answer(301, "text/html", b"moved".to_vec()),
        _ => ok("{"),
    })
    .await;
    let client = client(&[&server]);
    assert_eq!(client.create_key("k").await, Err(Error::KeyExists));
    assert_eq!(client.create_key("k").await, Err(Error::NotAllowed));
    assert_eq!(client.delete_key("k").await, Err(Error::KeyNotFound));
    assert_eq!(client.decrypt("k", b"", b"").await.unwrap_err(), Error::NotAuthentic);
    let error = client.status().await.unwrap_err();
    assert_eq!(error, Error::Api { status: 404, message: "404 page not found".into() });
    let error = client.hmac("k", b"").await.unwrap_err();
    assert_eq!(error, Error::Api { status: 501, message: "key does not support HMAC".into() });
    assert!(matches!(client.status().await.unwrap_err(), Error::Api { status: 301, .. }));
    assert!(matches!(client.status().await.unwrap_err(), Error::Protocol { .. }));
    assert_eq!(server.asked().len(), 8, "an answer that is not 503 is final");
}

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
async fn the_next_server_gets_the_whole_body_too() {
    let broken = Server::start(|_, _| error(502, "failed to read key")).await;
    let working = Server::start(|_, _| ok(r#"{"plaintext":"QQ==","ciphertext":"Qg=="}"#)).await;
    let client = client(&[&broken, &working]);
    for _ in 0..10 {
        client.generate_key("k", b"bucket/object").await.expect("a data key");
    }
    assert!(broken.asked().len() <= 1, "parked after its first failure");
    for asked in broken.asked().iter().chain(&working.asked()) {
        assert_eq!(asked.body, br#"{"context":"YnVja2V0L29iamVjdA=="}"#);
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
async fn a_failed_create_is_not_tried_on_the_next_server() {
    let one = Server::start(|_, _| error(502, "failed to create key")).await;
    let other = Server::start(|_, _| error(502, "failed to create key")).await;
    let result = client(&[&one, &other]).create_key("k").await;
    assert_eq!(result, Err(Error::Api { status: 502, message: "failed to create key".into() }));
    assert_eq!(one.asked().len() + other.asked().len(), 1);
}

#[tokio::test]
async fn nobody_listening_is_told_apart_and_leads_to_the_next_server() {
    let dead = nobody().await;
    let alone = Client::builder().insecure(true).retry_pause(Duration::ZERO, Duration::ZERO);
    let alone = alone.servers(&dead).expect("an address").build().expect("a client");
    let error = alone.create_key("k").await.unwrap_err();
    assert!(matches!(&error, Error::Connect { endpoint, .. } if *endpoint == dead), "{error}");

    let server = Server::start(|_, _| ok("")).await;
    let both = builder(&[&server]).servers(&dead).expect("an address").build().expect("a client");
    for _ in 0..5 {
        both.create_key("k").await.expect("created on the server that lives");
    }
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn a_parked_server_is_probed_again_and_comes_back() {
    let flaky = Server::start(|number, _| if number == 0 { error(500, "oops") } else { ok("") }).await;
    let other = Server::start(|_, _| ok("")).await;
    let client = builder(&[&flaky, &other]).park_time(Duration::ZERO).build().expect("a client");
    for _ in 0..40 {
        client.ready().await.expect("ready");
    }
    assert!(flaky.asked().len() > 1, "forty times past it by chance would be one in a billion");
}

#[tokio::test]
async fn if_all_are_parked_all_are_tried() {
    let one = Server::start(|_, _| error(500, "oops")).await;
    let other = Server::start(|_, _| error(500, "oops")).await;
    let client = client(&[&one, &other]);
    for round in 1..4 {
        let error = client.ready().await.unwrap_err();
        assert_eq!(error, Error::Api { status: 500, message: "oops".into() });
        assert_eq!((one.asked().len(), other.asked().len()), (round, round));
    }
}

#[tokio::test]
async fn too_long_answers_are_refused() {
    let server = Server::start(|_, asked| {
        let limit = 1024 * 1024;
        let length = if asked.path.ends_with("fits") { limit } else { limit + 1 };
        let mut body = br#"{"names":[]"#.to_vec();
        body.resize(length - 1, b' ');
        body.push(b'}');
        Reply::Answer(200, "application/json", body)
    })
    .await;
    let client = client(&[&server]);
    assert!(client.list_keys("fits").await.expect("a list").is_empty());
    let error = client.list_keys("over").await.unwrap_err();
    assert!(matches!(&error, Error::Protocol { reason, .. } if reason.contains("1048576 bytes")), "{error}");
}

#[tokio::test]
async fn lists_go_on_until_the_last_page() {
    let server = Server::start(|_, asked| match asked.path.as_str() {
        "/v1/key/list/my%2A" => ok(r#"{"names":["my-a"],"continue_at":"my~my-b"}"#),
        "/v1/key/list/my~my-b" => ok(r#"{"names":["my-b"]}"#),
        "/v1/policy/list/" => ok(r#"{"names":["p"],"continue_at":""}"#),
        "/v1/identity/list/old" => ok(r#"{"identities":["a"],"continue_at":"b"}"#),
        "/v1/identity/list/" => ok(r#"{"identities":["a"],"continue_at":"~a"}"#),
        _ => ok(r#"{"identities":[],"continue_at":"~a"}"#),
    })
    .await;
    let client = client(&[&server]);
    assert_eq!(client.list_keys("my*").await.expect("a list"), ["my-a", "my-b"]);
    assert_eq!(client.list_policies("").await.expect("a list"), ["p"]);
    let error = client.list_identities("old").await.unwrap_err().to_string();
    assert!(error.contains("lists 1 names and cannot list the rest"), "{error}");
    let error = client.list_identities("").await.unwrap_err().to_string();
    assert!(error.contains("does not advance"), "{error}");
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_asked() {
    let server = Server::start(|_, _| ok("")).await;
    let other = Server::start(|_, _| ok("")).await;
    let wrong = Client::builder()
        .servers(&server.address)
        .expect("an address")
        .ca(other.certificate.path())
        .identity(ClientIdentity::from_api_key(&api_key()).expect("an identity"))
        .build()
        .expect("a client");
    assert!(matches!(wrong.ready().await, Err(Error::Tls { .. })));
    assert!(server.asked().is_empty());
    builder(&[&server]).insecure(true).build().expect("a client").ready().await.expect("ready");
}

#[tokio::test]
async fn a_refused_client_certificate_is_called_so() {
    for protocols in [["h2"], ["http/1.1"]] {
        let server = Server::start_with(&protocols, Clients::Strangers, |_, _| ok("")).await;
        let result = client(&[&server]).create_key("k").await;
        assert!(matches!(result, Err(Error::ClientCertificateRejected { .. })), "{protocols:?}: {result:?}");
    }
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

#[tokio::test]
async fn metrics_are_text() {
    let server = Server::start(|_, _| Reply::Answer(200, "text/plain", b"kes_system_num_cpu 2\n".to_vec())).await;
    assert_eq!(client(&[&server]).metrics().await.expect("metrics"), "kes_system_num_cpu 2\n");
    assert_eq!(server.asked()[0].path, "/v1/metrics");
}
