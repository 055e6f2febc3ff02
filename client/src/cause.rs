//! What is behind a connection that failed. The HTTP client tells it in a chain of errors of several libraries.

use std::error::Error;
use std::io;
use std::iter::successors;

use rustls::AlertDescription;

/// The alerts by which a server refuses a client for its certificate (specification: `server-api.md` §1.2).
const CERTIFICATE_ALERTS: [AlertDescription; 8] = [
    AlertDescription::CertificateRequired,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
];

/// The errors from the outermost to the cause. An `io::Error` hides the error that it carries from `source`.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// What the innermost error says, which is the one that says something.
#[must_use]
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// The error of TLS among them.
#[must_use]
pub fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// The alert by which the server refused the client for its certificate, if it did. Over HTTP/2 only the text of the TLS
/// library's error remains.
#[must_use]
pub fn certificate_alert(error: &(dyn Error + 'static)) -> Option<AlertDescription> {
    match tls_error(error) {
        Some(rustls::Error::AlertReceived(alert)) => CERTIFICATE_ALERTS.contains(alert).then_some(*alert),
        Some(_) => None,
        None => chain(error).map(ToString::to_string).find_map(|text| {
            CERTIFICATE_ALERTS
                .into_iter()
                .find(|&alert| text.ends_with(&rustls::Error::AlertReceived(alert).to_string()))
        }),
    }
}
