//! What can be done with keys, for a [`Caller`]: the cache over the store over the cryptography.
//!
//! Knows nothing of HTTP. Names arrive checked; what the answers look like is decided elsewhere.

mod cache;
mod counters;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;

use kes_core::clock::Clock;
use kes_core::key::{Algorithm, NotAuthentic, stored};
use kes_core::{Caller, Key, KeyName, ListPattern, Secret, SecretBytes};
use kes_keystores::{Created, Deleted, KeyStore, StoreError};

pub use cache::{Cache, CacheSettings};
pub use counters::CacheCounters;

/// Most bytes of names in one answer of [`Keys::list`], each counted with its quotes and comma: the official client
/// stops reading an answer at 1 MiB.
const LIST_ANSWER_BYTES: usize = 1_000_000;

/// How many names are asked of the store at once.
const LIST_PAGE: usize = 16_384;

/// Why an operation on a key did not happen.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeyError {
    /// There is a key of that name already.
    #[error("key already exists")]
    NameTaken,
    /// There is no key of that name.
    #[error("key does not exist")]
    Absent,
    /// The store cannot address such a name, so there cannot be such a key.
    #[error("the key store cannot hold a key of this name")]
    Unaddressable,
    /// The key has no HMAC key, because a release before 2024 made it.
    #[error("key does not support HMAC")]
    NoHmac,
    /// The ciphertext was not made with this key and context, or is damaged.
    #[error(transparent)]
    NotAuthentic(#[from] NotAuthentic),
    /// The store failed, or holds something that is no key. The text is for the log.
    #[error("{0}")]
    Store(Arc<StoreError>),
    /// The random source or the cryptography failed. The text is for the log.
    #[error("{0}")]
    Crypto(String),
}

impl From<StoreError> for KeyError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// Some names of keys, sorted bytewise.
#[derive(Debug, PartialEq, Eq)]
pub struct Listing {
    /// The names.
    pub names: Vec<KeyName>,
    /// The first name that did not fit, if there are more.
    pub next: Option<KeyName>,
}

/// A fresh data key: the plain bytes, and the same sealed.
#[derive(Debug)]
pub struct DataKey {
    /// 32 random bytes.
    pub plaintext: Secret<32>,
    /// The same, sealed: 76 bytes.
    pub ciphertext: Vec<u8>,
}

/// All keys of one key store.
#[derive(Debug)]
pub struct Keys {
    store: Arc<dyn KeyStore>,
    cache: Cache,
    counters: Arc<CacheCounters>,
    clock: Arc<dyn Clock>,
    algorithm: Algorithm,
}

impl Keys {
    /// Keys of `store`, cached as `settings` say. Has to be called on a tokio runtime, where fetches run.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, settings: CacheSettings, clock: Arc<dyn Clock>) -> Self {
        let cache = Cache::new(Arc::clone(&store), settings);
        Self { store, cache, counters: Arc::default(), clock, algorithm: Algorithm::for_this_cpu() }
    }

    /// The same keys, whose use is counted with that of earlier ones.
    #[must_use]
    pub fn counting(self, counters: Arc<CacheCounters>) -> Self {
        Self { counters, ..self }
    }

    /// The store behind the keys.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn KeyStore> {
        &self.store
    }

    /// The cache, for the tasks that keep it.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Makes a key of random bytes. It is durable when this returns, and not cached.
    ///
    /// # Errors
    /// [`KeyError::NameTaken`]; store and random failures.
    pub async fn create(&self, caller: &Caller, name: &KeyName) -> Result<(), KeyError> {
        let key = Key::generate(self.algorithm, self.clock.now(), caller.as_str()).map_err(crypto)?;
        self.store_new(name, &key).await
    }

    /// Makes a key of the given bytes, with a fresh HMAC key.
    ///
    /// # Errors
    /// As [`Keys::create`].
    pub async fn import(
        &self,
        caller: &Caller,
        name: &KeyName,
        bytes: &Secret<32>,
        algorithm: Algorithm,
    ) -> Result<(), KeyError> {
        let key = Key::import(bytes.expose(), algorithm, self.clock.now(), caller.as_str()).map_err(crypto)?;
        self.store_new(name, &key).await
    }

    async fn store_new(&self, name: &KeyName, key: &Key) -> Result<(), KeyError> {
        if !self.store.can_address(name) {
            return Err(KeyError::Unaddressable);
        }
        let value = stored::encode(key).expect("keys that are made here have an HMAC key");
        let created = self
            .to_its_end(name, |store, cache, name| async move {
                let created = store.create(&name, &value).await;
                match created {
                    // A cached key of this name was deleted by somebody else since, and would seal what nobody can open.
                    Ok(Created::New) => cache.evict(&name),
                    // Whoever asks from now on must not be answered by a fetch that found nothing before.
                    Ok(Created::NameTaken) => cache.detach_flight(&name),
                    // Nor, where nobody knows whether the key was made, by what was cached before.
                    Err(_) => cache.make_due(&name),
                }
                created
            })
            .await?;
        match created {
            Created::New => Ok(()),
            Created::NameTaken => Err(KeyError::NameTaken),
        }
    }

    /// Makes a change in a task of its own: the store ends what it began, and when the caller has gone by then, the
    /// cache must hear of it all the same.
    async fn to_its_end<T: Send + 'static, F: Future<Output = Result<T, StoreError>> + Send + 'static>(
        &self,
        name: &KeyName,
        change: impl FnOnce(Arc<dyn KeyStore>, Cache, KeyName) -> F,
    ) -> Result<T, KeyError> {
        let changing = tokio::spawn(change(Arc::clone(&self.store), self.cache.clone(), name.clone()));
        let ended = changing.await.map_err(|_| StoreError::Unavailable("a change ended without an answer".to_owned()));
        Ok(ended??)
    }

    /// Makes sure that keys of these names exist and can be used. None is made unless all others exist or can be made, as
    /// far as the store tells beforehand.
    ///
    /// # Errors
    /// The name, and why: store and random failures, an entry that is no key included.
    pub async fn ensure(&self, caller: &Caller, names: &[KeyName]) -> Result<(), (KeyName, KeyError)> {
        let mut missing = Vec::new();
        for name in names {
            // What is cached may have been deleted elsewhere.
            self.cache.make_due(name);
            match self.get(caller, name).await {
                Ok(_) => {}
                Err(KeyError::Absent) => missing.push(name),
                Err(error) => return Err((name.clone(), error)),
            }
        }
        for name in missing {
            let made = match self.create(caller, name).await {
                // Another server was faster.
                Err(KeyError::NameTaken) => self.get(caller, name).await.map(drop),
                made => made,
            };
            made.map_err(|error| (name.clone(), error))?;
        }
        Ok(())
    }

    /// The key of this name, from the cache or the store.
    ///
    /// # Errors
    /// [`KeyError::Absent`]; store failures, an entry that is no key included.
    pub async fn get(&self, _caller: &Caller, name: &KeyName) -> Result<Arc<Key>, KeyError> {
        if let Some(key) = self.cache.cached(name) {
            self.counters.hit();
            return Ok(key);
        }
        if !self.store.can_address(name) {
            return Err(KeyError::Unaddressable);
        }
        self.counters.miss();
        // Every request has room for what it may come to, and few come to this, which is more than all the rest.
        Box::pin(self.cache.fetch(name)).await?.ok_or(KeyError::Absent)
    }

    /// Removes a key for good, from the store and the cache. Once begun it goes on to its end, also if the caller goes.
    ///
    /// # Errors
    /// [`KeyError::Absent`]; store failures.
    pub async fn delete(&self, _caller: &Caller, name: &KeyName) -> Result<(), KeyError> {
        if !self.store.can_address(name) {
            return Err(KeyError::Unaddressable);
        }
        let deleted = self
            .to_its_end(name, |store, cache, name| async move {
                let deleted = store.delete(&name).await;
                if deleted.is_ok() {
                    cache.evict(&name);
                }
                deleted
            })
            .await?;
        match deleted {
            Deleted::Gone => Ok(()),
            Deleted::Absent => Err(KeyError::Absent),
        }
    }

    /// The names that match, as many as fit into one answer of less than 1 MiB. The service's own records and names
    /// that no new key could have are left out.
    ///
    /// # Errors
    /// Store failures.
    pub async fn list(&self, _caller: &Caller, pattern: &ListPattern) -> Result<Listing, KeyError> {
        let mut names = Vec::new();
        let mut bytes = 0;
        let mut start_at = pattern.start_at().map(str::to_owned);
        loop {
            let page = self.store.list(pattern.prefix(), start_at.as_deref(), LIST_PAGE).await?;
            for name in page.names.into_iter().filter(KeyName::is_strict) {
                bytes += name.as_str().len() + 3;
                if bytes > LIST_ANSWER_BYTES {
                    return Ok(Listing { names, next: Some(name) });
                }
                names.push(name);
            }
            match page.next {
                Some(next) => start_at = Some(next.as_str().to_owned()),
                None => return Ok(Listing { names, next: None }),
            }
        }
    }

    /// Seals a message under a key.
    ///
    /// # Errors
    /// As [`Keys::get`]; random failures.
    pub async fn seal(
        &self,
        caller: &Caller,
        name: &KeyName,
        plaintext: &SecretBytes,
        context: &SecretBytes,
    ) -> Result<Vec<u8>, KeyError> {
        self.get(caller, name).await?.seal(plaintext.expose(), context.expose()).map_err(crypto)
    }

    /// Makes a data key and seals it.
    ///
    /// # Errors
    /// As [`Keys::get`]; random failures.
    pub async fn data_key(&self, caller: &Caller, name: &KeyName, context: &SecretBytes) -> Result<DataKey, KeyError> {
        let (plaintext, ciphertext) = self.get(caller, name).await?.data_key(context.expose()).map_err(crypto)?;
        Ok(DataKey { plaintext, ciphertext })
    }

    /// Opens a ciphertext of any generation.
    ///
    /// # Errors
    /// As [`Keys::get`]; [`KeyError::NotAuthentic`].
    pub async fn open(
        &self,
        caller: &Caller,
        name: &KeyName,
        ciphertext: SecretBytes,
        context: &SecretBytes,
    ) -> Result<SecretBytes, KeyError> {
        Ok(self.get(caller, name).await?.open(ciphertext, context.expose())?)
    }

    /// HMAC-SHA-256 of a message under a key's HMAC key.
    ///
    /// # Errors
    /// As [`Keys::get`]; [`KeyError::NoHmac`].
    pub async fn hmac(&self, caller: &Caller, name: &KeyName, message: &SecretBytes) -> Result<[u8; 32], KeyError> {
        self.get(caller, name).await?.hmac(message.expose()).ok_or(KeyError::NoHmac)
    }
}

fn crypto(error: impl std::error::Error) -> KeyError {
    KeyError::Crypto(error.to_string())
}
