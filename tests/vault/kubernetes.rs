//! Logins of a pod, whose token Kubernetes replaces.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::engine::{Cache, Engine};
use crate::program::Program;
use crate::traffic::generate;

/// A projected volume, as a kubelet makes it: the file is a link to `..data/token`, and `..data` a link that is replaced.
struct Volume(TempDir);

impl Volume {
    fn new() -> Self {
        let volume = Self(tempfile::tempdir().expect("a directory"));
        symlink("..data/token", volume.token()).expect("a link");
        volume
    }

    fn token(&self) -> PathBuf {
        self.0.path().join("token")
    }

    fn put(&self, token: &str) {
        let data = tempfile::Builder::new().prefix("..").tempdir_in(&self.0).expect("a directory").keep();
        fs::write(data.join("token"), token).expect("written");
        let next = self.0.path().join("..data_tmp");
        symlink(data.file_name().expect("a name"), &next).expect("a link");
        fs::rename(next, self.0.path().join("..data")).expect("renamed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_that_the_token_of_the_pod_was_replaced() {
    let Some(engine) = Engine::shared(2).await else { return };
    let (name, cluster, volume) = (&engine.name, Cluster::start().await, Volume::new());
    engine.write(&format!("sys/auth/{name}"), json!({"type": "kubernetes"})).await;
    engine.write(&format!("auth/{name}/config"), cluster.config()).await;
    engine.write(&format!("auth/{name}/role/kes"), Cluster::role(name)).await;
    let (first, second) = (cluster.token(), cluster.token());
    let login = format!("kubernetes: {{engine: {name}, role: kes, jwt: {}}}", volume.token().display());
    volume.put(&first);
    cluster.accept(&first);
    // Every request asks for the key with what the login got.
    let server = engine.server(&login, Cache::None);
    server.admin().create("my-key").await;
    assert_eq!(cluster.reviews(), 1, "one login");
    server
        .unnoticed(async {
            volume.put(&second);
            cluster.accept(&second);
            engine.revoke_all().await;
            for _ in 0..20 {
                generate(&server.admin(), "my-key").await;
            }
        })
        .await;
    assert_eq!(cluster.reviews(), 2, "one login for everybody");

    volume.put(&first);
    let end = Program::run(engine.site(&engine.admin.server.url, &login, Cache::None).arguments());
    assert_eq!(end.status.code(), Some(78), "a token that is no longer good: {}", end.stderr);
    assert!(end.stderr.contains("cannot log in to vault: "), "{}", end.stderr);
    assert!(first.split('.').all(|part| !end.stderr.contains(part)), "the token is in the log: {}", end.stderr);
}
