//! Which client certificates a handshake lets through.
//!
//! The signature of the handshake is checked in every mode. Where chains are not verified it is checked against the
//! public key that we take out of the certificate ourselves: the library's own check parses the certificate strictly
//! and refuses X.509 version 1 and unknown critical extensions, which clients in the field have.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::super::peer::public_key_of;
use super::error::TlsFileError;
use super::files::Roots;

#[derive(Debug)]
pub(super) struct ClientVerifier {
    required: bool,
    algorithms: WebPkiSupportedAlgorithms,
    chains: Option<Chains>,
}

/// How chains are verified.
#[derive(Debug)]
struct Chains {
    /// None if there is nobody who may sign.
    library: Option<Arc<dyn ClientCertVerifier>>,
    /// `tls.ca`: a client may present one of these as its own, CA flag or not (decision 1).
    configured: Vec<CertificateDer<'static>>,
}

impl ClientVerifier {
    pub(super) fn new(
        provider: &Arc<CryptoProvider>,
        required: bool,
        roots: Option<Roots>,
    ) -> Result<Self, TlsFileError> {
        let chains = match roots {
            None => None,
            Some(roots) if roots.store.is_empty() => Some(Chains { library: None, configured: roots.configured }),
            Some(roots) => {
                let library = WebPkiClientVerifier::builder_with_provider(Arc::new(roots.store), Arc::clone(provider))
                    .clear_root_hint_subjects()
                    .build()
                    .map_err(|_| TlsFileError::NoRoots)?;
                Some(Chains { library: Some(library), configured: roots.configured })
            }
        };
        Ok(Self { required, algorithms: provider.signature_verification_algorithms, chains })
    }

    /// Whether chains are verified.
    pub(super) fn verifies_chains(&self) -> bool {
        self.chains.is_some()
    }

    /// Verifies a chain, where this is asked for.
    pub(super) fn verify(
        &self,
        first: &CertificateDer<'_>,
        further: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        match &self.chains {
            // Whoever presents something without a readable key cannot prove to hold it.
            None => public_key_of(first).map(drop).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding)),
            Some(chains) if chains.configured.contains(first) => verify_configured(first, now),
            Some(Chains { library: Some(library), .. }) => library.verify_client_cert(first, further, now).map(drop),
            Some(Chains { library: None, .. }) => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    /// The library's own signature check parses strictly, which is right where chains are verified.
    fn raw_key<'a>(&self, certificate: &'a CertificateDer<'_>) -> Option<&'a [u8]> {
        if self.verifies_chains() { None } else { public_key_of(certificate) }
    }
}

/// A certificate that is configured as a root and presented by a client: trusted as it stands, while it is valid and
/// if it may be a client's.
fn verify_configured(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let refused = |reason| Err(Error::InvalidCertificate(reason));
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return refused(CertificateError::BadEncoding);
    };
    let (validity, now) = (certificate.validity(), i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    if now < validity.not_before.timestamp() {
        return refused(CertificateError::NotValidYet);
    }
    if now > validity.not_after.timestamp() {
        return refused(CertificateError::Expired);
    }
    match certificate.extended_key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.client_auth || usage.value.any => Ok(()),
        _ => refused(CertificateError::InvalidPurpose),
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    /// None, ever: some clients send no certificate if it is not of one of the authorities named here (decision 2).
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(end_entity, intermediates, now).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Some(key) = self.raw_key(certificate) else {
            return crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms);
        };
        let candidates = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
        let Some((_, candidates)) = candidates else {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        };
        let spki = SubjectPublicKeyInfoDer::from(key);
        let entity = webpki::RawPublicKeyEntity::try_from(&spki)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        // In TLS 1.2 a scheme does not name the curve: each that fits the key's kind is tried.
        let valid =
            candidates.iter().any(|algorithm| entity.verify_signature(*algorithm, message, signed.signature()).is_ok());
        if valid {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::BadSignature))
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.raw_key(certificate) {
            Some(key) => crypto::verify_tls13_signature_with_raw_key(
                message,
                &SubjectPublicKeyInfoDer::from(key),
                signed,
                &self.algorithms,
            ),
            None => crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
