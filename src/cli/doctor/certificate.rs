//! What is wrong with a server's certificate.

use kes_client::inspect::{Distrust, ServerCertificate};
use kes_core::Timestamp;

use super::finding::Finding;
use crate::cli::output;

const DAY: i64 = 24 * 60 * 60;

/// How many days before its end a certificate is told of: in time, soon, now.
const NOTICE_DAYS: i64 = 30;
const SOON_DAYS: i64 = 7;
const NOW_DAYS: i64 = 1;

/// Everything that clients look at. `host` is the name or address by which the server was called.
pub(super) fn findings(certificate: &ServerCertificate, host: &str, now: i64) -> Vec<Finding> {
    vec![chain(certificate), name(certificate, host), expiry(certificate.not_before, certificate.not_after, now)]
}

fn chain(certificate: &ServerCertificate) -> Finding {
    let ServerCertificate { subject, issuer, further, .. } = certificate;
    let subject = if subject.is_empty() { "no subject" } else { subject };
    let issued = if certificate.subject == certificate.issuer {
        format!("{subject}, self-signed")
    } else {
        format!("{subject}, issued by {issuer}")
    };
    let sent = match further {
        0 => String::new(),
        count => format!(", sent with {count} more"),
    };
    let text = format!("{issued}{sent}");
    match &certificate.trust {
        Ok(()) => Finding::ok("certificate", format!("{text}: trusted")),
        Err(Distrust::UnknownIssuer) if certificate.subject == certificate.issuer => {
            let hint = "copy the certificate from the server and name it as --ca FILE or in SSL_CERT_FILE";
            Finding::problem("certificate", format!("{text}: not trusted here"), hint)
        }
        Err(Distrust::UnknownIssuer) => {
            let hint = format!(
                "name the certificate of the CA `{issuer}` as --ca FILE or in SSL_CERT_FILE; if that is an intermediate \
                 one, `tls.cert` of the server should hold it after its own"
            );
            Finding::problem("certificate", format!("{text}: not trusted here"), hint)
        }
        Err(Distrust::AnotherKey) => {
            let hint = "the one that is trusted is not, or no longer, that of the server: copy it anew, and name it as \
                        --ca FILE or in SSL_CERT_FILE";
            let message = format!("{text}: what is trusted here as `{issuer}` has another key");
            Finding::problem("certificate", message, hint)
        }
        Err(Distrust::Other(reason)) => {
            let hint =
                "make another one, for example with `kes identity new --key FILE --cert FILE --dns NAME --ip IP`";
            Finding::problem("certificate", format!("{text}: refused, {reason}"), hint)
        }
    }
}

fn name(certificate: &ServerCertificate, host: &str) -> Finding {
    let names = certificate.names.join(", ");
    if certificate.covers_name {
        return Finding::ok("name", format!("`{host}` is among {names}"));
    }
    let flag = if host.parse::<std::net::IpAddr>().is_ok() { "--ip" } else { "--dns" };
    let make = format!("make a certificate that is for `{host}` too (`kes identity new {flag} {host} …`)");
    if certificate.names.is_empty() {
        return Finding::problem("name", "the certificate is for no DNS name and no address", make);
    }
    let message = format!("`{host}` is not among the names of the certificate: {names}");
    Finding::problem("name", message, format!("call the server by one of these, or {make}"))
}

/// How long a certificate is still valid, from its first to its last second since 1970.
///
/// Certificates that live for a short time are renewed by programs: what is left counts only when it is less than a
/// third of their life.
pub(super) fn expiry(not_before: i64, not_after: i64, now: i64) -> Finding {
    let date = |seconds| match Timestamp::from_unix(seconds, 0) {
        Ok(time) => output::time(time),
        Err(_) => "a time that cannot be written".to_owned(),
    };
    let (begin, end) = (date(not_before), date(not_after));
    if now < not_before {
        let hint = "compare the clocks of this machine and of whoever made the certificate, or wait";
        return Finding::problem("expiry", format!("not valid before {begin}"), hint);
    }
    let left = not_after.saturating_sub(now);
    if left < 0 {
        let hint = "renew it; the server takes up new files by itself (`tls.watch`) or with SIGHUP";
        return Finding::problem("expiry", format!("expired at {end}, {} ago", days(-left)), hint);
    }
    let message = format!("valid until {end}, for {}", days(left));
    if left.saturating_mul(3) > not_after.saturating_sub(not_before) || left > NOTICE_DAYS * DAY {
        Finding::ok("expiry", message)
    } else if left > SOON_DAYS * DAY {
        Finding::warning("expiry", message, "plan its renewal")
    } else if left > NOW_DAYS * DAY {
        Finding::warning("expiry", message, "renew it this week")
    } else {
        Finding::problem("expiry", message, "renew it now; the server takes up new files by itself (`tls.watch`)")
    }
}

fn days(seconds: i64) -> String {
    match (seconds / DAY, seconds / 3600) {
        (0, 1) => "1 hour".to_owned(),
        (0, hours) => format!("{hours} hours"),
        (1, _) => "1 day".to_owned(),
        (days, _) => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_told_in_time() {
        // It lives for a year, from day 0 on.
        let state = |now_days: i64| expiry(0, 365 * DAY, now_days * DAY).state;
        for (days, expected) in [
            (-1, State::Problem),
            (0, State::Ok),
            (334, State::Ok),
            (335, State::Warning),
            (358, State::Warning),
            (364, State::Problem),
            (365, State::Problem),
            (366, State::Problem),
        ] {
            assert_eq!(state(days), expected, "day {days}");
        }
        assert_eq!(expiry(0, 365 * DAY, 335 * DAY).message, "valid until 1971-01-01 00:00:00Z, for 30 days");
        assert_eq!(expiry(0, DAY, DAY + 7200).message, "expired at 1970-01-02 00:00:00Z, 2 hours ago");
        assert_eq!(expiry(DAY, 2 * DAY, 0).message, "not valid before 1970-01-02 00:00:00Z");
        assert_eq!(expiry(i64::MIN, i64::MAX, 0).state, State::Ok);
    }

    #[test]
    fn short_lives_are_no_reason_to_warn() {
        assert_eq!(expiry(0, DAY, 3600).state, State::Ok, "a day-long certificate in its first hour");
        assert_eq!(expiry(0, 30 * DAY, 0).state, State::Ok, "what `kes identity new` makes, fresh");
        assert_eq!(expiry(0, 30 * DAY, 21 * DAY).state, State::Warning);
        assert_eq!(expiry(0, DAY, DAY - 3600).state, State::Problem);
    }
}
