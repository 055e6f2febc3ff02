//! `kes server --dev`: a server for trying things out, which forgets everything when it stops.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use kes_client::certificate;
use kes_config::keystore::StoreCalls;
use kes_config::{Cache, Limits, Log};
use kes_core::caller::Admin;
use kes_core::{Access, ApiKey};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::banner::Banner;
use super::harden::MemoryLocking;
use super::reload::Fixed;
use super::settings::{cache, limits};
use super::store::StorePlan;
use super::{Failure, Plan, interfaces};
use crate::server::{Logs, Metrics, RouteSettings, Settings, TlsState};

/// The plan of a development server: keys in memory, a fresh API key for the administrator, a certificate of its own.
pub(super) fn plan(address: Option<&str>) -> Result<Plan, Failure> {
    let address = kes_config::parse_address(address.unwrap_or("0.0.0.0:7373")).map_err(super::bad_address)?;
    let api_key = ApiKey::generate().map_err(Failure::other)?;
    let mut names = interfaces::addresses(address.ip());
    names.push(IpAddr::from([127, 0, 0, 1]));
    names.sort_unstable();
    names.dedup();
    let (chain, key) = certificate::of_development_server(&names, SystemTime::now()).map_err(Failure::other)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.expose().to_vec()));
    let log = Log::default();
    let connection_limits = Limits::default();
    let access = Access::new(Admin::new(api_key.identity().as_str()), Vec::new()).map_err(Failure::other)?;
    let metrics = Metrics::default();
    Ok(Plan {
        fixed: Fixed {
            address,
            health: None,
            proxy_protocol: None,
            limits: connection_limits.clone(),
            grace: Duration::from_secs(5),
        },
        settings: Settings {
            access,
            tls: TlsState::self_signed(vec![chain], key).map_err(Failure::other)?,
            proxies: None,
            routes: RouteSettings::new([]),
            cache: cache(&Cache::default(), &StoreCalls::default()),
            keys: Vec::new(),
            listener: limits(&connection_limits),
            proxy_protocol: None,
            requests: connection_limits.requests,
            grace: Duration::from_secs(5),
            legacy_error_texts: false,
            logs: Logs::new(&metrics),
            metrics,
            extended_metrics: true,
        },
        store: StorePlan::Memory,
        banner: Banner {
            admin: api_key.identity().to_string(),
            api_key: Some(api_key.to_text()),
            log: log.clone(),
            memory_lock: MemoryLocking::Keys,
        },
        log,
    })
}
