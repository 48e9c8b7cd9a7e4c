//! How quickly the daemon guards.
fn main() {}
