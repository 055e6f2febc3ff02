//! The command line, run as the program that users run.

mod doctor;
mod fake;
mod flags;
mod healthcheck;
mod help;
mod identity;
mod key;
mod migrate;
mod policy;
mod program;
mod server;
mod watch;
