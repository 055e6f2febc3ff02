//! `tls`: the server's certificate, and which clients it talks to.

use std::path::PathBuf;
use std::time::Duration;

use kes_core::SecretText;
use kes_core::caller::Admin;

use crate::Overrides;
use crate::proxy::{self, Proxy};
use crate::report::Report;
use crate::scalar;
use crate::section::Section;

/// How often certificate files are looked at if the file does not say.
const DEFAULT_WATCH: Duration = Duration::from_secs(10);

/// When the end of a certificate's life is announced if the file does not say: 30 days, a week, a day before.
const DEFAULT_EXPIRY_WARNINGS: [Duration; 3] =
    [Duration::from_hours(720), Duration::from_hours(168), Duration::from_hours(24)];

/// TLS of the server. The files are named here and read by the server.
#[derive(Debug)]
pub struct Tls {
    /// `key`: PEM file with the private key.
    pub key: PathBuf,
    /// `cert`: PEM file with the certificate, leaf first.
    pub cert: PathBuf,
    /// `password` of an encrypted private key.
    pub password: Option<SecretText>,
    /// `auth`: whether client certificates must chain to a trusted CA.
    pub verify_clients: bool,
    /// `ca`: file or directory with CAs of client certificates, beside the system's.
    pub ca: Option<PathBuf>,
    /// `proxy`: reverse proxies in front of the server, if there are any.
    pub proxy: Option<Proxy>,
    /// `watch`: how often the files are looked at for new content; `None`: never.
    pub watch: Option<Duration>,
    /// `expiry_warnings`: how long before the certificate's end a warning is due, longest first.
    pub expiry_warnings: Vec<Duration>,
}

/// The TLS settings, `None` if key or certificate are missing. `--key`, `--cert` and `--auth=on` count for more than
/// the file (decision 23).
pub(crate) fn check(
    root: &mut Section<'_>,
    overrides: &Overrides,
    admin: Option<&Admin>,
    report: &mut Report<'_>,
) -> Option<Tls> {
    let mut tls = root.section("tls", report);
    let key = file(&mut tls, "key", "the file of the private key", overrides.key.as_ref(), report);
    let cert = file(&mut tls, "cert", "the file of the certificate", overrides.cert.as_ref(), report);
    let password = tls.secret("password", report);
    let verify_clients = tls.switch("auth", report).unwrap_or(false) || overrides.verify_clients;
    let ca = tls.path("ca", report);
    let proxy = proxy::check(&mut tls, admin, report);
    let watch = tls.duration("watch", report).unwrap_or(DEFAULT_WATCH);
    let expiry_warnings = expiry_warnings(&mut tls, report);
    tls.finish(report);
    let watch = (!watch.is_zero()).then_some(watch);
    Some(Tls { key: key?, cert: cert?, password, verify_clients, ca, proxy, watch, expiry_warnings })
}

fn file(
    tls: &mut Section<'_>,
    name: &'static str,
    what: &str,
    overridden: Option<&PathBuf>,
    report: &mut Report<'_>,
) -> Option<PathBuf> {
    match overridden {
        // What the file says does not count, and may be missing; its kind must be right all the same.
        Some(path) => {
            tls.text(name, report);
            Some(path.clone())
        }
        None => tls.required(name, what, report).map(|text| PathBuf::from(text.value.as_str())),
    }
}

fn expiry_warnings(tls: &mut Section<'_>, report: &mut Report<'_>) -> Vec<Duration> {
    let Some(items) = tls.list("expiry_warnings", report) else { return DEFAULT_EXPIRY_WARNINGS.to_vec() };
    let mut warnings: Vec<Duration> = items.iter().filter_map(|item| item.parse(report, scalar::duration)).collect();
    warnings.sort_unstable_by(|a, b| b.cmp(a));
    warnings.dedup();
    warnings
}
