//! The decision core seen from outside: one module per rule, the matrix of commands, properties of
//! random histories, and the sentences people read.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod advance;
mod backtested;
mod blind;
mod commands;
mod explained;
mod harm;
mod health;
mod invariants;
mod matrix;
mod new_build;
mod on_breach;
mod owned_evidence;
mod preflight;
mod properties;
mod replayed;
mod safety;
mod sentences;
mod soak;
mod vectors;
mod walk;
mod wire;
mod world;
