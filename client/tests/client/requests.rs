//! What goes out and what comes back.

use super::*;

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
    assert_eq!((key.plaintext.expose(), key.ciphertext.as_slice()), (b"A".as_slice(), b"B".as_slice()));
    assert_eq!(client.encrypt("k", b"A", b"C").await.expect("a ciphertext"), b"B");
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
        6 => Reply::Redirect("/v1/elsewhere"),
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
    assert_eq!(server.asked().len(), 8, "an answer that is not 503 is final, and a redirect is not followed");
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
async fn metrics_are_text() {
    let server = Server::start(|_, _| Reply::Answer(200, "text/plain", b"kes_system_num_cpu 2\n".to_vec())).await;
    assert_eq!(client(&[&server]).metrics().await.expect("metrics"), "kes_system_num_cpu 2\n");
    assert_eq!(server.asked()[0].path, "/v1/metrics");
}
