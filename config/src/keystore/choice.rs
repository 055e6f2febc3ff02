//! Which key store is chosen.
//!
//! Published sample files list every store with empty values, so that what counts is not which sections stand in the
//! file but which are filled in (decision 35).

use crate::environment::substitute;
use crate::keystore::{KeyStore, StoreCalls, aws, azure, calls, entrust, fortanix, fs, gcp, keysecure, vault};
use crate::report::{Place, Report};
use crate::section::Section;
use crate::tree::{Node, Value};

/// A kind of key store, as the file names it.
struct Kind {
    vendor: &'static str,
    product: Option<&'static str>,
    /// The values that every such store needs: one that is not empty makes the section filled in.
    required: &'static [&'static str],
    check: fn(Section<'_>, &mut Report<'_>) -> Option<KeyStore>,
}

const KINDS: [Kind; 9] = [
    Kind { vendor: "fs", product: None, required: fs::REQUIRED, check: fs::check },
    Kind { vendor: "vault", product: None, required: vault::REQUIRED, check: vault::check },
    Kind { vendor: "openbao", product: None, required: vault::REQUIRED, check: vault::check },
    Kind { vendor: "fortanix", product: Some("sdkms"), required: fortanix::REQUIRED, check: fortanix::check },
    Kind { vendor: "gemalto", product: Some("keysecure"), required: keysecure::REQUIRED, check: keysecure::check },
    Kind { vendor: "gcp", product: Some("secretmanager"), required: gcp::REQUIRED, check: gcp::check },
    Kind { vendor: "aws", product: Some("secretsmanager"), required: aws::REQUIRED, check: aws::check },
    Kind { vendor: "azure", product: Some("keyvault"), required: azure::REQUIRED, check: azure::check },
    Kind { vendor: "entrust", product: Some("keycontrol"), required: entrust::REQUIRED, check: entrust::check },
];

/// A key store that stands in the file.
struct Candidate<'t> {
    kind: &'static Kind,
    place: Place,
    node: &'t Node,
}

/// The one store that is filled in, and how calls to it are bounded.
pub(crate) fn check(root: &mut Section<'_>, report: &mut Report<'_>) -> (Option<KeyStore>, StoreCalls) {
    let mut keystore = root.section("keystore", report);
    let calls = calls::check(&mut keystore, report);
    let candidates = candidates(&mut keystore, report);
    let place = keystore.place.clone();
    keystore.finish(report);

    one_name_for_vault(&candidates, report);
    let (filled, blank): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|candidate| is_filled(candidate, report));
    let (used, ignored) = if filled.is_empty() { (blank, Vec::new()) } else { (filled, blank) };
    for candidate in ignored {
        report.warning(&candidate.place, "not filled in: ignored", "remove the section, or fill it in");
    }
    match used.as_slice() {
        [] => report.error(&place, "there is no key store", format!("fill in one of {}", names(KINDS.iter()))),
        [_] => {}
        // Those that are not filled in say below what they lack.
        several if several.iter().all(|candidate| !is_filled(candidate, report)) => {}
        several => {
            let names = names(several.iter().map(|candidate| candidate.kind));
            report.error(&place, format!("there is more than one key store: {names}"), "keep one of them");
        }
    }
    let mut stores = used.into_iter().map(|candidate| {
        let section = Section::of_node(candidate.place, candidate.node, report);
        (candidate.kind.check)(section, report)
    });
    let first = stores.next().flatten();
    // What is wrong with the others is worth knowing too.
    stores.for_each(drop);
    (first, calls)
}

fn candidates<'t>(keystore: &mut Section<'t>, report: &mut Report<'_>) -> Vec<Candidate<'t>> {
    let mut candidates = Vec::new();
    for kind in &KINDS {
        let found = match kind.product {
            None => keystore.node(kind.vendor),
            Some(product) => {
                let mut vendor = keystore.section(kind.vendor, report);
                let found = vendor.node(product);
                vendor.finish(report);
                found
            }
        };
        candidates.extend(found.map(|(place, node)| Candidate { kind, place, node }));
    }
    candidates
}

/// OpenBao is another name of the same store: two sections cannot both be meant.
fn one_name_for_vault(candidates: &[Candidate<'_>], report: &mut Report<'_>) {
    let named = |vendor| candidates.iter().find(move |candidate| candidate.kind.vendor == vendor);
    if let (Some(_), Some(openbao)) = (named("vault"), named("openbao")) {
        let message = "another name of `keystore.vault`, which stands here too";
        report.error(&openbao.place, message, "keep one of the two");
    }
}

/// Whether one of the required values is not empty. A section that is no mapping is not empty either: it was meant.
fn is_filled(candidate: &Candidate<'_>, report: &Report<'_>) -> bool {
    let is_text = |node: &Node| match &node.value {
        Value::Text(text) => substitute(text, report.environment).is_ok_and(|text| !is_blank(&text)),
        value => !matches!(value, Value::Null),
    };
    let value_at = |path: &&str| path.split('.').try_fold(candidate.node, |node, key| node.get(key));
    match candidate.node.value {
        Value::Map(_) => candidate.kind.required.iter().filter_map(value_at).any(is_text),
        _ => true,
    }
}

/// Nothing, or a placeholder of a sample file such as `<your-endpoint>`.
fn is_blank(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.starts_with('<') && text.ends_with('>')
}

fn names<'k>(kinds: impl Iterator<Item = &'k Kind>) -> String {
    let name = |kind: &Kind| match kind.product {
        Some(product) => format!("`keystore.{}.{product}`", kind.vendor),
        None => format!("`keystore.{}`", kind.vendor),
    };
    kinds.map(name).collect::<Vec<_>>().join(", ")
}
