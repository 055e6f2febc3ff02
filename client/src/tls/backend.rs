//! TLS towards servers that are no KES: the key stores behind one.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::{ClientConfig, Error, RootCertStore};
use rustls_pki_types::ServerName;

use super::{Authorities, ClientIdentity, Judge, Judged, Shown, Trust, TrustError};

/// How a backend's server is recognised, and what it is shown. Protocol versions and key exchange are the client's own.
#[derive(Clone, Copy, Debug)]
pub struct BackendTls<'a> {
    /// PEM file or directory of such: the CAs, or certificates, that are trusted.
    pub ca: Option<&'a Path>,
    /// Whether the system's CAs are trusted, alone or beside `ca`.
    pub system_roots: bool,
    /// The name that the server's certificate has to have, if it is not the host that is connected to. The host is still
    /// what the server is told to be asked for (SNI).
    pub server_name: Option<&'a str>,
    /// What the server is shown.
    pub identity: Option<&'a ClientIdentity>,
}

/// TLS cannot be set up as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendTlsError {
    /// The trusted certificates.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The name of the server.
    #[error("`{0}` is not the name of a server; write a host name or an IP address")]
    ServerName(String),
    /// What the TLS library refuses.
    #[error("{0}")]
    Library(String),
}

impl From<Error> for BackendTlsError {
    fn from(error: Error) -> Self {
        Self::Library(error.to_string())
    }
}

impl BackendTls<'_> {
    /// For servers that are reached without TLS: no file is read, and no certificate believed.
    ///
    /// # Errors
    /// [`BackendTlsError::Library`].
    pub fn nobody() -> Result<ClientConfig, BackendTlsError> {
        let builder = ClientConfig::builder_with_provider(super::provider()).with_safe_default_protocol_versions()?;
        Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
    }

    /// The configuration of the TLS library. Reads the files anew each time.
    ///
    /// # Errors
    /// See [`BackendTlsError`]: files that cannot be read or hold anything but certificates, and a name that is none.
    pub fn client_config(&self) -> Result<ClientConfig, BackendTlsError> {
        let trust = self.trust()?;
        let mut config = super::client_config(&trust, self.identity)?;
        if let Some(name) = self.server_name {
            let name =
                ServerName::try_from(name.to_owned()).map_err(|_| BackendTlsError::ServerName(name.to_owned()))?;
            let next = trust.verifier(super::provider())?;
            config.dangerous().set_certificate_verifier(Arc::new(Judged { judge: Named(name), next }));
        }
        Ok(config)
    }
}

impl BackendTls<'_> {
    fn trust(&self) -> Result<Trust, TrustError> {
        let Some(ca) = self.ca else { return Trust::of(self.system_roots, &[]) };
        let own = [Authorities::At(ca.to_owned())];
        // A directory without certificates is a mistake, also where the system's are trusted too.
        let alone = Trust::of(false, &own).map_err(|error| match error {
            TrustError::Nothing { .. } => {
                TrustError::Read { path: ca.to_owned(), reason: "there is no file in it".to_owned() }
            }
            error => error,
        })?;
        if self.system_roots { Trust::of(true, &own) } else { Ok(alone) }
    }
}

/// Looks for this name in the certificate, whatever host was connected to.
#[derive(Debug)]
struct Named(ServerName<'static>);

impl Judge for Named {
    fn judge(&self, shown: Shown<'_>, any_name: &dyn ServerCertVerifier) -> Result<ServerCertVerified, Error> {
        Shown { server_name: &self.0, ..shown }.to(any_name)
    }
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::UnixTime;

    use super::*;

    fn tls() -> BackendTls<'static> {
        BackendTls { ca: None, system_roots: false, server_name: None, identity: None }
    }

    #[test]
    fn files_that_hold_no_certificates_are_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ca.pem");
        let empty = BackendTls { ca: Some(directory.path()), ..tls() };
        assert!(empty.client_config().unwrap_err().to_string().contains("there is no file in it"));
        std::fs::write(&file, "no certificate").expect("written");
        for ca in [&*file, directory.path(), Path::new("/nonexistent")] {
            let error = BackendTls { ca: Some(ca), system_roots: true, ..tls() }.client_config().unwrap_err();
            assert!(matches!(error, BackendTlsError::Trust(TrustError::Read { .. })), "{error}");
        }
        let nothing = tls().client_config().unwrap_err();
        assert!(matches!(nothing, BackendTlsError::Trust(TrustError::Nothing { .. })), "{nothing}");
    }

    #[test]
    fn the_name_in_the_certificate_may_be_another_than_the_host() {
        let directory = tempfile::tempdir().expect("a directory");
        let certificate =
            rcgen::generate_simple_self_signed(["vault.internal".to_owned()]).expect("a certificate").cert;
        let file = directory.path().join("ca.pem");
        std::fs::write(&file, crate::pem::write_certificate(certificate.der())).expect("written");
        let trust = BackendTls { ca: Some(&file), ..tls() }.trust().expect("trust");
        let any_name = trust.verifier(crate::tls::provider()).expect("a verifier");
        let host = ServerName::try_from("10.0.0.1").expect("a name");
        let believed = |verifier: &dyn ServerCertVerifier| {
            verifier.verify_server_cert(certificate.der(), &[], &host, &[], UnixTime::now()).is_ok()
        };
        assert!(!believed(&*any_name));
        let name = ServerName::try_from("vault.internal").expect("a name");
        assert!(believed(&Judged { judge: Named(name), next: any_name }));
        let error = BackendTls { ca: Some(&file), server_name: Some("not a name"), ..tls() }.client_config();
        assert_eq!(error.unwrap_err(), BackendTlsError::ServerName("not a name".to_owned()));
    }
}
