//! Who is told, and when, that our certificate ends. Each warning comes once for a certificate.

use std::fmt;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::TlsState;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What was said already.
#[derive(Debug, Default)]
pub struct Expiry {
    certificate: Option<CertificateDer<'static>>,
    /// The shortest time before the end of which somebody was warned; zero: that it has ended.
    told: Option<Duration>,
}

/// What somebody has to know now.
#[derive(Debug, PartialEq, Eq)]
pub struct ExpiryNotice {
    file: String,
    ends: String,
    /// `None`: none is left.
    left: Option<Duration>,
}

impl ExpiryNotice {
    /// Whether clients refuse the certificate already.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        self.left.is_none()
    }
}

/// `the certificate /etc/kes/cert.pem expires in 6 days, on Nov 21 11:22:00 2026 +00:00; hint: …`
impl fmt::Display for ExpiryNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, ends, left } = self;
        let Some(left) = left.map(|left| left.as_secs()) else {
            return write!(f, "the certificate {file} expired on {ends}; hint: clients refuse it, renew it now");
        };
        let (count, unit) = match left {
            left if left >= 2 * DAY => (left / DAY, "days"),
            left if left >= 2 * HOUR => (left / HOUR, "hours"),
            left => (left / MINUTE, "minutes"),
        };
        write!(f, "the certificate {file} expires in {count} {unit}, on {ends}; hint: renew it")
    }
}

impl Expiry {
    /// What is to be said of the certificate of `tls` at `now`, if that was not said before. That it had expired when it was
    /// read is for whoever read it to say.
    pub fn notice(&mut self, tls: &TlsState, now: UnixTime) -> Option<ExpiryNotice> {
        let (certificate, source) = (tls.certificate.as_ref()?, tls.source.as_ref()?);
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let end = parsed.validity().not_after;
        let left_at = |now: UnixTime| u64::try_from(end.timestamp()).unwrap_or(0).checked_sub(now.as_secs());
        if self.certificate.as_ref() != Some(certificate) {
            let told = left_at(source.read_at).is_none().then_some(Duration::ZERO);
            *self = Self { certificate: Some(certificate.clone()), told };
        }
        let left = left_at(now).map(Duration::from_secs);
        let warnings = tls.watch.expiry_warnings.iter().copied();
        let due = match left {
            None => Some(Duration::ZERO),
            Some(left) => warnings.filter(|warning| left <= *warning).min(),
        };
        let due = due.filter(|due| self.told.is_none_or(|told| *due < told))?;
        self.told = Some(due);
        Some(ExpiryNotice { file: source.files.cert.display().to_string(), ends: end.to_string(), left })
    }
}
