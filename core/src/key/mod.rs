//! Keys: what seals and opens, and what is stored of it.
//!
//! A [`Key`] holds a secret key in locked memory and the facts about it. Sealing writes the current layout; opening
//! takes what any release since 2020 wrote. The byte formats are drawn where they are implemented: ciphertexts in
//! `ciphertext.rs`, stored keys in [`stored`].

mod algorithm;
mod ciphertext;
mod derive;
pub mod encoding;
mod json;
mod stack;
pub mod stored;
#[cfg(test)]
mod tests;

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use aws_lc_rs::rand;

pub use algorithm::{Algorithm, UnknownAlgorithm};
use ciphertext::Ciphertext;
use derive::{Scheme, hmac_sha256, message_aead};
use stack::lightly_wiped_after;

use crate::clock::Timestamp;
use crate::secret::{LOCKED_BYTES, Locked, Secret, SecretBytes};

/// Bytes of a secret key, of an HMAC key and of a data key.
pub const KEY_BYTES: usize = 32;

/// By how much a ciphertext is longer than its plaintext: tag, IV and nonce.
pub const OVERHEAD_BYTES: usize = TAG_BYTES + RANDOM_BYTES;

const TAG_BYTES: usize = 16;
const IV_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;

/// What is random in a ciphertext: the IV, then the nonce.
const RANDOM_BYTES: usize = IV_BYTES + NONCE_BYTES;

/// A key that seals, opens and authenticates.
///
/// Its bytes are in locked memory, and in no other place between two calls.
#[derive(Debug)]
pub struct Key {
    /// The secret key, then the HMAC key, or zeros where there is none.
    material: Locked,
    has_hmac: bool,
    algorithm: Algorithm,
    created_at: Timestamp,
    created_by: Option<Box<str>>,
}

/// The random source of the system failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the random source of the system failed")]
pub struct RandomFailed;

/// A message cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No IV and nonce, or no data key.
    #[error(transparent)]
    Random(#[from] RandomFailed),
    /// The cipher refused: more than 64 GiB of plaintext, or no memory.
    #[error("the cipher refused the plaintext: too long, or out of memory")]
    Cipher,
}

/// The ciphertext was not made by this key under this context, or it was changed. What of it is not told to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ciphertext is not authentic")]
pub struct NotAuthentic;

impl Key {
    /// A fresh key with a fresh HMAC key. An empty `created_by` means that nobody is known.
    ///
    /// # Errors
    /// The random source failed.
    pub fn generate(algorithm: Algorithm, created_at: Timestamp, created_by: &str) -> Result<Self, RandomFailed> {
        let material = Locked::try_init_with(|slot| fill_random_secret(slot))?;
        Ok(Self::new(material, true, algorithm, created_at, created_by))
    }

    /// The key with these bytes, which stay the caller's to wipe, and a fresh HMAC key.
    ///
    /// # Errors
    /// The random source failed.
    pub fn import(
        secret_key: &[u8; KEY_BYTES],
        algorithm: Algorithm,
        created_at: Timestamp,
        created_by: &str,
    ) -> Result<Self, RandomFailed> {
        let material = Locked::try_init_with(|slot| {
            let (secret_half, hmac_half) = halves_mut(slot);
            secret_half.copy_from_slice(secret_key);
            fill_random_secret(hmac_half)
        })?;
        Ok(Self::new(material, true, algorithm, created_at, created_by))
    }

    /// The key with these bytes; what there is no HMAC key for stays zero.
    fn from_parts(
        secret_key: &[u8; KEY_BYTES],
        hmac_key: Option<&[u8; KEY_BYTES]>,
        algorithm: Algorithm,
        created_at: Timestamp,
        created_by: &str,
    ) -> Self {
        let Ok(material) = Locked::try_init_with(|slot| {
            let (secret_half, hmac_half) = halves_mut(slot);
            secret_half.copy_from_slice(secret_key);
            if let Some(hmac_key) = hmac_key {
                hmac_half.copy_from_slice(hmac_key);
            }
            Ok::<_, std::convert::Infallible>(())
        });
        Self::new(material, hmac_key.is_some(), algorithm, created_at, created_by)
    }

    fn new(material: Locked, has_hmac: bool, algorithm: Algorithm, created_at: Timestamp, created_by: &str) -> Self {
        let created_by = (!created_by.is_empty()).then(|| created_by.into());
        Self { material, has_hmac, algorithm, created_at, created_by }
    }

    /// How the key seals. Keys of before April 2022 do not say; they count as [`Algorithm::Aes256`], and still open
    /// what was sealed otherwise, since ciphertexts of that time name their algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// When the key was made; [`Timestamp::ZERO`] if that is not known.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// The identity that made the key, if it is known.
    #[must_use]
    pub fn created_by(&self) -> Option<&str> {
        self.created_by.as_deref()
    }

    /// Whether [`Key::hmac`] works. Keys of before January 2024 have no HMAC key.
    #[must_use]
    pub fn has_hmac(&self) -> bool {
        self.has_hmac
    }

    /// Seals `plaintext`, bound to `context`: [`OVERHEAD_BYTES`] more than it has.
    ///
    /// # Errors
    /// The random source failed, or the plaintext is longer than 64 GiB.
    pub fn seal(&self, plaintext: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut ciphertext = Vec::with_capacity(plaintext.len() + OVERHEAD_BYTES);
        self.seal_into(plaintext, context, &mut ciphertext)?;
        Ok(ciphertext)
    }

    /// As [`Key::seal`], appending the ciphertext to `out`.
    ///
    /// # Errors
    /// As [`Key::seal`]; `out` then is as it was.
    pub fn seal_into(&self, plaintext: &[u8], context: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let mut random = [0; RANDOM_BYTES];
        fill_random(&mut random)?;
        self.seal_with(&random, plaintext, context, out)
    }

    /// A fresh data key, and its ciphertext of 76 bytes.
    ///
    /// # Errors
    /// The random source failed.
    pub fn data_key(&self, context: &[u8]) -> Result<(Secret<KEY_BYTES>, Vec<u8>), SealError> {
        let data_key = Secret::try_init_with(|bytes| fill_random_secret(bytes))?;
        let ciphertext = self.seal(data_key.expose(), context)?;
        Ok((data_key, ciphertext))
    }

    fn seal_with(
        &self,
        random: &[u8; RANDOM_BYTES],
        plaintext: &[u8],
        context: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let (iv, nonce) = random.split_first_chunk().expect("28 bytes have a first 16");
        let nonce = Nonce::try_assume_unique_for_key(nonce).expect("28 less 16 is 12");
        let aead =
            message_aead(Scheme::Current(self.algorithm), self.secret_key(), iv).map_err(|_| SealError::Cipher)?;
        seal_message(&aead, nonce, plaintext, context, out)?;
        out.extend_from_slice(random);
        Ok(())
    }

    /// Opens a ciphertext of any release since 2020. The plaintext takes the place of the ciphertext, which a `Vec` or
    /// [`SecretBytes`] gives up without a copy.
    ///
    /// # Errors
    /// One error for everything: another key, another context, changed, or no ciphertext at all.
    pub fn open(&self, ciphertext: impl Into<SecretBytes>, context: &[u8]) -> Result<SecretBytes, NotAuthentic> {
        let Ciphertext { scheme, iv, nonce, bytes, sealed_at } =
            Ciphertext::parse(ciphertext.into()).ok_or(NotAuthentic)?;
        let scheme = scheme.unwrap_or(Scheme::Current(self.algorithm));
        let aead = message_aead(scheme, self.secret_key(), &iv).map_err(|_| NotAuthentic)?;
        open_message(&aead, Nonce::assume_unique_for_key(nonce), context, bytes, sealed_at)
    }

    /// HMAC-SHA-256 of `message` under the HMAC key; `None` if the key has none.
    #[must_use]
    pub fn hmac(&self, message: &[u8]) -> Option<[u8; 32]> {
        self.hmac_key().map(|key| hmac_sha256(key, message))
    }

    fn secret_key(&self) -> &[u8; KEY_BYTES] {
        halves(self.material.expose()).0
    }

    fn hmac_key(&self) -> Option<&[u8; KEY_BYTES]> {
        self.has_hmac.then(|| halves(self.material.expose()).1)
    }
}

/// Appends the encrypted plaintext and its tag to `out`, and makes room for IV and nonce.
fn seal_message(
    aead: &LessSafeKey,
    nonce: Nonce,
    plaintext: &[u8],
    context: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    let start = out.len();
    out.reserve_exact(plaintext.len() + OVERHEAD_BYTES);
    out.resize(start + plaintext.len() + TAG_BYTES, 0);
    let (encrypted, tag) = out[start..].split_at_mut(plaintext.len());
    aead.seal_out_of_place_scatter(nonce, Aad::from(context), plaintext, encrypted, &[], tag).map_err(|_| {
        out.truncate(start);
        SealError::Cipher
    })
}

/// Opens what stands in `bytes` from `sealed_at` on: encrypted plaintext and tag. The plaintext takes the place of all.
fn open_message(
    aead: &LessSafeKey,
    nonce: Nonce,
    context: &[u8],
    mut bytes: SecretBytes,
    sealed_at: usize,
) -> Result<SecretBytes, NotAuthentic> {
    let plaintext = aead.open_within(nonce, Aad::from(context), bytes.expose_mut(), sealed_at..);
    let length = plaintext.map_err(|_| NotAuthentic)?.len();
    bytes.resize(length);
    Ok(bytes)
}

fn halves(slot: &[u8; LOCKED_BYTES]) -> (&[u8; KEY_BYTES], &[u8; KEY_BYTES]) {
    let [secret_key, hmac_key] = slot.as_chunks().0 else { unreachable!("64 bytes are two times 32") };
    (secret_key, hmac_key)
}

fn halves_mut(slot: &mut [u8; LOCKED_BYTES]) -> (&mut [u8; KEY_BYTES], &mut [u8; KEY_BYTES]) {
    let [secret_key, hmac_key] = slot.as_chunks_mut().0 else { unreachable!("64 bytes are two times 32") };
    (secret_key, hmac_key)
}

/// Straight into the place where the secret will stay. What passed the stack on the way is wiped.
fn fill_random_secret(bytes: &mut [u8]) -> Result<(), RandomFailed> {
    lightly_wiped_after(|| fill_random(bytes))
}

fn fill_random(bytes: &mut [u8]) -> Result<(), RandomFailed> {
    rand::fill(bytes).map_err(|_| RandomFailed)
}
