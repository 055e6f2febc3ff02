//! The server and the command line of a KES-compatible key encryption service.
//!
//! A library so that the whole-program tests can start a server in their own process, with a key store of theirs. The
//! program itself is `src/main.rs`.

pub mod build;
pub mod keys;
pub mod serve;
pub mod server;
