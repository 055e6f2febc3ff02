//! Why there is no answer from Vault, in words that name the setting to look at.

use std::error::Error;

use kes_client::cause::{certificate_alert, innermost, tls_error};
use rustls::{CertificateError, InvalidMessage};

const CA: &str = "`keystore.vault.tls.ca` has to hold the CA of vault's certificate";
const NAME: &str = "a name in vault's certificate has to be that of the endpoint, or `keystore.vault.tls.server_name`";
const NO_TLS: &str = "there is no TLS at `keystore.vault.endpoint`";
const CLIENT: &str = "vault takes only clients with a certificate that it knows; see `keystore.vault.tls.cert`";
const MAYBE_CLIENT: &str =
    "if vault takes only clients with a certificate that it knows, see `keystore.vault.tls.cert`";

/// The innermost of a chain of errors of several libraries, which is the one that says something, and what to do about it.
/// `was_secured`: whether there was a TLS connection. A server that does not like the client's certificate ends it then,
/// and what it says is lost where that comes while the request is being sent.
pub(super) fn cause(error: &(dyn Error + 'static), was_secured: bool) -> String {
    let text = innermost(error);
    let hint = match tls_error(error) {
        _ if certificate_alert(error).is_some() => Some(CLIENT),
        Some(error) => hint(error),
        None => was_secured.then_some(MAYBE_CLIENT),
    };
    match hint {
        Some(hint) => format!("{text}; hint: {hint}"),
        None => text,
    }
}

fn hint(error: &rustls::Error) -> Option<&'static str> {
    use CertificateError::{BadSignature, NotValidForName, NotValidForNameContext, UnknownIssuer};
    match error {
        // A CA that was made again under its old name has another key.
        rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature) => Some(CA),
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => Some(NAME),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Some(NO_TLS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustls::AlertDescription;
    use rustls::Error::{AlertReceived, InvalidCertificate};

    use super::*;

    #[test]
    fn failures_of_tls_name_the_setting_to_look_at() {
        let of_tls = |error: rustls::Error| cause(&io::Error::other(io::Error::other(error)), true);
        for (error, setting) in [
            (InvalidCertificate(CertificateError::UnknownIssuer), "keystore.vault.tls.ca"),
            (InvalidCertificate(CertificateError::NotValidForName), "keystore.vault.tls.server_name"),
            (AlertReceived(AlertDescription::CertificateRequired), "keystore.vault.tls.cert"),
        ] {
            let text = of_tls(error.clone());
            assert!(text.starts_with(&format!("{error}; hint: ")) && text.contains(setting), "{text}");
        }
        let expired = InvalidCertificate(CertificateError::Expired);
        assert_eq!(
            of_tls(expired.clone()),
            expired.to_string(),
            "who cannot do anything about it is told nothing more"
        );
    }

    #[test]
    fn a_secure_connection_that_ends_may_have_been_refused() {
        let cut = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(cause(&cut, false), "connection reset");
        assert!(cause(&cut, true).starts_with("connection reset; hint: if vault takes only clients"));
        let alert = AlertReceived(AlertDescription::UnknownCA).to_string();
        let refused = cause(&io::Error::other(format!("stream error: {alert}")), true);
        assert!(refused.starts_with(&format!("stream error: {alert}; hint: vault takes only clients")), "{refused}");
    }
}
