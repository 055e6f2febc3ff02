//! Request bodies: how long, how framed, and how leniently read.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::frames::{self, Frames, Outcome};
use crate::support::{Answer, Build, Client, Protocol, Raw, TestServer, error};

/// The most that a body may have (`server-api.md` §7.1).
const LIMIT: usize = 1_000_000;

/// HTTP/2's code for a stream that ends although nothing went wrong.
const NO_ERROR: u32 = 0;

async fn with_key() -> TestServer {
    let server = TestServer::start().await;
    server.admin().create("my-key").await;
    server
}

fn invalid() -> String {
    error(400, "invalid request body")
}

/// The body `{"x":"   …"}`, of `length` bytes.
fn padded(length: usize) -> String {
    format!(r#"{{"x":"{}"}}"#, " ".repeat(length - 8))
}

fn put(path: &str, fields: &str) -> String {
    format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
}

/// `body` in chunks of an odd size.
fn chunked(body: &str) -> String {
    let chunks = body
        .as_bytes()
        .chunks(4999)
        .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).expect("ASCII")));
    chunks.chain(["0\r\n\r\n".to_owned()]).collect()
}

/// The answer to a body of unknown length over HTTP/1.1, and over HTTP/2.
async fn of_unknown_length(client: &Client, path: &str, body: &str) -> (Answer, Outcome) {
    let mut connection = Raw::open(client).await;
    let answer = connection.exchange(put(path, "Transfer-Encoding: chunked\r\n") + &chunked(body)).await;
    let mut connection = Frames::open(client).await;
    connection.send([frames::put(1, path, &[], false), frames::data(1, body.as_bytes(), true)].concat()).await;
    (answer, connection.outcome(1).await)
}

#[tokio::test]
async fn a_body_may_have_a_million_bytes_and_not_one_more() {
    let server = with_key().await;
    let path = "/v1/key/encrypt/my-key";
    for admin in server.admin().over_both() {
        assert_eq!(admin.put(path, &padded(LIMIT)).await.status, 200, "announced");
        let surplus = format!("{{}}{}", "x".repeat(LIMIT - 2));
        assert_eq!(admin.put(path, &surplus).await.status, 200, "the surplus counts and is not read");
    }
    let (chunked, framed) = of_unknown_length(&server.admin(), path, &padded(LIMIT)).await;
    assert_eq!(chunked.status, 200);
    assert!(framed.body.starts_with("{\"ciphertext\":"), "{framed:?}");
    for body in [padded(LIMIT + 1), format!("{{}}{}", " ".repeat(LIMIT - 1)), "x".repeat(LIMIT + 1)] {
        for admin in server.admin().over_both() {
            let answer = admin.put(path, &body).await;
            assert_eq!(answer.line(), invalid(), "announced");
            let closes = (admin.protocol == Protocol::Http1).then_some("close");
            assert_eq!(answer.header("connection"), closes);
        }
        let (chunked, framed) = of_unknown_length(&server.admin(), path, &body).await;
        assert_eq!((chunked.line(), chunked.header("connection")), (invalid(), Some("close")));
        assert_eq!(framed.body, "{\"message\":\"invalid request body\"\n}");
    }
}

/// Who sends more than is taken finds the connection closed, and the answer before that.
#[tokio::test]
async fn an_answer_reaches_a_client_that_is_still_sending() {
    let server = with_key().await;
    let admin = server.admin();
    let body = padded(5 * LIMIT);
    for (path, line) in
        [("/v1/key/encrypt/my-key", invalid()), ("/v1/key/create/my-key", error(400, "key already exists"))]
    {
        for _ in 0..10 {
            let mut connection = Raw::open(&admin).await;
            connection.send(put(path, &format!("Content-Length: {}\r\n", body.len())) + &body).await;
            assert_eq!(connection.answer().await.line(), line);
            let answer = admin.put(path, &body).await;
            assert_eq!((answer.line(), answer.header("connection")), (line.clone(), Some("close")));
        }
    }
}

#[tokio::test]
async fn the_largest_plaintext_has_749_988_bytes() {
    let server = with_key().await;
    for admin in server.admin().over_both() {
        let plaintext = STANDARD.encode(vec![7; 749_988]);
        let body = format!(r#"{{"plaintext":"{plaintext}"}}"#);
        assert_eq!(body.len(), LIMIT);
        let sealed = admin.put("/v1/key/encrypt/my-key", &body).await;
        assert_eq!(sealed.status, 200);
        let ciphertext = sealed.member("ciphertext");
        assert_eq!(STANDARD.decode(&ciphertext).expect("base64").len(), 749_988 + 44);
        // It no longer fits into a request, as in the archived server.
        let again = admin.put("/v1/key/decrypt/my-key", &format!(r#"{{"ciphertext":"{ciphertext}"}}"#)).await;
        assert_eq!(again.line(), invalid());
        let larger = format!(r#"{{"plaintext":"{}"}}"#, STANDARD.encode(vec![7; 749_989]));
        assert_eq!(admin.put("/v1/key/encrypt/my-key", &larger).await.line(), invalid());
    }
}

#[tokio::test]
async fn the_first_json_value_is_read_as_leniently_as_clients_rely_on() {
    let server = with_key().await;
    let context = |context: &str| format!(r#"{{"plaintext":"eA==","context":"{context}"}}"#);
    let mut connection = server.admin().connect().await.expect("a connection");
    let mut send = async |path: &str, body: &str| {
        connection.send(http::Method::PUT, &format!("/v1/key/{path}/my-key"), body).await.expect("an answer")
    };
    // Each means the context of three zero bytes.
    for body in [
        context("AAAA"),
        context("AAAA") + " xyz",
        context("AAAA") + r#"{"context":"AQID"}"#,
        format!(" \r\n\t{}", context("AAAA")),
        r#"{"plaintext":"eA==","context":"AQID","context":"AAAA"}"#.to_owned(),
        r#"{"plaintext":"eA==","context":[0,0,0]}"#.to_owned(),
        r#"{"plaintext":[120],"context":[null,0,null]}"#.to_owned(),
        r#"{"plaintext":"eA==","context":"AA\r\nAA\n"}"#.to_owned(),
        r#"{"plaintext":"e\u0041==","\u0063ontext":"AAAA"}"#.to_owned(),
        r#"{"plaintext":"eB==","context":"AAAA"}"#.to_owned(),
        r#"{"plaintext":"eA==","context":"AAAA","version":"v1"}"#.to_owned(),
        r#"{"version":7,"plaintext":"eA==","context":"AAAA"}"#.to_owned(),
        r#"{"version":[{}],"plaintext":"eA==","context":"AAAA"}"#.to_owned(),
        r#"{"x":1e999,"y":-123456789012345678901234567890,"plaintext":"eA==","context":"AAAA"}"#.to_owned(),
        format!(r#"{{"x":{}{},"plaintext":"eA==","context":"AAAA"}}"#, "[".repeat(63), "]".repeat(63)),
        format!(r#"{{"x":{}1{},"plaintext":"eA==","context":"AAAA"}}"#, r#"{"y":"#.repeat(63), "}".repeat(63)),
    ] {
        let sealed = send("encrypt", &body).await;
        assert_eq!(sealed.status, 200, "{body}");
        let ciphertext = sealed.member("ciphertext");
        let opened = send("decrypt", &format!(r#"{{"ciphertext":"{ciphertext}","context":"AAAA"}}"#)).await;
        assert_eq!(opened.line(), r#"200 {"plaintext":"eA=="}"#, "{body}");
    }
    // Each means nothing at all.
    for body in ["{}", "null", "null xyz", r#"{"plaintext":null,"context":null}"#, r#"{"plaintext":"","context":[]}"#] {
        let ciphertext = send("encrypt", body).await.member("ciphertext");
        let opened = send("decrypt", &format!(r#"{{"ciphertext":"{ciphertext}"}}"#)).await;
        assert_eq!(opened.line(), r#"200 {"plaintext":""}"#, "{body}");
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_400_on_every_route_that_has_one() {
    let server = with_key().await;
    let deep = |bracket: &str| format!(r#"{{"x":{}"#, bracket.repeat(100_000));
    let mut bodies: Vec<String> = [
        "",
        " ",
        "[]",
        "[{}]",
        "\"text\"",
        "7",
        "true",
        "{",
        "{bad",
        "{}}".trim_end_matches('}'),
        "nul",
        "{\"x\":1,}",
        "{x:1}",
        "'{}'",
        "\u{feff}{}",
        "{\"x\":\"\u{1}\"}",
        "{\"x\":\"\n\"}",
        r#"{"x":"\q"}"#,
        r#"{"x":01}"#,
        "\u{0}",
    ]
    .map(str::to_owned)
    .into();
    bodies.extend([deep("["), deep("{\"a\":")]);
    for (operation, member) in [
        ("encrypt", "plaintext"),
        ("encrypt", "context"),
        ("generate", "context"),
        ("decrypt", "ciphertext"),
        ("hmac", "message"),
    ] {
        let path = format!("/v1/key/{operation}/my-key");
        let wrong = [
            "7",
            "true",
            "{}",
            "\"A\"",
            "\"AA=\"",
            "\"AA\"",
            "\"A_==\"",
            "\"AA==x\"",
            "[256]",
            "[-1]",
            "[1.5]",
            "[\"a\"]",
        ];
        let wrong = wrong.map(|value| format!(r#"{{"{member}":{value}}}"#));
        // The last of repeated members counts, but a wrong one anywhere fails the body.
        let repeated = format!(r#"{{"{member}":7,"{member}":"AAAA"}}"#);
        let mut connection = server.admin().connect().await.expect("a connection");
        for body in bodies.iter().chain(&wrong).chain([&repeated]) {
            if body.is_empty() && operation == "generate" {
                continue;
            }
            let answer = connection.send(http::Method::PUT, &path, body).await.expect("an answer");
            assert_eq!(answer.line(), invalid(), "{body:.60} on {path}");
        }
    }
    let mut connection = server.admin().connect().await.expect("a connection");
    for body in &bodies {
        let answer = connection.send(http::Method::PUT, "/v1/key/import/x", body).await.expect("an answer");
        assert_eq!(answer.line(), error(400, "invalid import key request body"), "{body:.60}");
    }
}

/// A body that cannot be read is said before a key that is not there.
#[tokio::test]
async fn the_body_comes_before_the_key() {
    let server = TestServer::start().await;
    for operation in ["encrypt", "generate", "decrypt", "hmac"] {
        let path = format!("/v1/key/{operation}/nope");
        assert_eq!(server.admin().put(&path, "{bad").await.line(), invalid());
        assert_eq!(server.admin().put(&path, "{}").await.line(), error(404, "key does not exist"));
    }
}

/// Nothing announced and nothing sent means no context; an empty body of unknown length is a mistake, because a client
/// that fails over makes it with a context in mind (decision 4).
#[tokio::test]
async fn only_framing_that_announces_no_body_counts_as_none_over_http_1() {
    let server = with_key().await;
    for (path, none) in [
        ("/v1/key/generate/my-key", 200),
        ("/v1/key/encrypt/my-key", 400),
        ("/v1/key/decrypt/my-key", 400),
        ("/v1/key/hmac/my-key", 400),
    ] {
        let mut connection = Raw::open(&server.admin()).await;
        for (request, status) in [
            (put(path, ""), none),
            (put(path, "Content-Length: 0\r\n"), none),
            (put(path, "Content-Type: application/json\r\nContent-Length: 0\r\n"), none),
            (put(path, "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400),
            (put(path, "Transfer-Encoding: chunked\r\n") + "0\r\nx: y\r\n\r\n", 400),
            (put(path, "Content-Length: 1\r\n") + " ", 400),
        ] {
            let answer = connection.exchange(&request).await;
            assert_eq!(answer.status, status, "{request}");
            if status == 400 {
                assert_eq!(answer.line(), invalid(), "{request}");
            }
        }
    }
    let mut connection = Raw::open(&server.admin()).await;
    let answer = connection.exchange("POST /v1/key/generate/my-key HTTP/1.0\r\n\r\n").await;
    assert_eq!(answer.status, 200, "HTTP/1.0 without a length has no body");
}

#[tokio::test]
async fn only_framing_that_announces_no_body_counts_as_none_over_http_2() {
    let server = with_key().await;
    let empty = ("content-length", "0");
    for (path, none) in [("/v1/key/generate/my-key", true), ("/v1/key/encrypt/my-key", false)] {
        let mut connection = Frames::open(&server.admin()).await;
        let ended = |id| frames::put(id, path, &[], true);
        let open = |id| frames::put(id, path, &[], false);
        for (id, request, announced, what) in [
            (1, ended(1), true, "END_STREAM on HEADERS"),
            (3, frames::put(3, path, &[empty], true), true, "a length of 0 and END_STREAM on HEADERS"),
            (5, [frames::put(5, path, &[empty], false), frames::data(5, b"", true)].concat(), true, "a length of 0"),
            (7, [open(7), frames::data(7, b"", true)].concat(), false, "an empty DATA frame, all at once"),
            (9, [open(9), frames::data(9, b"", false), frames::data(9, b"", true)].concat(), false, "two of them"),
        ] {
            connection.send(request).await;
            let outcome = connection.outcome(id).await;
            if none && announced {
                assert!(outcome.body.starts_with("{\"plaintext\":"), "{outcome:?} for {what}");
            } else {
                assert_eq!(outcome.body, "{\"message\":\"invalid request body\"\n}", "{what}");
            }
        }
        // The same when the end comes long after the beginning.
        connection.send(open(11)).await;
        connection.send(ended(13)).await;
        connection.outcome(13).await;
        connection.send(frames::data(11, b"", true)).await;
        assert_eq!(connection.outcome(11).await.body, "{\"message\":\"invalid request body\"\n}");
    }
}

/// Official clients never say how long a body is.
#[tokio::test]
async fn a_body_of_unknown_length_is_read() {
    let server = with_key().await;
    for body in ["{}", r#"{"context":"AAAA"}"#, "null"] {
        let (chunked, framed) = of_unknown_length(&server.admin(), "/v1/key/generate/my-key", body).await;
        assert_eq!(chunked.status, 200, "{body}");
        assert!(framed.body.starts_with("{\"plaintext\":"), "{framed:?} for {body}");
    }
    let (chunked, framed) = of_unknown_length(&server.admin(), "/v1/key/create/new-key", "ignored").await;
    assert_eq!(chunked.line(), "200");
    assert_eq!(framed.body, "{\"message\":\"key already exists\"\n}");
}

/// The time of a route bounds its body too; a 5xx would make clients avoid the server (D-20).
#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let path = "/v1/key/encrypt/my-key";
    let build = Build::default().timeout("/v1/key/encrypt/", Duration::from_millis(100));
    let server = TestServer::with(build).await;
    for (head, part) in [
        ("Content-Length: 10\r\n", "{\"x"),
        ("Content-Length: 10\r\n", ""),
        ("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n"),
    ] {
        let mut connection = Raw::open(&server.admin()).await;
        let answer = connection.exchange(put(path, head) + part).await;
        assert_eq!(answer.line(), error(408, "request body was not received in time"));
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(connection.rest().await, "");
    }
    let mut connection = Frames::open(&server.admin()).await;
    connection.send([frames::put(1, path, &[], false), frames::data(1, b"{", false)].concat()).await;
    let outcome = connection.outcome(1).await;
    assert_eq!(outcome.body, "{\"message\":\"request body was not received in time\"\n}");
    assert_eq!(connection.reset_code(1).await, NO_ERROR);
}

#[tokio::test]
async fn a_body_that_breaks_off_does_no_harm() {
    let server = with_key().await;
    for (head, part) in [("Content-Length: 10\r\n", "{\"x"), ("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n")] {
        let mut connection = Raw::open(&server.admin()).await;
        connection.send(put("/v1/key/encrypt/my-key", head) + part).await;
    }
    for broken in ["zz\r\n{}\r\n", "-1\r\n{}\r\n", "2\r\n{}x\r\n", "fffffffffffffffff\r\n{}"] {
        let mut connection = Raw::open(&server.admin()).await;
        let request = put("/v1/key/encrypt/my-key", "Transfer-Encoding: chunked\r\n") + broken;
        assert_eq!(connection.exchange(&request).await.line(), invalid(), "{broken}");
        assert_eq!(connection.rest().await, "", "{broken}");
    }
    assert_eq!(server.admin().get("/v1/ready").await.line(), "200");
}
