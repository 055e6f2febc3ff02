//! The transcripts of the specification, `server-api.md` §19, with what differs on purpose said beside it.

use http::Method;

use crate::support::{ADMIN, TestServer, USER};

/// Transcripts 1 to 9, 12 to 18, 23 to 31, 33, 34.
#[tokio::test]
async fn keys_policies_and_paths() {
    let server = TestServer::start().await;
    let (admin, user) = (server.admin(), server.user());

    let created = admin.post("/v1/key/create/my-key", "").await;
    assert_eq!(created.line(), "200");
    assert_eq!((created.header("content-length"), created.header("content-type")), (Some("0"), None));

    let again = admin.put("/v1/key/create/my-key", "").await;
    assert_eq!(again.line(), r#"400 {"message":"key already exists"¶}"#);
    assert_eq!((again.header("content-length"), again.header("content-type")), (Some("33"), Some("application/json")));

    let wrong = admin.get("/v1/key/create/my-key").await;
    assert_eq!(wrong.line(), r#"405 {"message":"received method 'GET' expected 'PUT'"¶}"#);
    assert_eq!((wrong.header("accept"), wrong.header("allow")), (Some("PUT"), Some("PUT, POST")));

    assert_eq!(
        admin.post("/v1/key/create/", "").await.line(),
        r#"400 {"message":"key name '' is empty, too long or contains invalid characters"¶}"#
    );
    let redirect = admin.post("/v1/key/create", "").await;
    assert_eq!((redirect.line().as_str(), redirect.header("location")), ("301", Some("/v1/key/create/")));
    assert_eq!(
        admin.post("/v1/key/create/a%3Cb%3E%26", "").await.line(),
        r#"400 {"message":"key name 'a\u003cb\u003e\u0026' is empty, too long or contains invalid characters"¶}"#
    );
    assert_eq!(
        admin.get("/v1/key/describe/my-key/").await.line(),
        r#"400 {"message":"key name 'my-key/' is empty, too long or contains invalid characters"¶}"#
    );

    assert_eq!(admin.put("/v1/key/cre%61te/enc%2Dkey", "").await.line(), "200");
    // Transcript 8 is a redirect in the archived server; here lists answer without their slash too (decision 5).
    for path in ["/v1/key/list", "/v1/key/list/", "/v1/key/list/*"] {
        assert_eq!(admin.get(path).await.line(), r#"200 {"names":["enc-key","my-key"]}"#, "{path}");
    }
    let nowhere = admin.get("/v1/nope").await;
    assert_eq!((nowhere.status.as_u16(), nowhere.body.as_str()), (404, "404 page not found\n"));
    assert_eq!(nowhere.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(nowhere.header("x-content-type-options"), Some("nosniff"));

    assert!(user.get("/v1/status").await.line().starts_with(r#"200 {"version":""#));
    let denied = user.get("/v1/ready").await;
    assert_eq!(denied.line(), r#"403 {"message":"not authorized: insufficient permissions"¶}"#);
    assert_eq!(denied.header("content-length"), Some("55"));
    assert_eq!(user.put("/v1/key/create/my-internal-x", "").await.status, 403);
    assert_eq!(user.put("/v1/key/create/my-", "").await.status, 400);
    assert_eq!(user.get("/v1/key/describe/exact").await.line(), r#"404 {"message":"key does not exist"¶}"#);
    assert_eq!(user.get("/v1/key/describe/exact2").await.status, 403);

    for body in ["", "null", "{}"] {
        let generated = admin.put("/v1/key/generate/my-key", body).await;
        assert_eq!(generated.status, 200, "{body}");
        assert_eq!((generated.member("plaintext").len(), generated.member("ciphertext").len()), (44, 104));
    }
    let invalid = r#"400 {"message":"invalid request body"¶}"#;
    assert_eq!(admin.put("/v1/key/generate/my-key", "[]").await.line(), invalid);
    assert_eq!(admin.put("/v1/key/generate/nokey", "{bad").await.line(), invalid);
    assert_eq!(admin.put("/v1/key/encrypt/my-key", "").await.line(), invalid);
    let sealed = admin.put("/v1/key/encrypt/my-key", "{}").await.member("ciphertext");
    assert_eq!(sealed.len(), 60, "44 bytes in base64");
    assert_eq!(
        admin.put("/v1/key/decrypt/my-key", "{}").await.line(),
        r#"400 {"message":"decryption failed: ciphertext is not authentic"¶}"#
    );
    let opened = admin.put("/v1/key/decrypt/my-key", &format!(r#"{{"ciphertext":"{sealed}"}}"#)).await;
    assert_eq!(opened.line(), r#"200 {"plaintext":""}"#);

    assert_eq!(
        admin.put("/v1/key/import/imp", r#"{"key":"AAAA","cipher":"AES256"}"#).await.line(),
        r#"406 {"message":"invalid key size for 'AES256'"¶}"#
    );
    assert_eq!(
        admin.put("/v1/key/import/imp", r#"{"key":"AAAA"}"#).await.line(),
        r#"406 {"message":"algorithm '' is not supported"¶}"#
    );
}

/// Transcripts 10 and 11.
#[tokio::test]
async fn methods_that_no_route_has() {
    let server = TestServer::start().await;
    let head = server.admin().send(Method::HEAD, "/v1/status", "").await;
    assert_eq!((head.line().as_str(), head.header("content-length")), ("405", Some("52")));
    assert_eq!(
        server.admin().send(Method::OPTIONS, "/v1/status", "").await.line(),
        r#"405 {"message":"received method 'OPTIONS' expected 'GET'"¶}"#
    );
}

/// Transcripts 35 to 39.
#[tokio::test]
async fn policies_and_identities() {
    let server = TestServer::start().await;
    let (admin, user) = (server.admin(), server.user());
    let read = admin.get("/v1/policy/read/my-app").await;
    let created_at = read.member("created_at");
    assert_eq!(
        read.line(),
        format!(
            r#"200 {{"name":"my-app","allow":{{"/v1/key/create/my-*":{{}},"/v1/key/describe/exact":{{}},"/v1/key/generate/my-*":{{}},"/v1/status":{{}}}},"deny":{{"/v1/key/create/my-internal*":{{}}}},"created_at":"{created_at}","created_by":"{ADMIN}"}}"#
        )
    );
    assert_eq!(admin.get("/v1/policy/list/my*").await.line(), r#"200 {"names":["my-app"],"continue_at":""}"#);
    assert_eq!(
        admin.get("/v1/identity/list/3ec").await.line(),
        format!(r#"200 {{"identities":["{ADMIN}"],"continue_at":""}}"#)
    );
    assert_eq!(
        admin.get("/v1/identity/self/describe").await.line(),
        format!(r#"200 {{"identity":"{ADMIN}","admin":true,"created_at":"{created_at}"}}"#)
    );
    // Transcript 39 is the archived server's 404 (D-02); an identity with a policy is told of it.
    assert_eq!(
        user.get("/v1/identity/self/describe").await.line(),
        format!(
            r#"200 {{"identity":"{USER}","created_at":"{created_at}","created_by":"{ADMIN}","policy":"my-app","allow":{{"/v1/key/create/my-*":{{}},"/v1/key/describe/exact":{{}},"/v1/key/generate/my-*":{{}},"/v1/status":{{}}}},"deny":{{"/v1/key/create/my-internal*":{{}}}}}}"#
        )
    );
}
