//! Secrets that are easily recognised go through every part of the program, and must not come out where they should
//! not: not in the log at its most verbose, not in an answer that is an error, not in the text of any error or `Debug`, and
//! not in what those see who watch the server.
//!
//! | secret | may be in |
//! | --- | --- |
//! | root keys, their HMAC keys, stored entries | nothing that leaves the program |
//! | data keys, plaintexts, contexts, messages, ciphertexts | the answer that was asked for |
//! | passwords and tokens of the configuration, API keys | nothing |
//!
//! Names, identities and addresses are no secrets; a client that names a key after its secret is on its own.

mod configuration;
mod log;
mod requests;
mod secrets;
mod stores;
mod transport;
mod types;
#[cfg(feature = "vault")]
mod vault;
mod watchers;

#[allow(dead_code, unused_imports, reason = "shared with the tests of the server, which use the rest of it")]
#[path = "../server/support/mod.rs"]
mod support;
