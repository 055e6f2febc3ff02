//! Calls to Vault with the token in use, and once more with another one if Vault refuses that.

use std::sync::Arc;

use super::answer::Answer;
use super::session::{Lease, Session};
use super::transport::{Request, Transport};
use crate::StoreError;

/// 403: the token is not valid, or may not do this. Vault does not tell which.
const FORBIDDEN: u16 = 403;

/// Vault, for somebody who has logged in.
pub(super) struct Api {
    pub(super) transport: Arc<Transport>,
    pub(super) session: Session,
    pub(super) namespace: Option<String>,
    /// Whether reads go to the active node.
    pub(super) forward: bool,
}

impl Api {
    /// The answer to a request, after another login if need be.
    ///
    /// # Errors
    /// Those of [`Transport::send`] and of the login; a refusal is an answer.
    pub(super) async fn call(&self, request: Request<'_>) -> Result<Answer, StoreError> {
        let (answer, lease) = self.call_once(&request).await?;
        if answer.status != FORBIDDEN {
            return Ok(answer);
        }
        self.call_again(&request, &lease, answer).await
    }

    /// As [`call`](Self::call), for a request that is also refused if what it would make is there already: `None` then.
    /// Tokens need no right to overwrite, and Vault looks at rights first.
    ///
    /// # Errors
    /// As [`call`](Self::call), and those of `is_there`.
    pub(super) async fn call_unless(
        &self,
        request: Request<'_>,
        is_there: impl Future<Output = Result<bool, StoreError>>,
    ) -> Result<Option<Answer>, StoreError> {
        let (answer, lease) = self.call_once(&request).await?;
        if answer.status != FORBIDDEN {
            return Ok(Some(answer));
        }
        if is_there.await? {
            return Ok(None);
        }
        self.call_again(&request, &lease, answer).await.map(Some)
    }

    async fn call_once(&self, request: &Request<'_>) -> Result<(Answer, Arc<Lease>), StoreError> {
        self.transport.seal.check()?;
        let lease = self.session.lease();
        let answer = self.transport.send(request, Some(&lease.token)).await?;
        Ok((answer, lease))
    }

    async fn call_again(
        &self,
        request: &Request<'_>,
        refused: &Arc<Lease>,
        refusal: Answer,
    ) -> Result<Answer, StoreError> {
        let Some(lease) = self.session.replace(refused).await? else { return Ok(refusal) };
        let answer = self.transport.send(request, Some(&lease.token)).await?;
        if answer.status == FORBIDDEN && lease.may_be_unknown() {
            return Err(StoreError::Unavailable(format!("{} (with a token of this moment)", answer.message())));
        }
        Ok(answer)
    }
}
