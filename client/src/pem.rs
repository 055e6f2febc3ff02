//! Certificates and private keys from PEM files, encrypted ones included.
//!
//! ```text
//! any text                          ignored before a block
//! -----BEGIN EC PRIVATE KEY-----
//! Proc-Type: 4,ENCRYPTED            headers: RFC 1423, only in encrypted keys of the old style
//! DEK-Info: AES-256-CBC,<IV, hex>
//!                                   an empty line ends them
//! <base64>
//! -----END EC PRIVATE KEY-----
//! ```
//!
//! Rules: specification, `config.md` §4 and `server-api.md` §1.3. Server and client read their files with the same
//! functions.

mod block;
mod encryption;

use std::path::{Path, PathBuf};
use std::{fs, io};

use kes_core::SecretBytes;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use block::{Block, Blocks};

const CERTIFICATE: &str = "CERTIFICATE";
const ENCRYPTED_PKCS8: &str = "ENCRYPTED PRIVATE KEY";

/// The file cannot be used. Texts hold no part of a key or password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// No block at all, or something else after the last one. DER files end here too.
    #[error("no valid PEM data")]
    NotPem,
    /// A block that begins and does not end, or whose content is not base64.
    #[error("no valid PEM data: the `{0}` block is damaged")]
    Damaged(String),
    /// A certificate file with something else in it.
    #[error("unsupported PEM data block `{0}`, expected only `CERTIFICATE` blocks")]
    UnsupportedBlock(String),
    /// A key file without a key.
    #[error("no PEM-encoded private key found")]
    NoPrivateKey,
    /// A key of no known form, such as an OpenSSH one.
    #[error("unsupported private key in the `{0}` block, expected PKCS#8, PKCS#1 or SEC1")]
    UnsupportedKey(String),
    /// The key is encrypted and there is no password.
    #[error("private key is encrypted: password required")]
    PasswordRequired,
    /// The key is encrypted with another password.
    #[error("decryption password incorrect")]
    WrongPassword,
    /// The key is encrypted in a way that this program does not know.
    #[error(
        "private key encryption `{0}` is not supported, convert the key with `openssl pkcs8 -topk8 -v2 aes-256-cbc`"
    )]
    UnsupportedEncryption(String),
    /// The random source of the system failed while a key was being encrypted.
    #[error("the random source of the system failed")]
    Random,
}

/// The files that a path stands for: itself, or all regular files of a directory. Sorted, so that of several bad files
/// the same one is named every time. Links are followed: in a directory that Kubernetes mounts each file is one, and so
/// is the directory `..data` beside them.
///
/// # Errors
/// The directory cannot be read. Whether a file is there is not looked at.
pub fn files_at(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

/// The certificates of a file: the first is the one that holds the key, the rest are the chain.
///
/// # Errors
/// [`PemError::NotPem`] if there is none or something else follows the last one, [`PemError::UnsupportedBlock`],
/// [`PemError::Damaged`].
pub fn read_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let mut blocks = Blocks::of(pem);
    let mut certificates = Vec::new();
    while let Some(block) = blocks.next_block()? {
        if block.label != CERTIFICATE {
            return Err(PemError::UnsupportedBlock(block.label.to_owned()));
        }
        certificates.push(CertificateDer::from(block.content()?.expose().to_vec()));
    }
    if certificates.is_empty() || !blocks.rest_is_blank() {
        return Err(PemError::NotPem);
    }
    Ok(certificates)
}

/// The first private key of a file. Other blocks (certificates, `EC PARAMETERS`) are skipped.
///
/// PKCS#8, PKCS#1 and SEC1; encrypted as PKCS#8 PBES2 or in the old style of RFC 1423 (DES, 3DES and AES in CBC mode).
/// The password of a key that is not encrypted is ignored. The result is not wiped when it is dropped: call its
/// `zeroize`, or hand it to the TLS library, which makes its own form of it.
///
/// # Errors
/// Every variant of [`PemError`] but [`PemError::UnsupportedBlock`] and [`PemError::Random`].
pub fn read_private_key(pem: &[u8], password: Option<&str>) -> Result<PrivateKeyDer<'static>, PemError> {
    let (label, der) = read_key_block(pem, password)?;
    PrivateKeyDer::try_from(der.expose().to_vec()).map_err(|_| match is_encrypted(pem) {
        // One wrong password in 256 leaves a padding that looks right.
        Ok(true) => PemError::WrongPassword,
        _ => PemError::UnsupportedKey(label),
    })
}

/// The DER of the first private key of a file, as [`read_private_key`], and its label. The form is not checked.
fn read_key_block(pem: &[u8], password: Option<&str>) -> Result<(String, SecretBytes), PemError> {
    let block = first_key(pem)?;
    let content = block.content()?;
    let der = if block.label == ENCRYPTED_PKCS8 {
        encryption::open_pkcs8(&content, password.ok_or(PemError::PasswordRequired)?)?
    } else if is_rfc1423(&block) {
        let info = block.header("DEK-Info").unwrap_or_default();
        encryption::open_rfc1423(info, content, password.ok_or(PemError::PasswordRequired)?)?
    } else {
        content
    };
    Ok((block.label.to_owned(), der))
}

/// Whether the first private key of a file needs a password.
///
/// # Errors
/// [`PemError::NoPrivateKey`], [`PemError::Damaged`].
pub fn is_encrypted(pem: &[u8]) -> Result<bool, PemError> {
    let block = first_key(pem)?;
    Ok(block.label == ENCRYPTED_PKCS8 || is_rfc1423(&block))
}

/// Whether the headers of a block say that its content is encrypted.
fn is_rfc1423(block: &Block<'_>) -> bool {
    block.header("Proc-Type").is_some_and(|value| value.replace(' ', "") == "4,ENCRYPTED")
}

fn first_key(pem: &[u8]) -> Result<Block<'_>, PemError> {
    let mut blocks = Blocks::of(pem);
    while let Some(block) = blocks.next_block()? {
        if block.label == "PRIVATE KEY" || block.label.ends_with(" PRIVATE KEY") {
            return Ok(block);
        }
    }
    Err(PemError::NoPrivateKey)
}

/// The labels of the blocks of a file, up to the first that is damaged: what sort of file this is.
pub fn labels(pem: &[u8]) -> impl Iterator<Item = &str> {
    let mut blocks = Blocks::of(pem);
    std::iter::from_fn(move || blocks.next_block().ok().flatten().map(|block| block.label))
}

/// The first certificate of a file that may hold anything else too.
///
/// # Errors
/// [`PemError::NotPem`] if there is none, [`PemError::Damaged`].
pub fn first_certificate(pem: &[u8]) -> Result<CertificateDer<'static>, PemError> {
    let mut blocks = Blocks::of(pem);
    while let Some(block) = blocks.next_block()? {
        if block.label == CERTIFICATE {
            return Ok(CertificateDer::from(block.content()?.expose().to_vec()));
        }
    }
    Err(PemError::NotPem)
}

/// The certificate that is the first block of a text. What follows it is not read.
///
/// # Errors
/// [`PemError::NotPem`] if there is no block, [`PemError::UnsupportedBlock`] if the first one is another one,
/// [`PemError::Damaged`].
pub fn leading_certificate(pem: &[u8]) -> Result<CertificateDer<'static>, PemError> {
    let block = Blocks::of(pem).next_block()?.ok_or(PemError::NotPem)?;
    if block.label != CERTIFICATE {
        return Err(PemError::UnsupportedBlock(block.label.to_owned()));
    }
    Ok(CertificateDer::from(block.content()?.expose().to_vec()))
}

/// A certificate as a PEM block.
#[must_use]
pub fn write_certificate(der: &CertificateDer<'_>) -> String {
    let block = block::write(CERTIFICATE, der);
    String::from_utf8_lossy(block.expose()).into_owned()
}

/// A PKCS#8 private key as a PEM block; with a password it is encrypted (PBES2: PBKDF2 with HMAC-SHA-256, AES-256-CBC).
///
/// # Errors
/// [`PemError::Random`].
pub fn write_private_key(pkcs8: &SecretBytes, password: Option<&str>) -> Result<SecretBytes, PemError> {
    Ok(match password {
        None => block::write("PRIVATE KEY", pkcs8.expose()),
        Some(password) => block::write(ENCRYPTED_PKCS8, encryption::seal_pkcs8(pkcs8, password)?.expose()),
    })
}

#[cfg(test)]
mod tests;
