//! TLS towards Vault from the files of the configuration (specification: `keystores.md` §1.9, defect V9).

use std::path::Path;
use std::time::SystemTime;

use kes_client::{BackendTls, ClientIdentity, pem};
use kes_config::keystore::StoreTls;
use rustls::ClientConfig;

/// What the files look like: equal stamps mean that none has changed.
pub(super) type Stamp = Vec<Option<(SystemTime, u64, u64)>>;

/// Looks at the files, through whatever links. A file that is missing is a look as well.
pub(super) fn stamp(settings: &StoreTls) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    let looked_at = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
    };
    let ca = settings.ca.iter().flat_map(|path| pem::files_at(path).unwrap_or_default());
    let client = settings.client.iter().flat_map(|client| [client.cert.clone(), client.key.clone()]);
    ca.chain(client).map(|path| looked_at(&path)).collect()
}

/// Reads the files.
///
/// # Errors
/// Any file that cannot be used, named.
pub(super) fn client_config(settings: &StoreTls) -> Result<ClientConfig, String> {
    let identity = match &settings.client {
        None => None,
        Some(client) => Some(
            ClientIdentity::from_files(&client.cert, &client.key, None)
                .map_err(|error| format!("keystore.vault.tls: {error}"))?,
        ),
    };
    let tls = BackendTls {
        ca: settings.ca.as_deref(),
        system_roots: settings.system_roots,
        server_name: settings.server_name.as_deref(),
        identity: identity.as_ref(),
    };
    tls.client_config().map_err(|error| format!("keystore.vault.tls: {error}"))
}
