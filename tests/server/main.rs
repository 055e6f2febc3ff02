//! The server as its clients see it: real TLS on a port of its own, status and body to the byte.

mod api;
mod audit;
mod bodies;
mod cache;
mod head;
mod health;
mod http1;
mod http2;
mod idle;
mod limits;
mod listing;
mod load;
mod logs;
mod metrics;
mod names;
mod panics;
mod prometheus;
mod proxies;
mod proxy_protocol;
mod releases;
mod reload;
mod routing;
mod shutdown;
mod support;
mod tls;
mod transcripts;
