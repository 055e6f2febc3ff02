//! A typed client for a KES-compatible key encryption service.

pub mod certificate;
pub mod pem;
pub mod wire;
