//! Whether Vault can work (specification: `keystores.md` §4.9).

use reqwest::Method;
use serde::Deserialize;

use super::seal::sealed;
use super::transport::{Request, Transport};
use crate::StoreError;

/// Every state is an answer: what it is stands in the body. Standbys hand requests on, so they are as good as the active
/// node. Newer servers know two more states.
const PATH: &str = "/v1/sys/health?uninitcode=299&sealedcode=299&standbycode=299&drsecondarycode=299\
                    &performancestandbycode=299&removedcode=299&haunhealthycode=299";

/// What to do about an answer that tells no state: Vault has one for everybody.
const ENDPOINT: &str = "`keystore.vault.endpoint` has to be that of vault, with `https` if it speaks TLS";

#[derive(Deserialize)]
struct State {
    initialized: bool,
    sealed: bool,
    #[serde(default)]
    replication_dr_mode: String,
}

/// Asks Vault how it is. Without a namespace: only the root has an answer.
///
/// # Errors
/// [`StoreError::Unavailable`] if it cannot be reached, is sealed, not set up, or only there for the worst case.
pub(super) async fn check(transport: &Transport) -> Result<(), StoreError> {
    let answer = transport.send(&Request::new(Method::GET, PATH.to_owned(), None), None).await?;
    let state: State = answer.content().map_err(|error| match error {
        StoreError::Denied(reason) => StoreError::Denied(format!("{reason}; hint: {ENDPOINT}")),
        StoreError::Unavailable(reason) => StoreError::Unavailable(format!("{reason}; hint: {ENDPOINT}")),
        error => error,
    })?;
    let unavailable = |reason: &str| Err(StoreError::Unavailable(reason.to_owned()));
    if !state.initialized {
        return unavailable("vault is not initialized; hint: `vault operator init`");
    }
    transport.seal.note(state.sealed);
    if state.sealed {
        return Err(sealed());
    }
    if state.replication_dr_mode == "secondary" {
        return unavailable("vault is a secondary for disaster recovery, which serves nobody until it is promoted");
    }
    Ok(())
}
