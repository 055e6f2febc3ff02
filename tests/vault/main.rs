//! What a server withstands whose keys are in a real OpenBao: others that create the same keys, seals, tokens that end,
//! certificates and keys of transit that are replaced, and kills; that it keeps to its namespace; and that it opens what
//! older releases left there.
#![cfg(feature = "vault")]

mod cluster;
mod engine;
mod issuer;
mod kills;
mod kubernetes;
mod logins;
mod namespaces;
mod passage;
mod races;
mod releases;
mod seals;
mod tls;
mod told;
mod traffic;
mod writers;

#[allow(dead_code, reason = "shared with the tests of the program, which use the rest of it")]
#[path = "../binary/client.rs"]
mod client;
#[allow(dead_code, reason = "shared with the tests of the store, which use the rest of it")]
#[path = "../shared/openbao.rs"]
mod openbao;
#[allow(dead_code, reason = "shared with the tests of the program, which use the rest of it")]
#[path = "../binary/program.rs"]
mod program;
#[path = "../data/releases.rs"]
mod recorded;
#[allow(dead_code, reason = "shared with the tests of the program, which use the rest of it")]
#[path = "../withstand/server.rs"]
mod server;
#[allow(dead_code, reason = "shared with the tests of the program, which use the rest of it")]
#[path = "../binary/site.rs"]
mod site;
#[allow(dead_code, unused_imports, reason = "shared with the tests of the server, which use the rest of it")]
#[path = "../server/support/mod.rs"]
mod support;
