//! Metrics as Prometheus reads them.

use std::time::Duration;

use tokio::time::timeout;

use super::{Client, TestServer};

/// How long a metric may take before a test fails. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

/// The text that a server shows.
pub struct Exposition(pub String);

impl Exposition {
    /// Those that every client knows.
    pub async fn classic(server: &TestServer) -> Self {
        Self::of(&server.admin(), "/v1/metrics").await
    }

    /// Those and ours.
    pub async fn extended(server: &TestServer) -> Self {
        Self::extended_of(&server.admin()).await
    }

    /// Those and ours, as this client gets them.
    pub async fn extended_of(client: &Client) -> Self {
        Self::of(client, "/v1/metrics?format=extended").await
    }

    /// All of them, as soon as they are as `wanted`. What it waits for has no other sign.
    pub async fn until(server: &TestServer, wanted: impl Fn(&Self) -> bool) -> Self {
        let seen = async {
            loop {
                let metrics = Self::extended(server).await;
                if wanted(&metrics) {
                    return metrics;
                }
            }
        };
        timeout(PATIENCE, seen).await.expect("they never are")
    }

    /// What a client is shown at `path`.
    pub async fn of(client: &Client, path: &str) -> Self {
        let answer = client.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(super::METRICS_TYPE)));
        Self(answer.body)
    }

    /// Name, type and help of every family, in the order of the text.
    pub fn families(&self) -> Vec<(&str, &str, &str)> {
        let lines: Vec<&str> = self.0.lines().collect();
        let heads = lines.windows(2).filter_map(|pair| {
            let (name, help) = pair[0].strip_prefix("# HELP ")?.split_once(' ')?;
            let (same, kind) = pair[1].strip_prefix("# TYPE ")?.split_once(' ')?;
            assert_eq!(name, same);
            Some((name, kind, help))
        });
        heads.collect()
    }

    /// The samples of a family, without its name.
    pub fn samples(&self, family: &str) -> Vec<&str> {
        let lines = self.0.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.strip_prefix(family).filter(|rest| rest.starts_with([' ', '{']))).collect()
    }

    /// The value of a sample, such as `kes_cache_hits_total` or `kes_store_state{state="up"}`; 0 if there is none.
    pub fn value(&self, sample: &str) -> f64 {
        let line = self.0.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }
}
