//! What the server's process uses over time, and whether any of it grows.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Failure;
use crate::world::World;

/// Most samples of a run; a longer one is looked at less often.
const MOST: u32 = 3600;

/// The share of a run that warms up, and the longest of it.
const WARM_UP: (u32, Duration) = (5, Duration::from_secs(60));

/// What may be more in the last third of a run than in the second: memory moves with what requests there are at a moment.
const LEEWAY_BYTES: u64 = 8 << 20;
const LEEWAY_SHARE: u64 = 20;

/// Threads that the server may have: 64 calls to the store at once, each on its own, and few others. Idle ones do not go as
/// long as there is a little to do, for the runtime lets them take turns.
const MOST_THREADS: u64 = 96;

/// What is looked at: a name, the metric if it is one, and how it is held against itself.
pub const MEASURES: [(&str, Option<&str>, Rule); 8] = [
    ("memory, MiB", None, Rule::Level),
    ("locked, KiB", Some("kes_memory_locked_bytes"), Rule::Level),
    ("threads", None, Rule::AtMost(MOST_THREADS)),
    ("descriptors", Some("kes_open_descriptors"), Rule::Returns),
    ("tasks", Some("kes_tasks"), Rule::Returns),
    ("connections", Some("kes_connections_open"), Rule::Returns),
    ("in flight", Some("kes_requests_in_flight"), Rule::Returns),
    ("cached keys", Some("kes_cache_keys"), Rule::Any),
];

/// When something has grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The median of the last third is above that of the second, by more than 8 MiB and by more than a twentieth.
    Level,
    /// It does not come back to what it was before the first client, within half a minute of the last.
    Returns,
    /// The median of any third is more than this.
    AtMost(u64),
    /// Never.
    Any,
}

/// One look at the process, in the order of [`MEASURES`].
pub type Sample = [u64; MEASURES.len()];

/// All looks.
#[derive(Default)]
pub struct Samples {
    /// Before the first client and after the last.
    pub idle: [Option<Sample>; 2],
    loaded: Vec<Sample>,
}

/// How long a run warms up.
pub fn warm_up(duration: Duration) -> Duration {
    (duration / WARM_UP.0).min(WARM_UP.1)
}

/// Time between two samples.
pub fn interval(duration: Duration) -> Duration {
    (duration / MOST).max(Duration::from_secs(1))
}

impl Samples {
    /// A look under load, after the warm-up.
    pub fn add(&mut self, sample: Sample) {
        self.loaded.push(sample);
    }

    /// The medians of each third of the run.
    pub fn thirds(&self) -> Option<[Sample; 3]> {
        let third = self.loaded.len() / 3;
        let median = |part: usize| {
            let part = &self.loaded[part * third..(part + 1) * third];
            std::array::from_fn(|index| {
                let mut values: Vec<u64> = part.iter().map(|sample| sample[index]).collect();
                values.sort_unstable();
                values[values.len() / 2]
            })
        };
        (third > 0).then(|| [median(0), median(1), median(2)])
    }

    /// What has grown, in words.
    pub fn grown(&self) -> Vec<String> {
        let mut grown = Vec::new();
        for (index, (name, _, rule)) in MEASURES.iter().enumerate() {
            match (rule, self.thirds(), self.idle) {
                (Rule::Level, Some([_, second, last]), _) => {
                    let (second, last) = (second[index], last[index]);
                    if last > second + LEEWAY_BYTES.max(second / LEEWAY_SHARE) {
                        grown.push(format!("{name}: {last} bytes in the last third, {second} in the second"));
                    }
                }
                (Rule::AtMost(most), Some(thirds), _) => {
                    if let Some(third) = thirds.iter().find(|third| third[index] > *most) {
                        grown.push(format!("{name}: {}, and there should be {most} at most", third[index]));
                    }
                }
                (Rule::Returns, _, [Some(before), Some(after)]) if !has_returned(index, &before, &after) => {
                    grown.push(format!("{name}: {} when all have left, {} before", after[index], before[index]));
                }
                _ => {}
            }
        }
        grown
    }
}

fn has_returned(index: usize, before: &Sample, after: &Sample) -> bool {
    after[index] <= before[index]
}

/// Whether everything that has to be as before is.
pub fn have_returned(before: &Sample, after: &Sample) -> bool {
    (0..MEASURES.len()).all(|index| MEASURES[index].2 != Rule::Returns || has_returned(index, before, after))
}

/// The server's metrics, by their first words.
pub struct Exposition(HashMap<String, f64>);

impl Exposition {
    /// What the server says of itself, asked without TLS.
    pub async fn read(world: &World) -> Result<Self, Failure> {
        const LIMIT: Duration = Duration::from_secs(10);
        let asking = async {
            let mut stream = TcpStream::connect(world.server.health).await?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
            let mut text = String::new();
            stream.read_to_string(&mut text).await?;
            Ok::<_, Failure>(text)
        };
        let text = tokio::time::timeout(LIMIT, asking).await.map_err(|_| "no metrics in time")??;
        let value = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let values: HashMap<_, _> = text.lines().filter(|line| !line.starts_with('#')).filter_map(value).collect();
        if values.is_empty() { Err("no metrics".into()) } else { Ok(Self(values)) }
    }

    /// The sum of a family.
    pub fn sum(&self, family: &str) -> f64 {
        let is_member =
            |name: &str| name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'));
        self.0.iter().filter(|(name, _)| is_member(name)).map(|(_, value)| value).sum()
    }

    /// All samples of a family.
    pub fn family<'a>(&'a self, family: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.iter().filter(move |(name, _)| name.starts_with(family)).map(|(name, value)| (name.as_str(), *value))
    }
}

/// Looks at the process once.
pub async fn look(world: &World) -> Result<Sample, Failure> {
    let metrics = Exposition::read(world).await?;
    let status = fs::read_to_string(format!("/proc/{}/status", world.server.id()))?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).ok_or("no number")
    };
    let (resident, threads) = (number("VmRSS:")? * 1024, number("Threads:")?);
    let mut sample = Sample::default();
    for (value, (name, metric, _)) in sample.iter_mut().zip(MEASURES) {
        *value = match metric {
            Some(metric) => metrics.sum(metric) as u64,
            None if name == "threads" => threads,
            None => resident,
        };
    }
    Ok(sample)
}

/// Waits until everything is as it was `before`, but no longer than `limit`, and returns the last look.
pub async fn until_returned(world: &World, before: &Sample, limit: Duration) -> Result<Sample, Failure> {
    let deadline = Instant::now() + limit;
    loop {
        let sample = look(world).await?;
        if have_returned(before, &sample) || Instant::now() >= deadline {
            return Ok(sample);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
