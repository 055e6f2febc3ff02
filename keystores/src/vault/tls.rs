//! TLS towards Vault from the files of the configuration (specification: `keystores.md` §1.9, defect V9).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use kes_client::{BackendTls, ClientIdentity, pem};
use kes_config::keystore::StoreTls;
use kes_core::SecretBytes;
use rustls::ClientConfig;

/// What is in the files, as a hash of each: equal stamps mean that none has changed. Whoever could make two files with
/// one hash may write what is trusted anyway.
pub(super) type Stamp = Vec<Option<u64>>;

/// Looks into the files, through whatever links: neither a copy of the same content nor the time of a change means
/// anything. A file that is missing is a look as well.
pub(super) fn stamp(settings: &StoreTls) -> Stamp {
    let looked_at = |path: &Path| {
        let content = SecretBytes::from(std::fs::read(path).ok()?);
        let mut hasher = DefaultHasher::new();
        content.expose().hash(&mut hasher);
        Some(hasher.finish())
    };
    let ca = settings.ca.iter().flat_map(|path| pem::files_at(path).unwrap_or_default());
    let client = settings.client.iter().flat_map(|client| [client.cert.clone(), client.key.clone()]);
    ca.chain(client).map(|path| looked_at(&path)).collect()
}

fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// Reads the files.
///
/// # Errors
/// Any file that cannot be used, named.
pub(super) fn client_config(settings: &StoreTls) -> Result<ClientConfig, String> {
    let identity = match &settings.client {
        None => None,
        Some(client) => Some(ClientIdentity::from_files(&client.cert, &client.key, None).map_err(|error| {
            format!("keystore.vault.tls: {error} ({} and {})", shown(&client.cert), shown(&client.key))
        })?),
    };
    let tls = BackendTls {
        ca: settings.ca.as_deref(),
        system_roots: settings.system_roots,
        server_name: settings.server_name.as_deref(),
        identity: identity.as_ref(),
    };
    tls.client_config().map_err(|error| format!("keystore.vault.tls: {error}"))
}
