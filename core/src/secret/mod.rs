//! Secrets in memory: made in place, read by `expose`, wiped on drop.
//!
//! | type | for | memory |
//! | --- | --- | --- |
//! | [`Secret`] | a key on its way: seeds, data keys, message keys | heap, wiped |
//! | [`SecretBytes`] | values of unknown length: stored keys, request and response bodies | heap, wiped, also when it grows |
//! | [`SecretText`] | the same as text: passwords, tokens, API keys | heap, wiped |
//! | [`Locked`] | a root key as long as it is cached | locked, guarded, left out of core dumps |
//!
//! None of them can be cloned, printed, compared with `==` or serialised. Making one public is a named step.

mod locked;

use std::fmt;

use zeroize::Zeroize;

pub use locked::{LOCKED_BYTES, Locked, MemoryLock, memory_lock};

/// `N` secret bytes.
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Makes a secret where it will stay: `fill` gets the zeroed memory.
    pub fn init_with(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0);
        secret
    }

    /// As [`Secret::init_with`], for a `fill` that can fail; what it wrote until then is wiped.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn try_init_with<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0)?;
        Ok(secret)
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret<{N}>")
    }
}

/// Secret bytes of any length.
#[derive(Default)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// No bytes yet, and room for `capacity` of them.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be changed in place.
    #[must_use]
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// How many bytes there are. Not a secret.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends bytes. If the memory has to move, the old place is wiped.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Makes the length `length`, cutting (and wiping) or appending zeros.
    pub fn resize(&mut self, length: usize) {
        if length < self.0.len() {
            self.0[length..].zeroize();
            self.0.truncate(length);
        } else {
            self.reserve(length - self.0.len());
            self.0.resize(length, 0);
        }
    }

    /// Removes the first `count` bytes.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn remove_front(&mut self, count: usize) {
        self.0.copy_within(count.., 0);
        self.resize(self.0.len() - count);
    }

    /// Whether both hold the same bytes, in time that depends on the lengths alone.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }

    /// `Vec` would copy to a larger place and free the old one as it is.
    fn reserve(&mut self, additional: usize) {
        let needed = self.0.len() + additional;
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.max(2 * self.0.capacity()));
            larger.extend_from_slice(&self.0);
            let mut old = std::mem::replace(&mut self.0, larger);
            old.zeroize();
        }
    }
}

/// Takes the bytes over without copying them.
impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for SecretBytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.0.len())
    }
}

/// Secret text: a password, a token, an API key.
#[derive(Default)]
pub struct SecretText(String);

impl SecretText {
    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes the text over without copying it.
impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_type_and_never_the_bytes() {
        assert_eq!(format!("{:?}", Secret::<32>::init_with(|bytes| bytes.fill(7))), "Secret<32>");
        assert_eq!(format!("{:?}", SecretBytes::from(vec![7, 7])), "SecretBytes(2 bytes)");
        assert_eq!(format!("{:?}", SecretText::from("hunter2")), "SecretText");
    }

    #[test]
    fn bytes_grow_and_shrink_without_losing_any() {
        let mut bytes = SecretBytes::default();
        for byte in 0..200 {
            bytes.extend_from_slice(&[byte; 3]);
        }
        assert_eq!(bytes.len(), 600);
        bytes.remove_front(3);
        assert_eq!(bytes.expose()[..4], [1, 1, 1, 2]);
        bytes.resize(2);
        assert_eq!(bytes.expose(), [1, 1]);
        bytes.resize(4);
        assert_eq!(bytes.expose(), [1, 1, 0, 0]);
    }

    #[test]
    fn comparison_looks_at_length_and_content() {
        let bytes = SecretBytes::from(vec![1, 2]);
        assert!(bytes.same_as(&SecretBytes::from(vec![1, 2])));
        assert!(!bytes.same_as(&SecretBytes::from(vec![1, 3])));
        assert!(!bytes.same_as(&SecretBytes::from(vec![1])));
    }
}
