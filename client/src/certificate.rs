//! Makes the certificates of this service: a client's from its API key, those of `kes identity new`, and the one of a
//! server in development mode. Also tells the identity of a certificate.
//!
//! All are self-signed X.509 v3 with exactly the extensions, and in exactly the order, that the official SDK writes
//! (specification: `formats.md` §6.3, `cli.md` §6.2.1):
//!
//! ```text
//! keyUsage          critical   digitalSignature           03 02 07 80
//! extKeyUsage                  clientAuth[, serverAuth]
//! basicConstraints  critical   not a CA                   30 00
//! subjectAltName               DNS names, then addresses  only if there are any
//! ```

mod extensions;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use kes_core::{ApiKey, Identity, SecretBytes};
use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, PublicKeyData, SerialNumber, SigningKey};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use extensions::Usage;

/// How long the certificate of an API key is valid.
pub const API_KEY_VALIDITY: Duration = Duration::from_secs(90 * DAY);

/// How long a certificate of `kes identity new` is valid if nothing else is said.
pub const IDENTITY_VALIDITY: Duration = Duration::from_secs(30 * DAY);

/// How long the certificate of a server in development mode is valid.
const DEVELOPMENT_VALIDITY: Duration = Duration::from_secs(90 * DAY);

const DAY: u64 = 24 * 60 * 60;

/// Client certificates of API keys begin this much in the past: clocks differ.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Bytes of random serial number.
const SERIAL_BYTES: usize = 16;

/// A certificate could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The random source of the system failed.
    #[error("the random source of the system failed")]
    Random,
    /// A DNS name that no certificate can hold.
    #[error("invalid DNS name `{0}`, expected ASCII without blanks (an international name in its `xn--` form)")]
    DnsName(String),
    /// The time lies beyond the year 9999.
    #[error("the certificate would expire after the year 9999, choose a shorter expiry")]
    Expiry,
    /// The library refused; its reason.
    #[error("cannot make the certificate: {0}")]
    Library(String),
    /// The bytes are no X.509 certificate.
    #[error("not an X.509 certificate")]
    Malformed,
}

/// What a certificate of `kes identity new` says.
#[derive(Clone, Debug)]
pub struct IdentityCertificate<'a> {
    /// The subject's common name, which may be empty; the identity if `None`.
    pub subject: Option<&'a str>,
    /// DNS names, in this order.
    pub dns: &'a [String],
    /// Addresses, in this order.
    pub ip: &'a [IpAddr],
    /// How long it is valid.
    pub validity: Duration,
}

/// The certificate that a client with this API key shows: valid for [`API_KEY_VALIDITY`] from `now`, and a minute back.
///
/// # Errors
/// [`CertificateError::Random`]; others would be a defect.
pub fn of_api_key(key: &ApiKey, now: SystemTime) -> Result<CertificateDer<'static>, CertificateError> {
    let signer = Ed25519::of(key)?;
    let name = common_name(key.identity().as_str());
    let mut certificate = params(name, now - CLOCK_SKEW, now, API_KEY_VALIDITY)?;
    certificate.custom_extensions = extensions::all(Usage::Client, &[], &[])?;
    self_sign(&certificate, &signer)
}

/// A certificate of `kes identity new`, valid from `now` on.
///
/// # Errors
/// [`CertificateError::DnsName`], [`CertificateError::Expiry`], [`CertificateError::Random`].
pub fn of_identity(
    key: &ApiKey,
    content: &IdentityCertificate<'_>,
    now: SystemTime,
) -> Result<CertificateDer<'static>, CertificateError> {
    let signer = Ed25519::of(key)?;
    let identity = key.identity();
    let name = common_name(content.subject.unwrap_or(identity.as_str()));
    let mut certificate = params(name, now, now, content.validity)?;
    certificate.custom_extensions = extensions::all(Usage::ClientAndServer, content.dns, content.ip)?;
    self_sign(&certificate, &signer)
}

/// A fresh certificate for a server in development mode, and its private key as PKCS#8: ECDSA P-256, `CN=localhost`,
/// for the name `localhost` and these addresses.
///
/// # Errors
/// [`CertificateError::Random`]; others would be a defect.
pub fn of_development_server(
    addresses: &[IpAddr],
    now: SystemTime,
) -> Result<(CertificateDer<'static>, SecretBytes), CertificateError> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|_| CertificateError::Random)?;
    let mut certificate = params(common_name("localhost"), now, now, DEVELOPMENT_VALIDITY)?;
    certificate.custom_extensions = extensions::all(Usage::Server, &["localhost".to_owned()], addresses)?;
    Ok((self_sign(&certificate, &key)?, SecretBytes::from(key.serialize_der())))
}

/// The identity of whoever holds the private key of this certificate. Any version of X.509 will do.
///
/// # Errors
/// [`CertificateError::Malformed`].
pub fn identity(certificate: &CertificateDer<'_>) -> Result<Identity, CertificateError> {
    Ok(Identity::of_public_key(public_key(certificate)?))
}

/// The first and the last second of a certificate's validity, since 1970.
///
/// # Errors
/// [`CertificateError::Malformed`].
pub fn validity(certificate: &CertificateDer<'_>) -> Result<(i64, i64), CertificateError> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| CertificateError::Malformed)?;
    Ok((parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp()))
}

/// The DER SubjectPublicKeyInfo of a certificate.
///
/// # Errors
/// [`CertificateError::Malformed`].
pub fn public_key<'a>(certificate: &'a CertificateDer<'_>) -> Result<&'a [u8], CertificateError> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| CertificateError::Malformed)?;
    Ok(parsed.tbs_certificate.subject_pki.raw)
}

fn params(
    name: DistinguishedName,
    not_before: SystemTime,
    now: SystemTime,
    validity: Duration,
) -> Result<CertificateParams, CertificateError> {
    let mut serial = [0; SERIAL_BYTES];
    rand::fill(&mut serial).map_err(|_| CertificateError::Random)?;
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = name;
    params.not_before = OffsetDateTime::from(not_before);
    let validity = time::Duration::try_from(validity).map_err(|_| CertificateError::Expiry)?;
    params.not_after = OffsetDateTime::from(now).checked_add(validity).ok_or(CertificateError::Expiry)?;
    Ok(params)
}

fn self_sign(params: &CertificateParams, key: &impl SigningKey) -> Result<CertificateDer<'static>, CertificateError> {
    let certificate = params.self_signed(key).map_err(|error| CertificateError::Library(error.to_string()))?;
    Ok(certificate.der().clone())
}

/// One relative name, `CN=<text>`: a PrintableString if the text allows it.
fn common_name(text: &str) -> DistinguishedName {
    let value = match text.try_into() {
        Ok(printable) => DnValue::PrintableString(printable),
        Err(_) => DnValue::Utf8String(text.to_owned()),
    };
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, value);
    name
}

/// An API key that signs. The library's own key type would keep a copy of the seed that is not wiped.
struct Ed25519(Ed25519KeyPair);

impl Ed25519 {
    fn of(key: &ApiKey) -> Result<Self, CertificateError> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.to_pkcs8().expose())
            .map(Self)
            .map_err(|error| CertificateError::Library(error.to_string()))
    }
}

impl PublicKeyData for Ed25519 {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

impl SigningKey for Ed25519 {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

#[cfg(test)]
mod tests;
