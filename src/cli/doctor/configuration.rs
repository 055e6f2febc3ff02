//! A configuration as a server would load it: what is written, the files of TLS, the key store.

use std::path::Path;
use std::time::Duration;

use kes_client::{certificate as certificates, pem};
use kes_config::{Loaded, Overrides, Problem, ProcessEnvironment, Severity};

use super::finding::{Finding, State, Subject};
use super::{certificate, endpoint, store};

/// Where the configuration names the server's certificate.
const CERTIFICATE: &str = "tls.cert";

/// Looks at a configuration and all that it names. Ends in time, `limit` for each step, and must not be ended before:
/// with `probe` there is an entry in the key store meanwhile.
pub(super) async fn examine(file: &Path, limit: Duration, probe: bool) -> Subject {
    let problems = kes::serve::check(file, &Overrides::default());
    // How long the certificate is valid is a finding of its own, which knows that an expired one serves nobody.
    let is_expiry = |problem: &Problem| problem.severity == Severity::Warning && problem.path == CERTIFICATE;
    let mut findings: Vec<Finding> = problems.iter().filter(|problem| !is_expiry(problem)).map(written).collect();
    if findings.is_empty() {
        findings.push(Finding::ok("configuration", "valid, and so are its TLS files"));
    }
    match kes_config::load(file, &ProcessEnvironment) {
        Ok(Loaded { config, warnings: _ }) => {
            findings.extend(expiry(&config.tls.cert));
            findings.extend(store::findings(&config.keystore, &config.store_calls, limit, probe).await);
        }
        // It was told why.
        Err(_) => findings.push(Finding::skipped("keystore", "first the configuration has to be mended")),
    }
    Subject::new(file.display().to_string(), findings)
}

fn written(problem: &Problem) -> Finding {
    let state = match problem.severity {
        Severity::Error => State::Problem,
        Severity::Warning => State::Warning,
    };
    let place = if problem.line > 0 { format!("line {}: ", problem.line) } else { String::new() };
    let path = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
    let hint = problem.hint.as_deref().unwrap_or("correct it in the configuration");
    Finding {
        check: "configuration",
        state,
        message: format!("{place}{path}{}", problem.message),
        hint: Some(hint.to_owned()),
    }
}

/// How long the certificate is still valid; nothing if it cannot be read, which was told.
fn expiry(cert: &Path) -> Option<Finding> {
    let chain = pem::read_certificates(&std::fs::read(cert).ok()?).ok()?;
    let (begin, end) = certificates::validity(chain.first()?).ok()?;
    Some(certificate::expiry(begin, end, endpoint::now()))
}
