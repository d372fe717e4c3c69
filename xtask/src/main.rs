//! Developer commands of snapcrane.
fn main() {}
