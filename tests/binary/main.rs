//! `kes server` as the program that is installed: its banner, its exit codes, its signals and what the system knows of
//! its process.

mod activation;
mod banner;
mod client;
mod flags;
mod haproxy;
mod health;
mod log;
mod notify;
mod process;
mod program;
mod refusals;
mod reload;
mod signals;
mod site;
