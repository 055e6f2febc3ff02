//! Keys in files, and what can happen to files: the server answers, says what is wrong in its log, and goes on.

mod directory;
mod entries;
mod foreign;
mod full_disk;
mod log;
mod predefined;
mod races;
mod releases;
mod store;

#[allow(dead_code, unused_imports, reason = "shared with the tests of the server, which use the rest of it")]
#[path = "../server/support/mod.rs"]
mod support;
