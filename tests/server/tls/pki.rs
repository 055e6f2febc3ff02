//! Certificates of all kinds, good and bad, and clients that present them.

use std::sync::{Arc, Mutex};

use kes::server::provider;
use kes_client::{certificate, pem};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SigningKey, date_time_ymd,
};
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::support::TestServer;

/// What a client presents: a chain, and the key that it signs with.
pub struct Credentials {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: KeyPair,
}

/// A certificate authority.
pub struct Authority {
    pub certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A valid certificate for a client.
pub fn client() -> CertificateParams {
    let mut params = without_usage();
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    params
}

/// One that says nothing of what it is for.
pub fn without_usage() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "client");
    params
}

/// One for servers.
pub fn for_servers() -> CertificateParams {
    let mut params = without_usage();
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    params
}

/// One with an extension that nobody knows and everybody has to respect.
pub fn with_unknown_extension() -> CertificateParams {
    // 1.3.6.1.4.1.32473 is IANA's for examples (RFC 5612); the content is an ASN.1 NULL.
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 32473, 1], vec![5, 0]);
    extension.set_criticality(true);
    let mut params = client();
    params.custom_extensions.push(extension);
    params
}

/// One that may sign others, as `openssl req -x509` makes it.
pub fn ca() -> CertificateParams {
    let mut params = without_usage();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// The same, but it ended in 2020.
pub fn expired(params: CertificateParams) -> CertificateParams {
    from_to(params, 2019, 2020)
}

/// The same, but it begins in 3000.
pub fn not_yet_valid(params: CertificateParams) -> CertificateParams {
    from_to(params, 3000, 3001)
}

fn from_to(mut params: CertificateParams, from: i32, to: i32) -> CertificateParams {
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    params
}

impl Credentials {
    /// Signed with its own key, ECDSA P-256.
    pub fn self_signed(params: CertificateParams) -> Self {
        Self::self_signed_with(params, KeyPair::generate().expect("a key"))
    }

    pub fn self_signed_with(params: CertificateParams, key: KeyPair) -> Self {
        Self { chain: vec![params.self_signed(&key).expect("a certificate").der().clone()], key }
    }

    /// Sent with these certificates after its own.
    pub fn followed_by(mut self, certificates: &[&CertificateDer<'static>]) -> Self {
        self.chain.extend(certificates.iter().map(|&certificate| certificate.clone()));
        self
    }

    /// The same certificate as X.509 version 1, which `openssl x509 -req` writes where no extensions are asked for.
    pub fn version1(mut self, signer: &KeyPair) -> Self {
        self.chain[0] = version1(&self.chain[0], signer);
        self
    }

    /// The certificate as a PEM file.
    pub fn pem(&self) -> String {
        pem::write_certificate(&self.chain[0])
    }

    pub fn identity(&self) -> String {
        certificate::identity(&self.chain[0]).expect("an identity").as_str().to_owned()
    }

    /// What the TLS library presents. Nothing is checked, so that a test can present what it likes.
    pub fn presented(&self) -> CertifiedKey {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let key = provider().key_provider.load_private_key(key).expect("a key that can sign");
        CertifiedKey::new(self.chain.clone(), key)
    }
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = ca();
        params.distinguished_name.push(DnType::CommonName, "authority");
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub fn issue(&self, params: CertificateParams) -> Credentials {
        self.issue_for(params, KeyPair::generate().expect("a key"))
    }

    pub fn issue_for(&self, params: CertificateParams, key: KeyPair) -> Credentials {
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Credentials { chain: vec![certificate.der().clone()], key }
    }

    pub fn key(&self) -> &KeyPair {
        self.issuer.key()
    }

    /// The certificate as a PEM file.
    pub fn pem(&self) -> String {
        pem::write_certificate(&self.certificate)
    }
}

/// How a certificate is encoded: `SEQUENCE { SEQUENCE { [0] version, …, key, [3] extensions }, algorithm, signature }`.
/// Version 1 has neither of the two members with a tag of their own.
fn version1(certificate: &CertificateDer<'_>, signer: &KeyPair) -> CertificateDer<'static> {
    const VERSION_BYTES: usize = 5;
    let (_, parsed) = X509Certificate::from_der(certificate).expect("a certificate");
    let to_be_signed = parsed.tbs_certificate.as_ref();
    let start = to_be_signed.windows(3).position(|bytes| bytes == [0xa0, 3, 2]).expect("a version") + VERSION_BYTES;
    let key = parsed.tbs_certificate.subject_pki.raw;
    let end = to_be_signed.windows(key.len()).position(|bytes| bytes == key).expect("a key") + key.len();
    let to_be_signed = element(0x30, &to_be_signed[start..end]);
    let signature = signer.sign(&to_be_signed).expect("a signature");
    // ECDSA with SHA-256 (1.2.840.10045.4.3.2), which is what all keys here that sign certificates are for.
    let algorithm = [0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let bits = element(3, &[&[0], signature.as_slice()].concat());
    assert_eq!(signer.algorithm(), &rcgen::PKCS_ECDSA_P256_SHA256);
    CertificateDer::from(element(0x30, &[to_be_signed, algorithm.to_vec(), bits].concat()))
}

/// A DER element of up to 65,535 bytes.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).expect("a short element").to_be_bytes();
    [&[tag, 0x82, high, low], content].concat()
}

/// Presents the same credentials to everybody, and remembers which authorities the server named.
#[derive(Debug)]
pub struct Presents {
    credentials: Option<Arc<CertifiedKey>>,
    pub authorities_named: Mutex<Vec<usize>>,
}

impl Presents {
    pub fn new(credentials: Option<CertifiedKey>) -> Arc<Self> {
        Arc::new(Self { credentials: credentials.map(Arc::new), authorities_named: Mutex::default() })
    }
}

impl ResolvesClientCert for Presents {
    fn resolve(&self, authorities: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.authorities_named.lock().expect("not poisoned").push(authorities.len());
        self.credentials.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A client of these servers that presents something, with one version of TLS.
pub fn config(
    servers: &[&TestServer],
    version: &'static SupportedProtocolVersion,
    presents: Arc<Presents>,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for server in servers {
        roots.add(server.certificate.clone()).expect("the server's certificate");
    }
    ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots)
        .with_client_cert_resolver(presents)
}
