//! The clients: what each kind does, and what it holds the answers against.

mod clumsy;
mod followers;
mod holder;
mod hot;
mod operator;
mod racer;
mod resetter;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use http::Method;
use tokio::task::JoinSet;

use crate::Failure;
use crate::caller::Caller;
use crate::site::HOLDERS;
use crate::world::World;

/// Clients that contend for the same names.
const RACERS: u64 = 4;

/// Clients that use one key all the time.
const HOT: u64 = 2;

/// Clients that follow logs.
const FOLLOWERS: u64 = 6;

/// Longest pause between two requests of one client. It keeps the load below what two processors can do.
const PAUSE: Duration = Duration::from_millis(20);

/// Starts all clients. They go on until the world ends.
pub fn start(world: &Arc<World>) -> Result<JoinSet<()>, Failure> {
    let mut tasks = JoinSet::new();
    let identities = &world.site.identities;
    let mut numbers = 0..;
    let mut caller = |key| Caller::new(world, numbers.next().unwrap_or_default(), key);
    for (index, key) in identities.holders.iter().enumerate() {
        tasks.spawn(holder::run(caller(key)?, index));
    }
    let race = Arc::new(racer::Race::default());
    for index in 0..RACERS {
        let key = &identities.holders[index as usize % HOLDERS];
        tasks.spawn(racer::run(caller(key)?, Arc::clone(&race)));
    }
    for index in 0..HOT {
        let key = &identities.holders[index as usize % HOLDERS];
        tasks.spawn(hot::run(caller(key)?));
    }
    tasks.spawn(operator::inspect(caller(&identities.admin)?));
    tasks.spawn(operator::inspect(caller(&identities.admin)?));
    tasks.spawn(operator::fickle(caller(&identities.fickle)?));
    tasks.spawn(operator::outsider(caller(&identities.outsider)?));
    tasks.spawn(clumsy::run(caller(&identities.admin)?));
    tasks.spawn(clumsy::run(caller(&identities.admin)?));
    tasks.spawn(resetter::run(Arc::clone(world)));
    for index in 0..FOLLOWERS {
        tasks.spawn(followers::run(Arc::clone(world), index));
    }
    Ok(tasks)
}

/// A pause of somebody who has something to do.
async fn breathe(caller: &mut Caller) {
    let pause = PAUSE.mul_f64(caller.rng.f64());
    caller.world.pause(pause).await;
}

/// Random bytes in base64.
fn bytes(rng: &mut Rng, count: usize) -> String {
    let mut bytes = vec![0; count];
    rng.fill(&mut bytes);
    STANDARD.encode(bytes)
}

/// What was sealed, and what opening it must give.
#[derive(Clone, Debug)]
struct Sealed {
    plaintext: String,
    ciphertext: String,
    context: String,
}

impl Sealed {
    /// The body of a request that opens it.
    fn request(&self) -> String {
        format!(r#"{{"ciphertext":"{}","context":"{}"}}"#, self.ciphertext, self.context)
    }

    /// A data key of the key `name`, unless the answer has another of the `expected` statuses.
    async fn generate(caller: &mut Caller, name: &str, expected: &[u16]) -> Option<Self> {
        let context = bytes(&mut caller.rng, 16);
        let body = format!(r#"{{"context":"{context}"}}"#);
        let answer = caller.call(Method::PUT, "/v1/key/generate/", name, body, expected).await?;
        if answer.status != 200 {
            return None;
        }
        let sealed = Self { plaintext: answer.text("plaintext"), ciphertext: answer.text("ciphertext"), context };
        if sealed.plaintext.len() != 44 || sealed.ciphertext.is_empty() {
            caller.surprise(format_args!("generate with `{name}` answered without a data key"));
            return None;
        }
        Some(sealed)
    }

    /// Opens it. A wrong plaintext is a surprise.
    async fn open(&self, caller: &mut Caller, name: &str, expected: &[u16]) -> Option<u16> {
        let answer = caller.call(Method::PUT, "/v1/key/decrypt/", name, self.request(), expected).await?;
        if answer.status == 200 && answer.text("plaintext") != self.plaintext {
            caller.surprise(format_args!("decrypt with `{name}` answered a wrong plaintext"));
        }
        Some(answer.status)
    }
}
