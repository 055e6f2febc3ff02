//! `/v1/log/…`

use http::Response;

use super::super::error::ApiError;
use super::super::log::Which;
use super::super::reply::{self, Body};
use super::Context;

/// `GET /v1/log/error`, `GET /v1/log/audit`: events from now on, until the client leaves or the server stops.
pub fn follow(context: &Context<'_>, which: Which) -> Result<Response<Body>, ApiError> {
    context.shared.logs.follow(which).map(reply::stream).ok_or_else(ApiError::too_many_subscribers)
}
