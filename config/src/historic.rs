//! What older releases wrote, turned into what is written today, each with a warning (decision 20).
//!
//! The tree is rewritten before it is checked, so that no check knows of history. Moved values keep their places.

use crate::environment::substitute;
use crate::report::{Place, Report};
use crate::tree::{Entry, Node, Value};

/// Settings of a key store that older releases knew, and what to use instead. They do nothing.
const IGNORED_STORE_KEYS: [(&str, &str, &str); 2] =
    [("vault", "name", "`keystore.vault.engine`"), ("vault", "address", "`keystore.vault.endpoint`")];

/// Key stores that are gone.
const GONE_STORES: [&str; 2] = ["kes", "generic"];

/// Rewrites everything that an older release wrote otherwise.
pub(crate) fn modernise(tree: &mut Vec<Entry>, report: &mut Report<'_>) {
    root_to_admin(tree, report);
    keys_to_keystore(tree, report);
    let root = Place::root();
    if let Some((place, policies)) = map_in(tree, &root, "policy") {
        for entry in policies {
            let place = Place { path: place.below(&entry.key), at: entry.at };
            if let Value::Map(policy) = &mut entry.node.value {
                paths_to_allow(policy, &place, report);
            }
        }
    }
    if let Some((place, cache)) = map_in(tree, &root, "cache")
        && let Some((place, expiry)) = map_in(cache, &place, "expiry")
    {
        all_to_any(expiry, &place, report);
    }
    if let Some((place, log)) = map_in(tree, &root, "log") {
        log_files(log, &place, report);
    }
    if let Some((place, keystore)) = map_in(tree, &root, "keystore") {
        stores(keystore, &place, report);
    }
}

/// `root: ID` → `admin: {identity: ID}`
fn root_to_admin(tree: &mut Vec<Entry>, report: &mut Report<'_>) {
    let Some(root) = take(tree, "root") else { return };
    let place = Place { path: "root".into(), at: root.at };
    report.warning(&place, "replaced by `admin.identity`", "move the value there");
    if root.node.is_blank() {
        return;
    }
    let identity = Entry { key: "identity".into(), ..root };
    let at = identity.at;
    let Some(admin) = tree.iter_mut().find(|entry| entry.key == "admin") else {
        let node = Node { at, value: Value::Map(vec![identity]) };
        tree.push(Entry { key: "admin".into(), at, node });
        return;
    };
    if admin.node.is_blank() {
        admin.node.value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = &mut admin.node.value else { return };
    match entries.iter().find(|entry| entry.key == "identity" && !entry.node.is_blank()) {
        None => {
            entries.retain(|entry| entry.key != "identity");
            entries.push(identity);
        }
        Some(today) if same_text(&today.node, &identity.node, report) => {}
        Some(_) => report.error(&place, "`admin.identity` says something else", "remove `root`"),
    }
}

/// `keys: {fs: …}`, for a while the place of the key store, → `keystore: {fs: …}`
fn keys_to_keystore(tree: &mut Vec<Entry>, report: &mut Report<'_>) {
    if !tree.iter().any(|entry| entry.key == "keys" && matches!(entry.node.value, Value::Map(_))) {
        return;
    }
    let Some(keys) = take(tree, "keys") else { return };
    let place = Place { path: "keys".into(), at: keys.at };
    if tree.iter().any(|entry| entry.key == "keystore" && !matches!(entry.node.value, Value::Null)) {
        let hint = "keep the key store under `keystore`; `keys` is a list of key names";
        report.error(&place, "a mapping here is a key store, and `keystore` is one too", hint);
        return;
    }
    report.warning(&place, "a mapping here is a key store: replaced by `keystore`", "rename it to `keystore`");
    tree.retain(|entry| entry.key != "keystore");
    tree.push(Entry { key: "keystore".into(), ..keys });
}

/// `paths` → `allow`
fn paths_to_allow(policy: &mut Vec<Entry>, place: &Place, report: &mut Report<'_>) {
    let Some(paths) = take(policy, "paths") else { return };
    let place = Place { path: place.below("paths"), at: paths.at };
    if policy.iter().any(|entry| entry.key == "allow" && !matches!(entry.node.value, Value::Null)) {
        report.error(&place, "replaced by `allow`, which stands here too", "move the rules to `allow`");
        return;
    }
    report.warning(&place, "replaced by `allow`", "rename it to `allow`");
    policy.retain(|entry| entry.key != "allow");
    policy.push(Entry { key: "allow".into(), ..paths });
}

/// `all` → `any`
fn all_to_any(expiry: &mut Vec<Entry>, place: &Place, report: &mut Report<'_>) {
    let Some(all) = take(expiry, "all") else { return };
    let place = Place { path: place.below("all"), at: all.at };
    if expiry.iter().any(|entry| entry.key == "any" && !matches!(entry.node.value, Value::Null)) {
        report.warning(&place, "replaced by `any`, which stands here too: ignored", "remove it");
        return;
    }
    report.warning(&place, "replaced by `any`", "rename it to `any`");
    expiry.retain(|entry| entry.key != "any");
    expiry.push(Entry { key: "any".into(), ..all });
}

/// `error: {file: …}` and `audit: {file: …}` → nothing
fn log_files(log: &mut [Entry], place: &Place, report: &mut Report<'_>) {
    for stream in log.iter_mut().filter(|entry| matches!(entry.key.as_str(), "error" | "audit")) {
        let place = Place { path: place.below(&stream.key), at: stream.at };
        let Value::Map(entries) = &mut stream.node.value else { continue };
        for key in ["file", "files"] {
            ignore(entries, &place, key, "a level, and `log.file.audit.path` for a file of audit events", report);
        }
        if entries.is_empty() {
            stream.node.value = Value::Null;
        }
    }
}

/// Key stores that are gone, and settings of the others that are.
fn stores(keystore: &mut Vec<Entry>, place: &Place, report: &mut Report<'_>) {
    for name in GONE_STORES {
        let Some(gone) = take(keystore, name) else { continue };
        let place = Place { path: place.below(name), at: gone.at };
        let has_endpoint = gone.node.get("endpoint").is_some_and(|endpoint| !endpoint.is_blank());
        if has_endpoint {
            report.error(
                &place,
                "this key store is no longer supported",
                "move the keys to another with `kes migrate`",
            );
        } else {
            report.warning(&place, "this key store is no longer supported: ignored", "remove it");
        }
    }
    if let Some((place, aws)) = map_in(keystore, place, "aws") {
        ignore(aws, &place, "secrets_manager", "`keystore.aws.secretsmanager`", report);
    }
    for (store, key, today) in IGNORED_STORE_KEYS {
        if let Some((place, store)) = map_in(keystore, place, store) {
            ignore(store, &place, key, today, report);
        }
    }
    for entry in keystore {
        retries(entry, place, report);
    }
}

/// `retry`, at any level of a store, → nothing
fn retries(entry: &mut Entry, parent: &Place, report: &mut Report<'_>) {
    let place = Place { path: parent.below(&entry.key), at: entry.at };
    if let Value::Map(entries) = &mut entry.node.value {
        ignore(entries, &place, "retry", "`keystore.retries` and `keystore.outage_wait`", report);
        for entry in entries {
            retries(entry, &place, report);
        }
    }
}

/// Removes a key that does nothing any more.
fn ignore(entries: &mut Vec<Entry>, parent: &Place, key: &str, today: &str, report: &mut Report<'_>) {
    if let Some(old) = take(entries, key) {
        let place = Place { path: parent.below(key), at: old.at };
        report.warning(&place, format!("ignored: replaced by {today}"), "remove it");
    }
}

fn take(entries: &mut Vec<Entry>, key: &str) -> Option<Entry> {
    let index = entries.iter().position(|entry| entry.key == key)?;
    Some(entries.remove(index))
}

/// The mapping under a key, if that is one.
fn map_in<'t>(entries: &'t mut [Entry], parent: &Place, key: &str) -> Option<(Place, &'t mut Vec<Entry>)> {
    let entry = entries.iter_mut().find(|entry| entry.key == key)?;
    let place = Place { path: parent.below(key), at: entry.at };
    match &mut entry.node.value {
        Value::Map(entries) => Some((place, entries)),
        _ => None,
    }
}

/// Whether both are the same text once variables are put in.
fn same_text(one: &Node, other: &Node, report: &Report<'_>) -> bool {
    match (&one.value, &other.value) {
        (Value::Text(one), Value::Text(other)) => substitute(one, report.environment)
            .is_ok_and(|one| substitute(other, report.environment).is_ok_and(|other| one == other)),
        _ => false,
    }
}
