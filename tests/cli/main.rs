//! The command line, run as the program that users run.

mod completion;
mod config_check;
mod doctor;
mod fake;
mod flags;
mod foreign;
mod healthcheck;
mod help;
mod identity;
mod key;
mod manual;
mod migrate;
mod old_invocations;
mod policy;
mod policy_explain;
mod policy_lint;
mod program;
mod recorded;
mod server;
mod terminal;
mod trust;
mod watch;
