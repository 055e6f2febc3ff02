//! placeholder
pub mod encoding;
/// A key.
#[derive(Debug)]
pub struct Key;
