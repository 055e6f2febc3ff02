//! A whole server over a store that fails on demand, behind the real guard. It reads on stdin what the store is to do.

use std::fmt;
use std::io::{BufRead, Write};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kes::keys::CacheSettings;
use kes::server::{
    ConnectionLimits, ListenerLimits, Logs, Metrics, RouteSettings, Server, Settings, TlsState, provider,
};
use kes_client::certificate;
use kes_config::keystore::StoreCalls;
use kes_config::{Cache, Limits};
use kes_core::caller::{Access, Admin};
use kes_core::key::stored;
use kes_core::{Algorithm, Key, Timestamp};
use kes_keystores::fault::{Fault, FaultyStore};
use kes_keystores::{Created, Guard, KeyStore};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::Failure;

/// What the store does with every call from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// What it should.
    Heal,
    /// Nothing, and no answer.
    Hang,
    /// Nothing, and says so at once.
    Refuse,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Heal => "heal",
            Self::Hang => "hang",
            Self::Refuse => "refuse",
        })
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Heal, Self::Hang, Self::Refuse]
            .into_iter()
            .find(|state| state.to_string() == text)
            .ok_or_else(|| format!("`{text}` is not `heal`, `hang` or `refuse`"))
    }
}

/// What the server is made with.
pub struct Plan {
    /// The administrator's identity.
    pub admin: String,
    pub any: Duration,
    pub offline: Duration,
    /// Keys `key-0`, `key-1` and so on in the store.
    pub keys: usize,
}

/// Serves until it is killed, says where on stdout, and obeys what comes on stdin.
pub fn serve(plan: &Plan) -> Result<(), Failure> {
    // What the program does first.
    let _ = provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let store = FaultyStore::healthy();
    let server = runtime.block_on(start(plan, &store))?;
    println!("https://{}\n=> serves", server.address());
    std::io::stdout().flush()?;
    runtime.spawn(server.run(std::future::pending(), std::future::pending()));
    for line in std::io::stdin().lock().lines() {
        match line?.parse()? {
            State::Heal => {
                store.heal();
                store.release();
            }
            State::Hang => store.always_everywhere(&Fault::Hang),
            State::Refuse => store.always_everywhere(&Fault::Unavailable),
        }
    }
    Ok(())
}

async fn start(plan: &Plan, store: &Arc<FaultyStore>) -> Result<Server, Failure> {
    for number in 0..plan.keys {
        let key = Key::generate(Algorithm::for_this_cpu(), Timestamp::ZERO, "bench")?;
        let value = stored::encode(&key).ok_or("a key without an HMAC key")?;
        let Created::New = store.create(&format!("key-{number}").parse()?, &value).await? else {
            return Err("a key was there before".into());
        };
    }
    let guard = Arc::new(Guard::new(store.clone(), StoreCalls::default()));
    Ok(Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), settings(plan)?, guard).await?)
}

/// The defaults of the configuration, as far as the plan says nothing else.
fn settings(plan: &Plan) -> Result<Settings, Failure> {
    let (chain, key) = certificate::of_development_server(&[IpAddr::from([127, 0, 0, 1])], SystemTime::now())?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.expose().to_vec()));
    let (cache, limits, metrics) = (Cache::default(), Limits::default(), Metrics::default());
    Ok(Settings {
        access: Access::new(Admin::new(plan.admin.as_str()), Vec::new())?,
        tls: TlsState::self_signed(vec![chain], key)?,
        routes: RouteSettings::new([]),
        proxies: None,
        proxy_protocol: None,
        cache: CacheSettings {
            any: plan.any,
            unused: cache.unused,
            offline: plan.offline,
            call_limit: StoreCalls::default().deadline,
            refresh_ahead: plan.any * u32::from(cache.refresh_ahead_percent) / 100,
            max_keys: cache.max_keys,
        },
        keys: Vec::new(),
        listener: ListenerLimits {
            connections: limits.connections,
            streams: limits.streams,
            connection: ConnectionLimits {
                handshake: limits.handshake_timeout,
                header: limits.header_timeout,
                idle: limits.idle_timeout,
            },
        },
        requests: limits.requests,
        grace: Duration::from_secs(1),
        legacy_error_texts: false,
        logs: Logs::new(&metrics),
        metrics,
        extended_metrics: true,
    })
}
