//! What is wrong with a configuration and with the files that it names. Nothing is connected, bound or created.

use std::path::Path;

use kes_config::{Inspection, Overrides, Problem, ProcessEnvironment, Severity, Tls, inspect};
use rustls_pki_types::UnixTime;

use super::{harden, settings};
use crate::server::{ClientMode, Expiry, TlsState, TlsWatch};

/// All problems, errors and warnings, in the file's order. With an error a server would not start; what only shows when
/// its key store is connected or its port is bound is not among them.
#[must_use]
pub fn check(path: &Path, overrides: &Overrides) -> Vec<Problem> {
    // Before any secret is read. A server that starts says why where this cannot be had.
    let _ = harden::no_dumps();
    let inspection = inspect(path, &ProcessEnvironment, overrides);
    let mut problems = inspection.problems.clone();
    if let Some(tls) = inspection.tls() {
        problems.extend(tls_problems(&inspection, tls));
    }
    if let Some(Err(error)) = inspection.keystore().map(kes_keystores::connect::check) {
        let text = error.to_string();
        // It begins with the setting, as wherever else it is read.
        let (setting, text) = text.split_once(": ").unwrap_or(("keystore", &text));
        problems.push(told(&inspection, Severity::Error, setting, text));
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

fn tls_problems(inspection: &Inspection, tls: &Tls) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(proxy) = &tls.proxy
        && let Err(failure) = settings::proxies(proxy.clone())
    {
        problems.push(told(inspection, Severity::Error, "tls.proxy.header.cert", &failure.message));
    }
    // Whether a certificate is demanded of clients makes no difference to the files.
    let mode = ClientMode { required: true, verified: tls.verify_clients };
    match TlsState::load(settings::files(tls), mode) {
        Err(errors) => problems.extend(errors.as_slice().iter().map(|error| {
            let hint = error.hint().map(str::to_owned);
            inspection.problem(Severity::Error, error.setting(), error.message(), hint)
        })),
        Ok(state) => {
            let watch = TlsWatch { every: None, expiry_warnings: tls.expiry_warnings.clone() };
            let state = state.watched(watch);
            let ends = || Expiry::default().notice(&state, UnixTime::now()).map(|notice| notice.to_string());
            if let Some(warning) = state.warning().map(str::to_owned).or_else(ends) {
                problems.push(told(inspection, Severity::Warning, "tls.cert", &warning));
            }
        }
    }
    problems
}

/// A problem from a message that ends in its cure, as those do that an operator reads elsewhere.
fn told(inspection: &Inspection, severity: Severity, setting: &str, text: &str) -> Problem {
    match text.rsplit_once("; hint: ") {
        Some((message, hint)) => inspection.problem(severity, setting, message.to_owned(), Some(hint.to_owned())),
        None => inspection.problem(severity, setting, text.to_owned(), None),
    }
}
