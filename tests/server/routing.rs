//! Which path leads where: redirects, cleaning, escapes, methods, and what is no path at all.

use http::Method;

use crate::support::frames::Frames;
use crate::support::{Raw, TestServer, error};

/// Unclean or unfinished paths, and where they are sent to.
const REDIRECTS: [(&str, &str); 20] = [
    ("/v1/key/create", "/v1/key/create/"),
    ("/v1/key/import", "/v1/key/import/"),
    ("/v1/key/describe?a=b&c", "/v1/key/describe/?a=b&c"),
    ("/v1/k%65y/delete", "/v1/k%65y/delete/"),
    ("/v1/policy/read", "/v1/policy/read/"),
    ("/v1/identity/describe", "/v1/identity/describe/"),
    ("//v1/status", "/v1/status"),
    ("/v1//status?x=1", "/v1/status?x=1"),
    ("/v1/./status", "/v1/status"),
    ("/v1/key/../status", "/v1/status"),
    ("/../../v1/status", "/v1/status"),
    ("/v1/key/create//x", "/v1/key/create/x"),
    ("/v1/key/create/./", "/v1/key/create/"),
    ("/v1/key/create/x/..", "/v1/key/create/"),
    ("/v1//key/create", "/v1/key/create/"),
    ("/v1//key/list", "/v1/key/list/"),
    ("/v1/x/../policy/list", "/v1/policy/list/"),
    ("//v1/key/describe/a%2Fb", "/v1/key/describe/a%2Fb"),
    ("/v1//key/describe/%2e%2E", "/v1/key/describe/%2e%2E"),
    ("/nope//x/", "/nope/x/"),
];

fn as_html(location: &str) -> String {
    location.replace('&', "&amp;")
}

#[tokio::test]
async fn unclean_and_unfinished_paths_are_redirected_before_anybody_is_asked_who_they_are() {
    let server = TestServer::start().await;
    for stranger in server.stranger().over_both() {
        let mut connection = stranger.connect().await.expect("a connection");
        for (path, location) in REDIRECTS {
            let get = connection.send(Method::GET, path, "").await.expect("an answer");
            assert_eq!((get.status.as_u16(), get.header("location")), (301, Some(location)), "GET {path}");
            assert_eq!(get.header("content-type"), Some("text/html; charset=utf-8"), "GET {path}");
            assert_eq!(get.body, format!("<a href=\"{}\">Moved Permanently</a>.\n\n", as_html(location)), "GET {path}");
            let length = get.body.len().to_string();
            assert_eq!(get.header("content-length"), Some(length.as_str()), "GET {path}");

            let head = connection.send(Method::HEAD, path, "").await.expect("an answer");
            assert_eq!((head.line().as_str(), head.header("location")), ("301", Some(location)), "HEAD {path}");
            assert_eq!(head.header("content-type"), Some("text/html; charset=utf-8"), "HEAD {path}");
            assert_eq!(head.header("content-length"), None, "HEAD {path}");

            for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
                let other = connection.send(method.clone(), path, "").await.expect("an answer");
                assert_eq!(
                    (other.line().as_str(), other.header("location")),
                    ("301", Some(location)),
                    "{method} {path}"
                );
                let headers = (other.header("content-length"), other.header("content-type"));
                assert_eq!(headers, (Some("0"), None), "{method} {path}");
            }
        }
    }
}

/// Go clients ask for all names on exactly these paths (decision 5).
#[tokio::test]
async fn lists_answer_without_their_slash() {
    let server = TestServer::start().await;
    for admin in server.admin().over_both() {
        for path in ["/v1/key/list", "/v1/policy/list", "/v1/identity/list", "/v1/key/list?prefix=x"] {
            assert_eq!(admin.get(path).await.status, 200, "{path}");
            assert_eq!(
                admin.post(path, "").await.line(),
                error(405, "received method 'POST' expected 'GET'"),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn paths_that_lead_nowhere_are_404_in_text_whatever_the_method_and_whoever_asks() {
    let server = TestServer::start().await;
    for stranger in server.stranger().over_both() {
        let mut connection = stranger.connect().await.expect("a connection");
        for path in [
            "/",
            "/v1",
            "/v1/",
            "/v1/nope",
            "/v1/status/",
            "/v1/ready/x",
            "/version/",
            "/V1/status",
            "/v1/key",
            "/v1/key/",
            "/v1/key/rotate/x",
            "/v1/key%2Fcreate/x",
            "/v1%2Fstatus",
            "/v1/key/create%2Fx",
            "/v1/%2e%2e/v1/status",
            "/v1/%2e/status",
            "/v1/identity/self",
            "/v1/identity/self/describe/",
            // Of older releases.
            "/v1/key/bulk/decrypt/x",
            "/v1/secret/create/x",
            "/v1/enclave/describe/x",
            "/v1/policy/write/x",
            "/v1/policy/assign/x",
            "/v1/identity/delete/x",
        ] {
            for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS] {
                let answer = connection.send(method.clone(), path, "").await.expect("an answer");
                assert_eq!(answer.status, 404, "{method} {path}");
                assert_eq!(answer.body, "404 page not found\n", "{method} {path}");
                assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{method} {path}");
                assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
                assert_eq!(answer.header("content-length"), Some("19"), "{method} {path}");
            }
            let head = connection.send(Method::HEAD, path, "").await.expect("an answer");
            assert_eq!(head.line(), "404", "HEAD {path}");
        }
    }
}

#[tokio::test]
async fn escapes_are_decoded_once_and_never_separate() {
    let server = TestServer::start().await;
    let admin = server.admin();
    assert_eq!(admin.put("/v1/key/cre%61te/enc%2Dkey", "").await.line(), "200");
    assert_eq!(admin.put("/%76%31/%6b%65%79/%63%72%65%61%74%65/%62", "").await.line(), "200");
    assert_eq!(admin.get("/v1/key/list").await.line(), r#"200 {"names":["b","enc-key"]}"#);
    assert_eq!(admin.get("/v1/stat%75s").await.status, 200);
    for (argument, name) in
        [("a%2Fb", "a/b"), ("%2Fa", "/a"), ("a%2F", "a/"), ("a/b", "a/b"), ("a/", "a/"), ("%2e%2e", ".."), ("%2E", ".")]
    {
        let message = format!("key name '{name}' is empty, too long or contains invalid characters");
        assert_eq!(admin.get(&format!("/v1/key/describe/{argument}")).await.line(), error(400, &message));
    }
    // `+` is no blank, and what was decoded is not decoded again.
    assert_eq!(admin.put("/v1/key/create/a%252Fb", "").await.status, 400);
    assert_eq!(
        admin.put("/v1/key/create/a+b", "").await.line(),
        error(400, "key name 'a+b' is empty, too long or contains invalid characters")
    );
    for path in ["/v1/%zz", "/v1/key/create/a%", "/v1/key/create/a%4", "/%"] {
        let mut connection = Raw::open(&admin).await;
        let answer = connection.exchange(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        assert_eq!((answer.status.as_u16(), answer.header("connection")), (400, Some("close")), "{path}");
        assert_eq!(connection.rest().await, "", "{path}");
    }
}

#[tokio::test]
async fn the_query_is_ignored() {
    let server = TestServer::start().await;
    let admin = server.admin();
    assert_eq!(admin.put("/v1/key/create/my-key?name=other&/v1/key/delete/x", "").await.line(), "200");
    assert_eq!(admin.get("/v1/key/list/?prefix=zzz").await.line(), r#"200 {"names":["my-key"]}"#);
    assert_eq!(admin.get("/v1/ready?").await.line(), "200");
    assert_eq!(admin.get("/v1/ready??%zz=//../").await.line(), "200");
}

#[tokio::test]
async fn a_post_is_a_put_and_nothing_else_is() {
    let server = TestServer::start().await;
    for (admin, name) in server.admin().over_both().into_iter().zip(["a", "b"]) {
        assert_eq!(admin.post(&format!("/v1/key/create/{name}"), "").await.line(), "200");
        assert_eq!(admin.post(&format!("/v1/key/encrypt/{name}"), "{}").await.status, 200);
        assert_eq!(admin.post("/v1/ready", "").await.line(), error(405, "received method 'POST' expected 'GET'"));
        let delete = admin.post(&format!("/v1/key/delete/{name}"), "").await;
        assert_eq!(delete.line(), error(405, "received method 'POST' expected 'DELETE'"));
        assert_eq!((delete.header("accept"), delete.header("allow")), (Some("DELETE"), Some("DELETE")));
        let own = admin.send("BREW".parse().expect("a method"), "/v1/ready", "").await;
        assert_eq!(own.line(), error(405, "received method 'BREW' expected 'GET'"));
    }
}

#[tokio::test]
async fn a_request_may_name_a_whole_url() {
    let server = TestServer::start().await;
    let mut connection = Raw::open(&server.admin()).await;
    for (request, line) in [
        ("GET https://elsewhere:1/v1/ready HTTP/1.1\r\nHost: x\r\n\r\n", "200".to_owned()),
        ("GET http://elsewhere/v1/key/list/?a HTTP/1.1\r\nHost: \r\n\r\n", r#"200 {"names":[]}"#.to_owned()),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "200".to_owned()),
        ("OPTIONS /v1/ready HTTP/1.1\r\nHost: x\r\n\r\n", error(405, "received method 'OPTIONS' expected 'GET'")),
    ] {
        assert_eq!(connection.exchange(request).await.line(), line, "{request}");
    }
    let options = connection.exchange("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!((options.header("content-length"), options.header("content-type")), (Some("0"), None));
}

#[tokio::test]
async fn http_1_0_is_answered_and_ends_the_connection_unless_asked_to_stay() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let mut connection = Raw::open(&admin).await;
    assert_eq!(connection.exchange("GET /v1/key/list HTTP/1.0\r\n\r\n").await.line(), r#"200 {"names":[]}"#);
    assert_eq!(connection.rest().await, "");
    let mut connection = Raw::open(&admin).await;
    for _ in 0..2 {
        let answer = connection.exchange("GET /v1/ready HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
        assert_eq!((answer.line().as_str(), answer.header("connection")), ("200", Some("keep-alive")));
    }
}

/// The class of the answer matters, and that nothing after it is read as a request.
#[tokio::test]
async fn what_is_no_request_is_4xx_and_ends_the_connection() {
    let server = TestServer::start().await;
    let admin = server.admin();
    for request in [
        "GET /v1/ready HTTP/1.1\r\n\r\n",
        "GET https://elsewhere/v1/ready HTTP/1.1\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET v1/ready HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        "G<>T / HTTP/1.1\r\nHost: x\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET /v1/ready HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        "PUT /v1/key/create/x HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        "PUT /v1/key/create/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "PUT /v1/key/create/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    ] {
        let mut connection = Raw::open(&admin).await;
        let answer = connection.exchange(request).await;
        assert!(answer.status.is_client_error() || answer.status == 501, "{} to {request}", answer.line());
        assert_eq!(connection.rest().await, "", "{request}");
    }
    assert_eq!(admin.get("/v1/key/list/").await.line(), r#"200 {"names":[]}"#, "none of them made a key");
}

/// Never two readings: whichever length counts, the connection ends with it.
#[tokio::test]
async fn a_body_with_two_lengths_ends_the_connection() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create("my-key").await;
    let mut connection = Raw::open(&admin).await;
    connection
        .send(
            "PUT /v1/key/encrypt/my-key HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\n{}\r\n0\r\n\r\nGET /v1/nope HTTP/1.1\r\nHost: x\r\n\r\n",
        )
        .await;
    let answer = connection.answer().await;
    assert!(matches!(answer.status.as_u16(), 200 | 400), "{}", answer.line());
    assert_eq!(connection.rest().await, "", "what follows is no request");
}

#[tokio::test]
async fn connect_is_no_way_in() {
    let server = TestServer::start().await;
    let mut connection = Raw::open(&server.admin()).await;
    let answer = connection.exchange("CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n").await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, "404 page not found\n"));
}

#[tokio::test]
async fn http_2_refuses_what_is_no_path() {
    let server = TestServer::start().await;
    for path in ["*", "v1/ready", "/v1/%zz", "/v1/key/create/a%4"] {
        let mut frames = Frames::open(&server.admin()).await;
        frames.send(crate::support::frames::put(1, path, &[], true)).await;
        let outcome = frames.outcome(1).await;
        assert!(outcome.reset.is_some() || outcome.body.starts_with("400"), "{outcome:?} for {path}");
    }
}
