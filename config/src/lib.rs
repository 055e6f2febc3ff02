//! What an operator may write, and its checked form.

pub mod keystore;
