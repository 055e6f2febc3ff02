//! A configuration as a server would load it: what is written, the files of TLS, the key store.

use std::path::Path;
use std::time::Duration;

use kes::server::{ClientMode, TlsFiles, TlsState};
use kes_client::{certificate as certificates, pem};
use kes_config::{Loaded, Problem, ProcessEnvironment, Severity};

use super::finding::{Finding, State, Subject};
use super::{certificate, store};

/// What to do about a TLS file whose error does not say.
const TLS_HINT: &str = "look at the file, and at who may read it";

/// Looks at a configuration and all that it names. Ends in time, `limit` for each step, and must not be ended before:
/// with `probe` there is an entry in the key store meanwhile.
pub(super) async fn examine(file: &Path, limit: Duration, probe: bool) -> Subject {
    let name = file.display().to_string();
    let Loaded { config, warnings } = match kes_config::load(file, &ProcessEnvironment) {
        Ok(loaded) => loaded,
        Err(problems) => {
            let mut findings: Vec<Finding> = problems.as_slice().iter().map(written).collect();
            findings.push(Finding::skipped("keystore", "first the configuration has to be mended"));
            return Subject::new(name, findings);
        }
    };
    let mut findings: Vec<Finding> = warnings.iter().map(written).collect();
    if findings.is_empty() {
        findings.push(Finding::ok("configuration", "valid"));
    }
    let mode = ClientMode { required: !config.any_skip_auth(), verified: config.tls.verify_clients };
    let cert = config.tls.cert.clone();
    let files =
        TlsFiles { key: config.tls.key, cert: config.tls.cert, password: config.tls.password, ca: config.tls.ca };
    findings.extend(tls(files, mode, &cert));
    findings.extend(store::findings(&config.keystore, &config.store_calls, limit, probe).await);
    Subject::new(name, findings)
}

fn written(problem: &Problem) -> Finding {
    let state = match problem.severity {
        Severity::Error => State::Problem,
        Severity::Warning => State::Warning,
    };
    let place = if problem.line > 0 { format!("line {}: ", problem.line) } else { String::new() };
    let path = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
    let message = format!("{place}{path}{}", problem.message);
    Finding { check: "configuration", state, message, hint: problem.hint.clone() }
}

/// What is wrong with the files, or how long the certificate is still valid.
fn tls(files: TlsFiles, mode: ClientMode, cert: &Path) -> Vec<Finding> {
    if let Err(errors) = TlsState::load(files, mode) {
        let told = |error| Finding::of_text("tls", State::Problem, &format!("{error}"), TLS_HINT);
        return errors.as_slice().iter().map(told).collect();
    }
    let mut findings = vec![Finding::ok("tls", "certificate and key can be read and belong together")];
    let read = std::fs::read(cert).ok().and_then(|content| pem::read_certificates(&content).ok());
    let validity = read.and_then(|chain| certificates::validity(chain.first()?).ok());
    findings.extend(validity.map(|(begin, end)| certificate::expiry(begin, end, super::endpoint::now())));
    findings
}
