//! The `snapcrane` command.
fn main() {}
