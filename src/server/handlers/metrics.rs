//! `/v1/metrics`

use http::Response;

use super::super::metrics::Format;
use super::super::reply::{self, Body};
use super::Context;

/// `GET /v1/metrics`, `GET /v1/metrics?format=extended`. Another format, or none, is the one that every client knows.
pub fn metrics(context: &Context<'_>) -> Response<Body> {
    let asks = context.query.split('&').any(|pair| pair == "format=extended");
    let format = if asks && context.state.extended_metrics { Format::Extended } else { Format::Classic };
    reply::metrics(context.shared.metrics.render(format, context.shared))
}
