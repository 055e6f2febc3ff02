//! File → [`Config`]: every topic in turn, and what holds between them.

use std::collections::BTreeMap;

use kes_core::Access;

use crate::api::ApiSettings;
use crate::keystore::KeyStore;
use crate::report::Report;
use crate::section::Section;
use crate::tree::Entry;
use crate::{
    Config, Overrides, address, admin, api, cache, compat, health, keys, keystore, limits, log, metrics, policy,
    proxy_protocol, shutdown, tls,
};

/// What can be had of a file that lacks something.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    pub(crate) access: Option<Access>,
    pub(crate) tls: Option<tls::Tls>,
    pub(crate) api: BTreeMap<String, ApiSettings>,
    pub(crate) keystore: Option<KeyStore>,
}

/// The only format of the file that there is.
const VERSION: &str = "v1";

/// Checks the whole tree. A configuration beside which errors were reported must not be used.
pub(crate) fn check(
    tree: &[Entry],
    overrides: &Overrides,
    report: &mut Report<'_>,
) -> Result<Box<Config>, Box<Fragments>> {
    let mut root = Section::root(tree);
    version(&mut root, report);
    let address = match overrides.address {
        // What the file says does not count; its kind must be right all the same.
        Some(address) => {
            root.text("address", report);
            address
        }
        None => address::check(&mut root, report),
    };
    let admin = admin::check(&mut root, report);
    let tls = tls::check(&mut root, overrides, admin.as_ref(), report);
    let proxy = tls.as_ref().and_then(|tls| tls.proxy.as_ref());
    let access = policy::check(&mut root, admin, proxy, report);
    let cache = cache::check(&mut root, report);
    let api = api::check(&mut root, report);
    let log = log::check(&mut root, report);
    let keys = keys::check(&mut root, report);
    let (keystore, store_calls) = keystore::check(&mut root, report);
    let limits = limits::check(&mut root, report);
    let shutdown_grace = shutdown::check(&mut root, report);
    let health = health::check(&mut root, report);
    let proxy_protocol = proxy_protocol::check(&mut root, report);
    let metrics_extended = metrics::check(&mut root, report);
    let legacy_error_texts = compat::check(&mut root, report);
    root.reserved("deletion", report);
    root.reserved("lifecycle", report);
    root.finish(report);
    match (access, tls, keystore) {
        (Some(access), Some(tls), Some(keystore)) => Ok(Box::new(Config {
            address,
            access,
            tls,
            cache,
            api,
            log,
            keys,
            keystore,
            store_calls,
            limits,
            shutdown_grace,
            health,
            proxy_protocol,
            metrics_extended,
            legacy_error_texts,
        })),
        (access, tls, keystore) => Err(Box::new(Fragments { access, tls, api, keystore })),
    }
}

/// `version`, which no variable can give: it says how the rest is read.
fn version(root: &mut Section<'_>, report: &mut Report<'_>) {
    if let Some(text) = root.literal("version", report)
        && !matches!(text.value.as_str(), "" | VERSION)
    {
        let message = format!("{} is not a version of this file", crate::problem::shown(&text.value));
        report.error(&text.place, message, "write `v1`");
    }
}
