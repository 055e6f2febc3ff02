//! HashiCorp Vault and OpenBao: one entry of a K/V engine per key (specification: `keystores.md` §4).
//!
//! ```text
//! store ──> kv ──> kv1 or kv2, entry ──> api ──> session ──> login      the token: got, renewed, replaced
//!   └─> transit ─────────────────────────┘ └───> transport ──> tls      one call
//! ```
//!
//! The calls are our own over an HTTP client: what becomes of a key hangs on details of answers (which 404 it is,
//! warnings, `Retry-After`, redirects) and tokens have to be wiped.

mod address;
mod answer;
mod api;
mod cause;
mod credential;
mod dangers;
mod entry;
mod health;
mod kv;
mod kv1;
mod kv2;
mod login;
mod mount;
mod pages;
mod said;
mod seal;
mod session;
#[cfg(test)]
mod tests;
mod tls;
mod token;
mod transit;
mod transport;

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kes_config::keystore::{KvVersion, StoreCalls, Vault as Settings};
use kes_core::{KeyName, SecretBytes};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use self::address::Folder;
use self::api::Api;
use self::kv::Kv;
use self::login::Login;
use self::session::Session;
use self::transit::Transit;
use self::transport::Transport;
use crate::{ConnectError, Created, Deleted, KeyStore, MAX_VALUE_BYTES, Page, StoreError};

/// Keys in a K/V engine of Vault or OpenBao.
///
/// With version 2 of the engine a create is atomic. With version 1 it is not: of several at once at most one reports
/// success unless a server is held up for long between looking and writing.
///
/// While it is open it keeps its token valid and looks at the seal and the TLS files every `status.ping`.
pub struct VaultStore {
    endpoint: String,
    api: Arc<Api>,
    kv: Kv,
    transit: Option<Transit>,
    /// What goes on in the background; ended by being dropped.
    tasks: Mutex<JoinSet<()>>,
}

impl VaultStore {
    /// What can be said of the settings without connecting: whether the TLS files can be used.
    ///
    /// # Errors
    /// [`ConnectError::Refused`].
    pub fn check(settings: &Settings) -> Result<(), ConnectError> {
        Transport::new(settings, Duration::MAX).map(drop)
    }

    /// Logs in and looks whether the engine is what the settings say. Of `calls` it is the deadline that counts here: a
    /// call that outlives it by half ends, and with it the place that it takes.
    ///
    /// # Errors
    /// [`ConnectError::Unavailable`] if Vault cannot be reached, or is sealed or not set up;
    /// [`ConnectError::Refused`] if it refuses the login, the TLS files cannot be used, or the engine is another one.
    pub async fn connect(settings: &Settings, calls: &StoreCalls) -> Result<Self, ConnectError> {
        // Those who wait for it give up at the deadline; what it changes is better known late than not at all.
        let limit = calls.deadline.saturating_add(calls.deadline / 2);
        let transport = Arc::new(Transport::new(settings, limit)?);
        health::check(&transport).await?;
        let login = Login::new(Arc::clone(&transport), settings.namespace.clone(), &settings.login);
        let session = Session::begin(Box::new(login), settings.login_timeout).await?;
        let namespace = settings.namespace.clone();
        let api = Arc::new(Api { transport, session, namespace, forward: settings.forward_active });
        let folder = Folder {
            engine: settings.engine.clone(),
            prefix: settings.prefix.clone().unwrap_or_default(),
            version: settings.version,
        };
        if let Err(error) = mount::check(&api, &folder).await {
            api.session.end().await;
            return Err(error.into());
        }
        if settings.version == KvVersion::V1 {
            tracing::warn!(
                "K/V version 1 cannot create keys atomically: two servers that create one at once may lose it; hint: \
                 use version 2, or a policy with `create` and without `update`"
            );
        }
        let transit = settings.transit.clone().map(Transit);
        for danger in dangers::found(&api, &folder, transit.as_ref()).await {
            tracing::warn!("{danger}");
        }
        let kv = Kv { folder, exact_delete: settings.exact_delete, sends_all: AtomicBool::new(false) };
        let mut tasks = JoinSet::new();
        tasks.spawn(keep_session(Arc::clone(&api)));
        tasks.spawn(keep_watch(Arc::clone(&api), settings.ping));
        Ok(Self { endpoint: settings.endpoint.clone(), api, kv, transit, tasks: Mutex::new(tasks) })
    }
}

async fn keep_session(api: Arc<Api>) {
    api.session.keep().await;
}

/// Looks at the seal and the TLS files every `interval`; an answer that does not come changes nothing.
async fn keep_watch(api: Arc<Api>, interval: Duration) {
    loop {
        sleep(interval).await;
        let transport = Arc::clone(&api.transport);
        if let Err(panic) = tokio::task::spawn_blocking(move || transport.refresh()).await {
            tracing::error!("the TLS files for vault cannot be read again: {panic}");
        }
        if let Err(error) = health::check(&api.transport).await {
            tracing::debug!("vault does not work: {error}");
        }
    }
}

impl fmt::Debug for VaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultStore({} {:?})", self.endpoint, self.kv.folder)
    }
}

#[async_trait]
impl KeyStore for VaultStore {
    fn label(&self) -> String {
        format!("Hashicorp Vault: {}", self.endpoint)
    }

    fn can_address(&self, name: &KeyName) -> bool {
        address::can_address(name)
    }

    async fn create(&self, name: &KeyName, value: &SecretBytes) -> Result<Created, StoreError> {
        check_name(name)?;
        crate::check_value(name, value)?;
        if let Some(transit) = &self.transit {
            let text = transit.wrap(&self.api, value).await?;
            return self.kv.create(&self.api, name, text.expose()).await;
        }
        let text = std::str::from_utf8(value.expose())
            .map_err(|_| StoreError::Denied(format!("the value of `{name}` is no text, which is what vault stores")))?;
        self.kv.create(&self.api, name, text).await
    }

    async fn get(&self, name: &KeyName) -> Result<Option<SecretBytes>, StoreError> {
        check_name(name)?;
        let Some(text) = self.kv.read(&self.api, name).await? else { return Ok(None) };
        let value = match (&self.transit, transit::is_wrapped(text.expose())) {
            (_, false) => SecretBytes::from(text.expose().as_bytes()),
            (Some(transit), true) => transit.unwrap(&self.api, name, text.expose()).await?,
            (None, true) => {
                let reason =
                    format!("the entry of `{name}` is encrypted by transit; hint: set `keystore.vault.transit`");
                return Err(StoreError::Corrupt(reason));
            }
        };
        match value.len() {
            1..=MAX_VALUE_BYTES => Ok(Some(value)),
            length => Err(StoreError::Corrupt(format!("the entry of `{name}` has {length} bytes"))),
        }
    }

    async fn delete(&self, name: &KeyName) -> Result<Deleted, StoreError> {
        check_name(name)?;
        self.kv.delete(&self.api, name).await
    }

    async fn list(&self, prefix: &str, start_at: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.kv.list(&self.api, prefix, start_at, limit).await
    }

    async fn unlisted(&self) -> Result<Vec<String>, StoreError> {
        self.kv.unlisted(&self.api).await
    }

    async fn status(&self) -> Result<Duration, StoreError> {
        let begin = Instant::now();
        health::check(&self.api.transport).await?;
        self.api.session.check()?;
        Ok(begin.elapsed())
    }

    /// Ends the background tasks and revokes the token, if Vault is quick.
    async fn close(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
        self.api.session.end().await;
    }
}

fn check_name(name: &KeyName) -> Result<(), StoreError> {
    if address::can_address(name) {
        return Ok(());
    }
    Err(StoreError::Denied(format!("`{name}` has a character that no name in vault can have")))
}
