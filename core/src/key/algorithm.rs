//! The two ways in which a key seals, and the names that they go by (specification: `formats.md` §1).
//!
//! | algorithm | number | canonical name | alias in requests and old data |
//! | --- | --- | --- | --- |
//! | AES-256-GCM, message key by HMAC-SHA-256 | 1 | `AES256` | `AES256-GCM_SHA256` |
//! | ChaCha20-Poly1305, message key by HChaCha20 | 2 | `ChaCha20` | `XCHACHA20-POLY1305` |

use std::fmt;
use std::str::FromStr;

/// How a key seals and opens. Stored with the key and never chosen anew; both work on any CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// AES-256-GCM under a message key from HMAC-SHA-256.
    Aes256,
    /// ChaCha20-Poly1305 under a message key from HChaCha20.
    ChaCha20,
}

/// The text names no algorithm. Deliberately without detail: the caller knows the text and may show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is none of AES256, AES256-GCM_SHA256, ChaCha20, XCHACHA20-POLY1305")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// What a new key should use here: AES if the CPU has instructions for it and for the carry-less multiplication of
    /// GCM, since AES in software is slow and hard to do in constant time. Otherwise ChaCha20.
    #[must_use]
    pub fn for_this_cpu() -> Self {
        if cpu_has_aes_gcm() { Self::Aes256 } else { Self::ChaCha20 }
    }

    /// The canonical name, the one that clients see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::ChaCha20 => "ChaCha20",
        }
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn cpu_has_aes_gcm() -> bool {
    std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn cpu_has_aes_gcm() -> bool {
    std::arch::is_aarch64_feature_detected!("aes") && std::arch::is_aarch64_feature_detected!("pmull")
}

/// Every little-endian POWER has the instructions. Where the standard library cannot tell (s390x), ChaCha20 is safe.
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
fn cpu_has_aes_gcm() -> bool {
    cfg!(all(target_arch = "powerpc64", target_endian = "little"))
}

/// Canonical names and aliases, case-sensitive.
impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        match name {
            "AES256" | "AES256-GCM_SHA256" => Ok(Self::Aes256),
            "ChaCha20" | "XCHACHA20-POLY1305" => Ok(Self::ChaCha20),
            _ => Err(UnknownAlgorithm),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_names_mean_two_algorithms() {
        for (name, algorithm) in [
            ("AES256", Algorithm::Aes256),
            ("AES256-GCM_SHA256", Algorithm::Aes256),
            ("ChaCha20", Algorithm::ChaCha20),
            ("XCHACHA20-POLY1305", Algorithm::ChaCha20),
        ] {
            assert_eq!(name.parse(), Ok(algorithm), "{name}");
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
        for name in ["", "aes256", "CHACHA20", "undefined", "AES256 ", "ChaCha20Poly1305", "AES-256-GCM-HMAC-SHA-256"] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm), "{name:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_choice_for_this_cpu_agrees_with_what_linux_reports() {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").expect("cpuinfo");
        let words: Vec<&str> = cpu.split_whitespace().collect();
        let multiply = if cfg!(target_arch = "aarch64") { "pmull" } else { "pclmulqdq" };
        let expected = words.contains(&"aes") && words.contains(&multiply);
        if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
            assert_eq!(Algorithm::for_this_cpu() == Algorithm::Aes256, expected);
        }
    }
}
