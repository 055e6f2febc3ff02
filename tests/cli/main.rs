//! The command line, run as the program that users run.

mod config_check;
mod doctor;
mod fake;
mod flags;
mod healthcheck;
mod help;
mod identity;
mod key;
mod migrate;
mod policy;
mod policy_explain;
mod policy_lint;
mod program;
mod server;
mod trust;
mod watch;
