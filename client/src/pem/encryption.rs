//! Private keys under a password: PKCS#8 PBES2 (RFC 8018), read and written, and the old style of RFC 1423, only read.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use aws_lc_rs::rand;
use kes_core::SecretBytes;
use md5::{Digest, Md5};
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode, Encode};
use pkcs8::pkcs5::pbes2::{self, Kdf};
use pkcs8::pkcs5::{self, EncryptionScheme};
use pkcs8::{EncryptedPrivateKeyInfoRef, Error};
use zeroize::Zeroize;

use super::PemError;

/// Rounds of PBKDF2 with HMAC-SHA-256 for keys that we encrypt, as OWASP's password storage advice has it since 2023.
const PBKDF2_ROUNDS: u32 = 600_000;

/// Most rounds of PBKDF2 that are taken from a file: some seconds of work, and ten times what tools write today.
const MAX_PBKDF2_ROUNDS: u32 = 10_000_000;

/// Most memory that scrypt is given by a file: what its author advises for stored secrets.
const MAX_SCRYPT_BYTES: u64 = 1 << 30;

/// Bytes of salt, NIST SP 800-132 §5.1.
const SALT_BYTES: usize = 16;

/// Opens the content of an `ENCRYPTED PRIVATE KEY` block.
pub(super) fn open_pkcs8(der: &SecretBytes, password: &str) -> Result<SecretBytes, PemError> {
    let info = EncryptedPrivateKeyInfoRef::from_der(der.expose())
        .map_err(|_| PemError::UnsupportedEncryption("other than PBES2".to_owned()))?;
    check_costs(&info.encryption_algorithm)?;
    match info.decrypt(password) {
        Ok(key) => Ok(key.as_bytes().into()),
        Err(Error::EncryptedPrivateKey(
            pkcs5::Error::UnsupportedAlgorithm { oid } | pkcs5::Error::AlgorithmParametersInvalid { oid },
        )) => Err(PemError::UnsupportedEncryption(oid.to_string())),
        Err(_) => Err(PemError::WrongPassword),
    }
}

/// Refuses what takes hours, or memory that is not there: the library goes on until it is done or aborts the process. A
/// cost of zero makes it panic.
fn check_costs(scheme: &EncryptionScheme) -> Result<(), PemError> {
    let EncryptionScheme::Pbes2(parameters) = scheme else { return Ok(()) };
    let refused = match &parameters.kdf {
        Kdf::Pbkdf2(costs) if costs.iteration_count > MAX_PBKDF2_ROUNDS => {
            format!("PBKDF2 with {} rounds", costs.iteration_count)
        }
        Kdf::Scrypt(costs) => {
            let (n, r, p) = (costs.cost_parameter, costs.block_size, costs.parallelization);
            let bytes = [n, r.into(), p.into()].into_iter().try_fold(128_u64, u64::checked_mul);
            if bytes.is_some_and(|bytes| (1..=MAX_SCRYPT_BYTES).contains(&bytes)) {
                return Ok(());
            }
            format!("scrypt with the cost {n}, {r}, {p}")
        }
        _ => return Ok(()),
    };
    Err(PemError::UnsupportedEncryption(refused))
}

/// The content of an `ENCRYPTED PRIVATE KEY` block for a PKCS#8 key.
pub(super) fn seal_pkcs8(key: &SecretBytes, password: &str) -> Result<SecretBytes, PemError> {
    let (mut salt, mut iv) = ([0; SALT_BYTES], [0; 16]);
    rand::fill(&mut salt).and_then(|()| rand::fill(&mut iv)).map_err(|_| PemError::Random)?;
    let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(PBKDF2_ROUNDS, &salt, iv)
        .expect("a salt of 16 bytes fits the parameters");
    let sealed = parameters.encrypt(password, key.expose()).expect("AES-CBC with padding takes any length");
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: parameters.into(),
        encrypted_data: OctetStringRef::new(&sealed).expect("a private key is shorter than 256 MiB"),
    };
    Ok(info.to_der().expect("the structure has an encoding").into())
}

/// Opens a key of the old style. `info` is the `DEK-Info` header: cipher, comma, IV in hex.
pub(super) fn open_rfc1423(info: &str, sealed: SecretBytes, password: &str) -> Result<SecretBytes, PemError> {
    let unsupported = || PemError::UnsupportedEncryption(info.to_owned());
    let (cipher, iv) = info.split_once(',').ok_or_else(unsupported)?;
    let iv = unhex(iv.trim()).ok_or_else(unsupported)?;
    match cipher.trim() {
        "DES-CBC" => decrypt::<cbc::Decryptor<des::Des>>(8, &iv, sealed, password),
        "DES-EDE3-CBC" => decrypt::<cbc::Decryptor<des::TdesEde3>>(24, &iv, sealed, password),
        "AES-128-CBC" => decrypt::<cbc::Decryptor<aes::Aes128>>(16, &iv, sealed, password),
        "AES-192-CBC" => decrypt::<cbc::Decryptor<aes::Aes192>>(24, &iv, sealed, password),
        "AES-256-CBC" => decrypt::<cbc::Decryptor<aes::Aes256>>(32, &iv, sealed, password),
        _ => Err(unsupported()),
    }
}

fn decrypt<M: BlockModeDecrypt + KeyIvInit>(
    key_bytes: usize,
    iv: &[u8],
    mut data: SecretBytes,
    password: &str,
) -> Result<SecretBytes, PemError> {
    let salt = iv.get(..8).ok_or_else(|| PemError::UnsupportedEncryption("with a short IV".to_owned()))?;
    let key = bytes_to_key(password, salt, key_bytes);
    let mode = M::new_from_slices(key.expose(), iv)
        .map_err(|_| PemError::UnsupportedEncryption("with an IV of another length".to_owned()))?;
    let length = mode.decrypt_padded::<Pkcs7>(data.expose_mut()).map_err(|_| PemError::WrongPassword)?.len();
    data.resize(length);
    Ok(data)
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round: D(i) = MD5(D(i-1) ‖ password ‖ salt), joined and cut.
fn bytes_to_key(password: &str, salt: &[u8], length: usize) -> SecretBytes {
    let mut key = SecretBytes::with_capacity(length + 16);
    let mut digest = [0; 16];
    while key.len() < length {
        let mut md5 = Md5::new();
        if !key.is_empty() {
            md5.update(digest);
        }
        md5.update(password.as_bytes());
        md5.update(salt);
        digest = md5.finalize().into();
        key.extend_from_slice(&digest);
    }
    digest.zeroize();
    key.resize(length);
    key
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
