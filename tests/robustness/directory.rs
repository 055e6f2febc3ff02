//! The store's directory goes away and returns, as a mount does.

use http::Method;

use crate::log;
use crate::store::Directory;

#[tokio::test]
async fn a_missing_directory_is_a_failure_of_the_store_and_never_an_empty_one() {
    let directory = Directory::new();
    let server = directory.server().await;
    let admin = server.admin();
    for name in ["away-cached", "away-uncached", "away-deleted"] {
        admin.create(name).await;
    }
    assert_eq!(admin.get("/v1/key/describe/away-cached").await.status, 200);
    assert_eq!(admin.get("/v1/ready").await.line(), "200");

    directory.take_away();
    for (method, path, answer) in [
        (Method::GET, "/v1/key/describe/away-uncached", r#"502 {"message":"failed to read key"¶}"#),
        (Method::PUT, "/v1/key/generate/away-uncached", r#"502 {"message":"failed to read key"¶}"#),
        (Method::GET, "/v1/key/describe/away-never-made", r#"502 {"message":"failed to read key"¶}"#),
        (Method::PUT, "/v1/key/create/away-never-made", r#"502 {"message":"failed to create key"¶}"#),
        (Method::DELETE, "/v1/key/delete/away-deleted", r#"502 {"message":"failed to delete key"¶}"#),
        (Method::DELETE, "/v1/key/delete/away-never-made", r#"502 {"message":"failed to delete key"¶}"#),
        (Method::GET, "/v1/key/list/", r#"502 {"message":"failed to list keys"¶}"#),
        (Method::GET, "/v1/ready", r#"504 {"message":"key store is not reachable"¶}"#),
        // Its own copy is as good as ever.
        (Method::PUT, "/v1/key/encrypt/away-cached", "200"),
    ] {
        let body = if path.contains("encrypt") { "{}" } else { "" };
        let line = admin.send(method, path, body).await.line();
        assert!(line.starts_with(answer), "{path}: {line}");
    }
    let status = admin.get("/v1/status").await;
    assert_eq!(status.status, 200);
    assert!(status.body.contains(r#""keystore_unreachable":true"#), "{}", status.body);
    assert!(!directory.path().exists(), "an operation made the directory");
    assert_eq!(log::lines_with("req.path=/v1/key/describe/away-never-made").len(), 1);

    directory.bring_back();
    assert_eq!(admin.get("/v1/key/describe/away-uncached").await.status, 200, "it waits for the directory");
    assert_eq!(admin.get("/v1/ready").await.line(), "200");
    assert!(!admin.get("/v1/status").await.body.contains("keystore_unreachable"));
    assert_eq!(admin.get("/v1/key/describe/away-never-made").await.status, 404);
    assert_eq!(admin.delete("/v1/key/delete/away-deleted").await.line(), "200");
    admin.create("away-new").await;
    assert_eq!(
        admin.get("/v1/key/list/away-").await.line(),
        r#"200 {"names":["away-cached","away-new","away-uncached"]}"#
    );
}

#[tokio::test]
async fn a_file_in_the_place_of_the_directory_is_a_failure_too() {
    let directory = Directory::new();
    let server = directory.server().await;
    let admin = server.admin();
    admin.create("covered").await;
    directory.take_away();
    std::fs::write(directory.path(), b"").expect("written");
    assert_eq!(admin.get("/v1/key/describe/covered").await.line(), r#"502 {"message":"failed to read key"¶}"#);
    assert_eq!(admin.put("/v1/key/create/covered", "").await.line(), r#"502 {"message":"failed to create key"¶}"#);
    std::fs::remove_file(directory.path()).expect("removed");
    directory.bring_back();
    assert_eq!(admin.get("/v1/key/describe/covered").await.status, 200);
}
