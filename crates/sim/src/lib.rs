//! A virtual world: seeded traffic on which rules and policies are tried before they are trusted.
//!
//! Nothing here reads a clock or the system's randomness: the same seed makes the same world.

pub mod rules;
