//! What each route does. A handler gets what was checked before it, and answers or fails.

pub mod identity;
pub mod key;
pub mod log;
pub mod metrics;
pub mod policy;
pub mod status;

use kes_core::ListPattern;

use super::error::ApiError;
use super::state::{Shared, State};

/// What all handlers of a request share.
#[derive(Debug)]
pub struct Context<'a> {
    /// The state that the request began with.
    pub state: &'a State,
    /// What outlives it.
    pub shared: &'a Shared,
    /// The decoded rest of the path; empty on exact routes.
    pub argument: &'a str,
    /// The argument is what was sent. If not, it has replacement characters for what was no UTF-8, and names nothing.
    pub is_text: bool,
    /// What follows the path, as it was sent.
    pub query: &'a str,
}

impl Context<'_> {
    /// The argument as a list pattern.
    fn pattern(&self) -> Result<ListPattern, ApiError> {
        self.argument.parse().map_err(|_| ApiError::pattern(self.argument))
    }
}
