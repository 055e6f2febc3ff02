//! The server as its clients see it: real TLS on a port of its own, status and body to the byte.

mod head;
mod support;
mod tls;
mod transcripts;
