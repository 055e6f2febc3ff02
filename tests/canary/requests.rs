//! Secrets in requests, good and bad, on every route.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use kes::server::{ROUTES, Route};
use kes_keystores::{KeyStore, MemoryStore};

use crate::log;
use crate::secrets::{Canary, Secrets};
use crate::support::{Build, Connection, TestServer};

/// One more than a body may have.
const TOO_MANY_BYTES: usize = 1_000_001;

/// Whether the answer has an end. Streams have what the log has.
fn ends(route: &Route, method: &Method) -> bool {
    !route.timeout.is_zero() || !route.accepts(method)
}

/// Does everything that can be done with keys, and tells what is secret of it.
pub async fn use_every_route(connection: &mut Connection, store: &dyn KeyStore) -> Secrets {
    let mut secrets = Secrets::default();

    // Keys that clients bring along, in all the forms of the body.
    let imported = [Canary::bytes(), Canary::letters(), Canary::bytes(), Canary::letters()];
    for (number, canary) in imported.iter().enumerate() {
        secrets.add_key("imported key", &canary.0);
        let body = match number {
            0 => format!(r#"{{"key":"{}","cipher":"AES256"}}"#, canary.base64()),
            1 => format!(r#"{{"bytes":"{}","algorithm":"XCHACHA20-POLY1305"}}"#, canary.base64()),
            2 => format!(r#"{{"bytes":"{}"}}"#, canary.base64()),
            _ => format!(r#"{{"key":{},"cipher":"ChaCha20"}}"#, canary.array()),
        };
        for status in [200, 400] {
            let path = format!("/v1/key/import/imported-{number}");
            assert_eq!(secrets.send(connection, Method::POST, &path, &body).await.status, status);
        }
        secrets.add_stored(store, &format!("imported-{number}")).await;
    }
    // And those that the server makes.
    for status in [200, 400] {
        let created = secrets.send(connection, Method::PUT, "/v1/key/create/created", "").await;
        assert_eq!(created.status, status);
    }
    secrets.add_stored(store, "created").await;

    for key in ["created", "imported-0", "imported-1", "imported-2", "imported-3"] {
        let (plaintext, context, message) = (Canary::letters(), Canary::bytes(), Canary::letters());
        secrets.add("plaintext", &plaintext.0);
        secrets.add("context", &context.0);
        secrets.add("message", &message.0);
        let (plaintext, context) = (plaintext.base64(), context.base64());
        let body = format!(r#"{{"plaintext":"{plaintext}","context":"{context}"}}"#);
        let sealed = secrets.send(connection, Method::PUT, &format!("/v1/key/encrypt/{key}"), &body).await;
        let ciphertext = sealed.member("ciphertext");
        secrets.add("ciphertext", ciphertext.as_bytes());

        let decrypt = format!("/v1/key/decrypt/{key}");
        let body = format!(r#"{{"ciphertext":"{ciphertext}","context":"{context}"}}"#);
        let opened = secrets.send(connection, Method::PUT, &decrypt, &body).await;
        assert_eq!(opened.member("plaintext"), plaintext);
        let body = format!(r#"{{"ciphertext":"{ciphertext}","context":"{}"}}"#, message.base64());
        assert_eq!(secrets.send(connection, Method::PUT, &decrypt, &body).await.status, 400);

        let body = format!(r#"{{"context":"{context}"}}"#);
        let made = secrets.send(connection, Method::PUT, &format!("/v1/key/generate/{key}"), &body).await;
        secrets.add("data key", made.member("plaintext").as_bytes());
        let data_key = kes_core::key::encoding::decode_base64(made.member("plaintext").as_bytes());
        secrets.add("data key", data_key.expect("base64").expose());

        let body = format!(r#"{{"message":"{}"}}"#, message.base64());
        let hmac = secrets.send(connection, Method::PUT, &format!("/v1/key/hmac/{key}"), &body).await;
        secrets.add("hmac", hmac.member("hmac").as_bytes());

        let described = secrets.send(connection, Method::GET, &format!("/v1/key/describe/{key}"), "").await;
        assert_eq!(described.status, 200);
    }
    assert_eq!(secrets.send(connection, Method::GET, "/v1/key/list/", "").await.status, 200);
    for key in ["created", "imported-0", "imported-1", "imported-2", "imported-3"] {
        for status in [200, 404] {
            let path = format!("/v1/key/delete/{key}");
            assert_eq!(secrets.send(connection, Method::DELETE, &path, "").await.status, status);
        }
    }
    secrets
}

#[tokio::test]
async fn what_is_sealed_opened_and_imported_stays_between_client_and_server() {
    log::keep();
    let store = Arc::new(MemoryStore::new());
    let mut server = TestServer::with(Build::default().store(store.clone())).await;
    let mut all = Vec::new();
    for client in server.admin().over_both() {
        all.push(use_every_route(&mut client.connect().await.expect("a connection"), &*store).await);
    }
    server.begin_stop();
    server.stopped().await;
    // What clients do rightly is no news, so nothing is expected.
    all.iter().for_each(|secrets| log::assert_holds_none_of(secrets, &[]));
}

/// Bodies that hold a secret in the right place, in a wrong one, and cut off.
fn bodies(canary: &Canary) -> Vec<String> {
    let (base64, text, array) = (canary.base64(), canary.text(), canary.array());
    let cut = &base64[..base64.len() - 3];
    let mut bodies = vec![base64.clone(), format!("\"{base64}\""), array.clone(), format!("{{{text}"), text.clone()];
    for member in ["key", "bytes", "plaintext", "ciphertext", "context", "message", "other"] {
        bodies.extend([
            format!(r#"{{"{member}":"{base64}"}}"#),
            format!(r#"{{"{member}":"{base64}","{member}":5}}"#),
            format!(r#"{{"{member}":"{cut}"}}"#),
            format!(r#"{{"{member}":"{cut}""#),
            format!(r#"{{"{member}":"{text}!"}}"#),
            format!(r#"{{"{member}":{array}}}"#),
            format!(r#"{{"{member}":{{"{text}":"{base64}"}}}}"#),
            format!(r#"{{"{member}":["{base64}"]}}"#),
            format!("{{\"{member}\":\"{base64}\n\\q\"}}"),
            format!(r#"{{"{text}":"{base64}","{member}":7}}"#),
        ]);
    }
    bodies.push(format!(r#"{{"key":"{base64}","cipher":7}}"#));
    bodies.push(format!(r#"{{"key":"{base64}","cipher":"none"}}"#));
    bodies.push(format!(r#"{{"key":"{base64}{base64}","cipher":"AES256"}}"#));
    bodies.push(format!(r#"{{"bytes":"{cut}A==","algorithm":"AES256"}}"#));
    bodies
}

/// Sends what nobody should, with every method to every route.
pub async fn misuse_every_route(connection: &mut Connection, secrets: &Secrets, canaries: &[Canary]) {
    for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH, Method::HEAD] {
        for route in ROUTES.iter().filter(|route| ends(route, &method)) {
            let path = if route.takes_argument() { format!("{}some-key", route.path) } else { route.path.to_owned() };
            // Where it is read, every body; elsewhere two are enough.
            let count = if route.max_body > 0 && route.accepts(&method) { usize::MAX } else { 2 };
            for body in canaries.iter().flat_map(|canary| bodies(canary).into_iter().take(count)) {
                secrets.send(connection, method.clone(), &path, &body).await;
            }
        }
    }
}

#[tokio::test]
async fn nothing_of_a_body_comes_back_or_is_logged_whatever_the_method_and_route() {
    log::keep();
    let mut server = TestServer::start().await;
    let mut secrets = Secrets::default();
    let canaries = [Canary::bytes(), Canary::letters()];
    canaries.iter().for_each(|canary| secrets.add_key("body", &canary.0));
    let connection = &mut server.admin().http2().connect().await.expect("a connection");
    misuse_every_route(connection, &secrets, &canaries).await;
    server.begin_stop();
    server.stopped().await;
    log::assert_holds_none_of(&secrets, &["request body is not JSON", "has a member of the wrong type", "ends early"]);
}

/// The archived server wrote the whole request to its log when it refused one (D-21).
#[tokio::test]
async fn nothing_of_the_headers_of_a_refused_request_is_logged() {
    log::keep();
    let mut server = TestServer::with(Build::default().skip_auth("/v1/ready")).await;
    let mut secrets = Secrets::default();
    let canary = Canary::letters();
    secrets.add_key("header", &canary.0);
    for (client, path, status) in [
        (server.anonymous(), "/v1/key/encrypt/no-certificate", 400),
        (server.stranger(), "/v1/key/encrypt/no-policy", 403),
        (server.user(), "/v1/key/encrypt/not-allowed", 403),
        (server.admin(), "/v1/key/encrypt/no-body", 400),
    ] {
        for client in client.over_both() {
            let mut request = Request::put(format!("https://localhost{path}")).header("host", "localhost");
            for name in ["authorization", "cookie", "x-tls-client-cert", "x-forwarded-for", "kes-enclave"] {
                request = request.header(name, canary.text());
            }
            let request = request.body(Full::new(Bytes::from_static(b"{"))).expect("a request");
            let mut connection = client.connect().await.expect("a connection");
            let answer = connection.request(request).await.expect("an answer");
            assert_eq!(answer.status, status, "{path}");
            secrets.assert_not_told(&answer, path);
        }
    }
    server.begin_stop();
    server.stopped().await;
    log::assert_holds_none_of(
        &secrets,
        &["encrypt/no-certificate", "identity not found", "rejected by policy", "encrypt/no-body"],
    );
}

#[tokio::test]
async fn nothing_of_a_body_that_is_too_large_comes_back_or_is_logged() {
    log::keep();
    let mut server = TestServer::start().await;
    let mut secrets = Secrets::default();
    let canary = Canary::letters();
    secrets.add_key("body", &canary.0);
    let body = format!(r#"{{"key":"{}"}}"#, canary.base64().repeat(TOO_MANY_BYTES / canary.base64().len() + 1));
    assert!(body.len() >= TOO_MANY_BYTES);
    for client in [server.admin(), server.admin().http2()] {
        for route in ROUTES.iter().filter(|route| route.max_body > 0) {
            let connection = &mut client.connect().await.expect("a connection");
            let path = format!("{}some-key", route.path);
            let answer = secrets.send(connection, Method::PUT, &path, &body).await;
            assert_eq!(answer.status, 400, "{path}");
        }
    }
    server.begin_stop();
    server.stopped().await;
    log::assert_holds_none_of(&secrets, &["request body is too large"]);
}

#[tokio::test]
async fn queries_and_headers_are_not_logged() {
    log::keep();
    let mut server = TestServer::start().await;
    let mut secrets = Secrets::default();
    let canary = Canary::letters();
    secrets.add_key("header or query", &canary.0);
    let (text, base64) = (canary.text(), canary.base64());
    for client in [server.admin(), server.user(), server.stranger()] {
        let connection = &mut client.http2().connect().await.expect("a connection");
        for route in ROUTES.iter().filter(|route| ends(route, &Method::GET)) {
            let path = if route.takes_argument() { format!("{}some-key", route.path) } else { route.path.to_owned() };
            let request = Request::builder()
                .method(route.method.clone())
                .uri(format!("https://localhost{path}?key={text}&{base64}"))
                .header("authorization", format!("Bearer {text}"))
                .header("cookie", format!("key={text}"))
                .header("content-type", base64.as_str())
                .header("user-agent", text.as_str())
                .header("x-forwarded-for", text.as_str())
                .header("kes-enclave", text.as_str())
                .header("x-tls-client-cert", text.as_str())
                .header(format!("x-{}", text.to_lowercase()), "1")
                .body(Full::new(Bytes::from_static(b"{")))
                .expect("a request");
            let answer = connection.request(request).await.expect("an answer");
            secrets.assert_not_told(&answer, &path);
        }
    }
    server.begin_stop();
    server.stopped().await;
    log::assert_holds_none_of(&secrets, &["access denied: identity not found", "rejected by policy 'my-app'"]);
}

#[tokio::test]
async fn an_unknown_algorithm_is_told_to_who_sent_it_and_not_to_the_log() {
    log::keep();
    let mut server = TestServer::start().await;
    let mut secrets = Secrets::default();
    // A client that puts its secret into the wrong member.
    let canary = Canary::letters();
    secrets.add("cipher", &canary.0);
    let body = format!(r#"{{"key":"AAAA","cipher":"{}"}}"#, canary.text());
    let answer = server.admin().put("/v1/key/import/mixed-up", &body).await;
    assert_eq!(answer.line(), format!(r#"406 {{"message":"algorithm '{}' is not supported"¶}}"#, canary.text()));
    server.begin_stop();
    server.stopped().await;
    log::assert_holds_none_of(&secrets, &[]);
}
