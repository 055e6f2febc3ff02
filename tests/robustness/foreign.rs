//! Files in the store's directory that are nobody's keys.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use crate::store::Directory;

#[tokio::test]
async fn foreign_files_are_not_listed_not_used_and_not_removed() {
    let directory = Directory::new();
    let server = directory.server().await;
    let admin = server.admin();
    admin.create("key").await;
    let outside = tempfile::NamedTempFile::new().expect("a file");
    std::fs::copy(directory.file("key"), outside.path()).expect("copied");

    directory.plant("README.md", "These are keys.");
    directory.plant("key.bak", "no key");
    directory.plant("old-", "no key");
    directory.plant(".hidden", "hidden");
    directory.plant(".kes-1-0123456789abcdef", "being written");
    directory.plant("lost+found", "");
    std::fs::create_dir(directory.file("directory")).expect("a directory");
    symlink(outside.path(), directory.file("link")).expect("a link");
    symlink("key", directory.file("link-to-key")).expect("a link");
    symlink("nowhere", directory.file("dangling")).expect("a link");
    let _socket = UnixListener::bind(directory.file("socket")).expect("a socket");
    rustix::fs::mkfifoat(rustix::fs::CWD, directory.file("pipe"), 0o600.into()).expect("a pipe");
    let names = directory.names();

    for path in ["/v1/key/list/", "/v1/key/list/k*"] {
        assert_eq!(admin.get(path).await.line(), r#"200 {"names":["key"]}"#);
    }
    for name in
        ["README.md", "key.bak", "old-", "lost+found", "directory", "link", "link-to-key", "dangling", "socket", "pipe"]
    {
        let described = admin.get(&format!("/v1/key/describe/{name}")).await;
        assert_eq!(described.line(), r#"502 {"message":"failed to read key"¶}"#, "{name}");
        let deleted = admin.delete(&format!("/v1/key/delete/{name}")).await;
        assert_eq!(deleted.line(), r#"502 {"message":"failed to delete key"¶}"#, "{name}");
    }
    for name in ["directory", "link", "link-to-key", "dangling", "socket", "pipe"] {
        let created = admin.put(&format!("/v1/key/create/{name}"), "").await;
        assert_eq!(created.line(), r#"400 {"message":"key already exists"¶}"#, "{name}");
    }
    for name in [".hidden", ".kes-1-0123456789abcdef"] {
        assert_eq!(admin.get(&format!("/v1/key/describe/{name}")).await.status, 400, "{name}");
        assert_eq!(admin.delete(&format!("/v1/key/delete/{name}")).await.status, 400, "{name}");
    }
    assert_eq!(directory.names(), names);
    assert_eq!(std::fs::read(outside.path()).expect("a file"), std::fs::read(directory.file("key")).expect("a key"));
    assert_eq!(admin.get("/v1/key/describe/key").await.status, 200);
}

#[tokio::test]
async fn keys_under_names_of_older_releases_go_on_working() {
    let directory = Directory::new();
    let server = directory.server().await;
    let admin = server.admin();
    admin.create("model").await;
    let content = std::fs::read(directory.file("model")).expect("a key");
    for (name, path) in [("my.key", "my.key"), ("old-", "old-"), ("a b", "a%20b"), ("schlüssel", "schl%C3%BCssel")] {
        directory.plant(name, &content);
        assert_eq!(admin.get(&format!("/v1/key/describe/{path}")).await.status, 200, "{name}");
        assert_eq!(admin.put(&format!("/v1/key/generate/{path}"), "").await.status, 200, "{name}");
        assert_eq!(admin.put(&format!("/v1/key/create/{path}"), "").await.status, 400, "{name}");
        assert_eq!(admin.get("/v1/key/list/").await.line(), r#"200 {"names":["model"]}"#);
        assert_eq!(admin.delete(&format!("/v1/key/delete/{path}")).await.line(), "200", "{name}");
    }
    assert_eq!(directory.names(), ["model"]);
}

#[tokio::test]
async fn the_services_own_records_cannot_be_named_and_are_not_listed() {
    let directory = Directory::new();
    let server = directory.server().await;
    let admin = server.admin();
    admin.create("my-key").await;
    std::fs::copy(directory.file("my-key"), directory.file("my-key--v2-")).expect("copied");
    assert_eq!(admin.get("/v1/key/list/").await.line(), r#"200 {"names":["my-key"]}"#);
    assert_eq!(admin.get("/v1/key/describe/my-key--v2-").await.status, 400);
    assert_eq!(admin.put("/v1/key/create/my-key--v2-", "").await.status, 400);
    assert_eq!(admin.delete("/v1/key/delete/my-key--v2-").await.status, 400);
    assert_eq!(directory.names(), ["my-key", "my-key--v2-"]);
}
