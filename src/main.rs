//! The server and the command line.

fn main() {}
