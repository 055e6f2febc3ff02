//! What the server withstands, as the process that is installed: its memory, descriptors and clock are its own, so that
//! they can be looked at, bounded and set.

mod audit;
mod clock;
mod connections;
mod floods;
mod server;

#[allow(dead_code, reason = "shared with the tests of the program, which use the rest of it")]
#[path = "../binary/client.rs"]
mod client;
#[allow(dead_code, reason = "shared with the tests of the program, which use the rest of it")]
#[path = "../binary/program.rs"]
mod program;
#[allow(dead_code, reason = "shared with the tests of the program, which use the rest of it")]
#[path = "../binary/site.rs"]
mod site;
#[allow(dead_code, unused_imports, reason = "shared with the tests of the server, which use the rest of it")]
#[path = "../server/support/mod.rs"]
mod support;
