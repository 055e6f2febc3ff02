//! A typed client for a KES-compatible key encryption service.

pub mod pem;
pub mod wire;
