//! A virtual world: seeded traffic on which rules and policies are tried before they are trusted.
//!
//! Nothing here reads a clock or the system's randomness: the same seed makes the same world.
//!
//! | room | what it holds |
//! | --- | --- |
//! | [`rules`] | rollback rules side by side, on the same traffic |
//! | [`scenario`] | what happens to a rollout, as a file |
//! | [`world`] | the loop in virtual time: a policy on a scenario |
//! | [`run`] | what came of it |
//! | [`timeline`] | the same for a terminal |
//! | [`report`] | the same as one HTML page |

mod evidence;
mod latency;
mod record;
pub mod report;
pub mod rules;
pub mod run;
pub mod scenario;
mod story;
pub mod timeline;
mod traffic;
pub mod world;
